"""The built-in step `train`: scikit-learn's iris, or any table, to a model and its metrics.

The rules for a table:

- Rows without a target are dropped. The target is **numbers** where it holds fractions or more than 20 different whole
  numbers; otherwise it is **classes** (texts, booleans, categories, few whole numbers).
- Numbers: missing ones become the median, then all are scaled. Texts, categories and booleans: missing ones become the
  most frequent value, then they are one-hot encoded; the 20 most frequent have a column each, the others share one,
  and a value that was never seen counts among the others.
- Left out, and said so: columns without a value, dates, nested values, and texts that hardly repeat, as names and ids.
- `pandas.NA` in texts and booleans is learned from as a missing value, but scikit-learn cannot predict from it: give
  the model such columns with NaN or None instead.
- The test rows are drawn in proportion to the classes where each class is large enough for that.

The same data, parameters and library versions give the same bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from artifactflow.contract import Input, Output, step
from artifactflow.errors import NotFoundError, UsageError, near_matches
from artifactflow.formats import model as model_format
from artifactflow.formats import structured, table
from artifactflow.formats.metadata import add_metadata
from artifactflow.steps.learning import Problem, evaluate, fit, library_versions, split
from artifactflow.steps.tables import problem_of

if TYPE_CHECKING:
    import pandas

EstimatorName = Literal["auto", "logistic-regression", "random-forest", "hist-gradient-boosting", "ridge"]


@step
def train(
    model: Annotated[
        Path,
        Output(name="{model_name}", type="model", description="The fitted scikit-learn estimator", path="model.skops"),
    ],
    metrics: Annotated[
        Path,
        Output(name="{model_name}-metrics", type="metrics", description="Scores on the test rows", path="metrics.json"),
    ],
    *,
    data: Annotated[Path | None, Input(description="The table to learn from; without it, scikit-learn's iris")] = None,
    target: Annotated[str | None, typer.Option(help="The column of the table to predict")] = None,
    estimator: Annotated[
        EstimatorName,
        typer.Option(help="What to fit; auto is logistic-regression for classes, hist-gradient-boosting for numbers"),
    ] = "auto",
    max_iter: Annotated[
        int,
        typer.Option(help="Most iterations of logistic-regression and hist-gradient-boosting; others have none", min=1),
    ] = 200,
    test_size: Annotated[float, typer.Option(help="Share of the rows kept for the test", min=0.01, max=0.99)] = 0.2,
    random_seed: Annotated[
        int, typer.Option(help="Seed of the split and of the estimator", min=0, max=4294967295)
    ] = 42,
    model_name: Annotated[str, typer.Option(help="Name of the model; its metrics are called NAME-metrics")] = "model",
) -> None:
    """Train a model on a table, or on scikit-learn's iris, and score it on rows that it has not seen."""
    if data is None:
        if target is not None:
            raise UsageError(f"--target {target} names a column, but there is no table", hint="give one: --data NAME")
        problem = _iris()
    else:
        problem = _problem(table.read(data), target)
    rows = split(problem, test_size, random_seed, stratify=data is not None)
    fitted, chosen = fit(problem, rows, estimator, max_iter, random_seed)
    scores, report = evaluate(problem, rows, fitted)
    typer.echo(report)

    model_format.write(fitted, model)
    structured.write(scores, metrics)
    add_metadata(
        "model",
        {
            "task": problem.task,
            "estimator": chosen,
            "target": problem.target,
            "features": problem.feature_types,
            "left_out": problem.left_out,
            "classes": problem.class_names,
            "libraries": library_versions(),
        },
    )
    add_metadata("metrics", {"model": model_name, **scores})


def _iris() -> Problem:
    """Iris as scikit-learn ships it: bare arrays, which is what the figures everybody knows were made with."""
    from sklearn.datasets import load_iris

    iris = load_iris()
    return Problem(
        task="classification",
        features=iris.data,
        answers=iris.target,
        target="species",
        feature_types=dict.fromkeys(iris.feature_names, str(iris.data.dtype)),
        class_names=[str(name) for name in iris.target_names],
    )


def _problem(frame: pandas.DataFrame, target: str | None) -> Problem:
    frame.columns = [str(column) for column in frame.columns]
    columns = ", ".join(frame.columns)
    if target is None:
        raise UsageError("which column is to be predicted?", hint=f"give --target, one of: {columns}")
    if target not in frame.columns:
        raise NotFoundError(
            f"the table has no column {target!r}, it has: {columns}", hint=near_matches(target, frame.columns)
        )
    return problem_of(frame, target)
