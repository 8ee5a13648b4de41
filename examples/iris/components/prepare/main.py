"""Give the measurements column names, and the species their own."""

from pathlib import Path
from typing import Annotated

import pandas as pd

from artifactflow import Input, Output, run, step

MEASUREMENTS = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


@step
def prepare(
    raw: Annotated[Path, Input(type="raw_data", description="iris.csv: the first line holds counts and class names")],
) -> Annotated[pd.DataFrame, Output("iris", type="clean_data", description="Measurements in cm, and the species")]:
    """Name the columns and the species."""
    with raw.open(encoding="utf-8") as file:
        rows, _, *species = file.readline().strip().split(",")
    table = pd.read_csv(raw, skiprows=1, names=[*MEASUREMENTS, "species"])
    if len(table) != int(rows):
        raise ValueError(f"{raw.name} announces {rows} rows and holds {len(table)}")
    table["species"] = table["species"].map(dict(enumerate(species)))
    print(f"{len(table)} flowers of {', '.join(species)}")
    return table


if __name__ == "__main__":
    run(prepare)
