"""Fit a regressor for house values and score it."""

from typing import Annotated, Any, NamedTuple

import pandas as pd
import typer
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from artifactflow import Input, Output, run, step

TARGET = "median_house_value"


class Trained(NamedTuple):
    model: Annotated[BaseEstimator, Output("housing-model", type="model", description="Predicts house values in USD")]
    metrics: Annotated[dict[str, Any], Output("housing-metrics", type="metrics", description="Scores on the test rows")]


@step
def train(
    train: Annotated[pd.DataFrame, Input(type="train_data", description="Rows to learn from")],
    test: Annotated[pd.DataFrame, Input(type="test_data", description="Rows to be judged by")],
    max_iter: Annotated[int, typer.Option(help="Number of trees that boosting may add", min=1)] = 100,
    seed: Annotated[int, typer.Option(help="Seed of the estimator", min=0)] = 42,
) -> Trained:
    """Fit gradient boosting on the train rows and score it on the test rows."""
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["ocean_proximity"]), remainder="passthrough"
    )
    model = make_pipeline(encode, HistGradientBoostingRegressor(max_iter=max_iter, random_state=seed))
    model.fit(train.drop(columns=TARGET), train[TARGET])
    predicted = model.predict(test.drop(columns=TARGET))
    metrics = {
        "rmse": float(root_mean_squared_error(test[TARGET], predicted)),
        "mae": float(mean_absolute_error(test[TARGET], predicted)),
        "r2": float(r2_score(test[TARGET], predicted)),
        "rows_test": len(test),
    }
    print(f"RMSE {metrics['rmse']:,.0f} USD, R² {metrics['r2']:.3f}")
    return Trained(model, metrics)


if __name__ == "__main__":
    run(train)
