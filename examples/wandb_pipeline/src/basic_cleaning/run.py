#!/usr/bin/env python
"""
Download the raw data from W&B, clean it, and log the result as a new artifact
"""
import argparse
import logging
import os

import pandas as pd
import wandb

logging.basicConfig(level=logging.INFO, format="%(asctime)-15s %(message)s")
logger = logging.getLogger()


def go(args):

    run = wandb.init(job_type="basic_cleaning")
    run.config.update(args)

    artifact_local_path = run.use_artifact(args.input_artifact).file()
    df = pd.read_csv(artifact_local_path)

    logger.info("Dropping outliers")
    idx = df["price"].between(args.min_price, args.max_price)
    df = df[idx].copy()

    logger.info("Reading the date of the last review")
    df["last_review"] = pd.to_datetime(df["last_review"])

    df.to_csv("clean_sample.csv", index=False)

    artifact = wandb.Artifact(
        args.output_artifact,
        type=args.output_type,
        description=args.output_description,
    )
    artifact.add_file("clean_sample.csv")
    run.log_artifact(artifact)

    os.remove("clean_sample.csv")


if __name__ == "__main__":

    parser = argparse.ArgumentParser(description="A very basic data cleaning")

    parser.add_argument("--input_artifact", type=str, help="The raw data", required=True)

    parser.add_argument("--output_artifact", type=str, help="Name for the cleaned data", required=True)

    parser.add_argument("--output_type", type=str, help="Type of the cleaned data", required=True)

    parser.add_argument("--output_description", type=str, help="What was done to the data", required=True)

    parser.add_argument("--min_price", type=float, help="Lowest price a night that is kept", required=True)

    parser.add_argument("--max_price", type=float, help="Highest price a night that is kept", required=True)

    args = parser.parse_args()

    go(args)
