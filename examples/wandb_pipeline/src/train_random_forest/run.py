#!/usr/bin/env python
"""
Train a random forest on the price, and export the whole inference pipeline
"""
import argparse
import json
import logging
import os
import shutil

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import mlflow
import pandas as pd
import wandb
from feature_engineering import days_since_last_review, flatten
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

logging.basicConfig(level=logging.INFO, format="%(asctime)-15s %(message)s")
logger = logging.getLogger()


def go(args):

    run = wandb.init(job_type="train_random_forest")
    run.config.update(args)

    with open(args.rf_config) as fp:
        rf_config = json.load(fp)
    run.config.update(rf_config)

    # The same seed gives the same forest
    rf_config["random_state"] = args.random_seed

    trainval_local_path = run.use_artifact(args.trainval_artifact).file()
    X = pd.read_csv(trainval_local_path)
    y = X.pop("price")

    logger.info(f"Minimum price: {y.min()}, Maximum price: {y.max()}")

    X_train, X_val, y_train, y_val = train_test_split(
        X,
        y,
        test_size=args.val_size,
        stratify=X[args.stratify_by] if args.stratify_by != "none" else None,
        random_state=args.random_seed,
    )

    logger.info("Fitting")
    sk_pipe, processed_features = get_inference_pipeline(rf_config, args.max_tfidf_features)
    sk_pipe.fit(X_train[processed_features], y_train)

    logger.info("Scoring")
    r_squared = sk_pipe.score(X_val[processed_features], y_val)
    mae = mean_absolute_error(y_val, sk_pipe.predict(X_val[processed_features]))
    logger.info(f"Score: {r_squared}")
    logger.info(f"MAE: {mae}")

    logger.info("Exporting model")
    if os.path.exists("random_forest_dir"):
        shutil.rmtree("random_forest_dir")
    mlflow.sklearn.save_model(
        sk_pipe,
        "random_forest_dir",
        serialization_format=mlflow.sklearn.SERIALIZATION_FORMAT_CLOUDPICKLE,
        pip_requirements=["scikit-learn", "pandas"],
        code_paths=["feature_engineering.py"],
    )

    artifact = wandb.Artifact(
        args.output_artifact,
        type="model_export",
        description="Random forest, with all its preprocessing",
        metadata=rf_config,
    )
    artifact.add_dir("random_forest_dir")
    run.log_artifact(artifact)

    fig_feat_imp = plot_feature_importance(sk_pipe, processed_features)

    run.summary["r2"] = r_squared
    run.log({"mae": mae, "feature_importance": wandb.Image(fig_feat_imp)})


def plot_feature_importance(pipe, feat_names):
    # The words of the name come last, as one feature each: they are shown as one
    importances = pipe["random_forest"].feature_importances_
    feat_imp = importances[: len(feat_names) - 1]
    nlp_importance = sum(importances[len(feat_names) - 1 :])

    fig_feat_imp, sub_feat_imp = plt.subplots(figsize=(8, 6))
    sub_feat_imp.bar(range(len(feat_names)), [*feat_imp, nlp_importance], color="r", align="center")
    sub_feat_imp.set_xticks(range(len(feat_names)))
    sub_feat_imp.set_xticklabels(feat_names, rotation=90)
    fig_feat_imp.tight_layout()
    return fig_feat_imp


def get_inference_pipeline(rf_config, max_tfidf_features):
    """
    The pipeline from the raw columns to the price, and the columns that it reads
    """
    ordinal = ["room_type"]
    non_ordinal = ["neighbourhood_group"]
    zero_imputed = ["minimum_nights", "number_of_reviews", "longitude", "latitude"]

    preprocessor = ColumnTransformer(
        transformers=[
            ("ordinal_cat", OrdinalEncoder(), ordinal),
            ("non_ordinal_cat", make_pipeline(SimpleImputer(strategy="most_frequent"), OrdinalEncoder()), non_ordinal),
            ("impute_zero", SimpleImputer(strategy="constant", fill_value=0), zero_imputed),
            ("transform_date", FunctionTransformer(days_since_last_review), ["last_review"]),
            (
                "transform_name",
                make_pipeline(
                    SimpleImputer(strategy="constant", fill_value=""),
                    FunctionTransformer(flatten),
                    TfidfVectorizer(binary=False, max_features=max_tfidf_features, stop_words="english"),
                ),
                ["name"],
            ),
        ],
        remainder="drop",
    )

    processed_features = ordinal + non_ordinal + zero_imputed + ["last_review", "name"]

    sk_pipe = Pipeline(
        steps=[
            ("preprocessor", preprocessor),
            ("random_forest", RandomForestRegressor(**rf_config)),
        ]
    )

    return sk_pipe, processed_features


if __name__ == "__main__":

    parser = argparse.ArgumentParser(description="Train a random forest")

    parser.add_argument(
        "--trainval_artifact",
        type=str,
        help="Artifact with the rows for training and validation. It is split further",
    )

    parser.add_argument("--val_size", type=float, help="Size of the validation split. Fraction of the dataset")

    parser.add_argument("--random_seed", type=int, help="Seed for random number generator", default=42, required=False)

    parser.add_argument("--stratify_by", type=str, help="Column to use for stratification", default="none", required=False)

    parser.add_argument("--rf_config", help="Path to a JSON file with the settings of the random forest")

    parser.add_argument("--max_tfidf_features", default=10, type=int, help="Maximum number of words to consider")

    parser.add_argument("--output_artifact", type=str, help="Name for the exported model", required=True)

    args = parser.parse_args()

    go(args)
