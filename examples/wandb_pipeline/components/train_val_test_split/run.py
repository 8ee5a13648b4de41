#!/usr/bin/env python
"""
Split a dataset into the rows for training and validation, and those for the test
"""
import argparse
import logging
import tempfile

import pandas as pd
import wandb
from sklearn.model_selection import train_test_split

logging.basicConfig(level=logging.INFO, format="%(asctime)-15s %(message)s")
logger = logging.getLogger()


def go(args):

    run = wandb.init(job_type="train_val_test_split")
    run.config.update(args)

    logger.info(f"Fetching artifact {args.input}")
    df = pd.read_csv(run.use_artifact(args.input).file())

    logger.info("Splitting trainval and test")
    trainval, test = train_test_split(
        df,
        test_size=args.test_size,
        random_state=args.random_seed,
        stratify=df[args.stratify_by] if args.stratify_by != "none" else None,
    )

    for split, rows in {"trainval": trainval, "test": test}.items():
        logger.info(f"Uploading {split}_data.csv dataset")
        with tempfile.NamedTemporaryFile("w") as fp:
            rows.to_csv(fp.name, index=False)

            artifact = wandb.Artifact(
                f"{split}_data.csv",
                type=f"{split}_data",
                description=f"{split} split of dataset",
            )
            artifact.add_file(fp.name)
            run.log_artifact(artifact)
            artifact.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Split test and remainder")

    parser.add_argument("input", type=str, help="Input artifact to split")

    parser.add_argument("test_size", type=float, help="Size of the test split. Fraction of the dataset, or number of items")

    parser.add_argument("--random_seed", type=int, help="Seed for random number generator", default=42, required=False)

    parser.add_argument("--stratify_by", type=str, help="Column to use for stratification", default="none", required=False)

    args = parser.parse_args()

    go(args)
