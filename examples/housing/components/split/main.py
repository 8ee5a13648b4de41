"""Set some rows aside for the test."""

from typing import Annotated, NamedTuple

import pandas as pd
import typer

from artifactflow import Input, Output, run, step


class Parts(NamedTuple):
    train: Annotated[pd.DataFrame, Output("housing-train", type="train_data", description="Rows to learn from")]
    test: Annotated[pd.DataFrame, Output("housing-test", type="test_data", description="Rows to be judged by")]


@step
def split(
    table: Annotated[pd.DataFrame, Input(type="clean_data", description="The table to split")],
    test_size: Annotated[float, typer.Option(help="Share of the rows kept for the test", min=0.01, max=0.99)] = 0.2,
    seed: Annotated[int, typer.Option(help="Seed of the shuffle", min=0)] = 42,
) -> Parts:
    """Split a table into rows to learn from and rows to be judged by."""
    test = table.sample(frac=test_size, random_state=seed)
    return Parts(train=table.drop(test.index), test=test)


if __name__ == "__main__":
    run(split)
