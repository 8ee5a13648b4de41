"""From a table to a problem for scikit-learn: what the target is, and what each column is good for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import typer

from artifactflow.errors import UsageError
from artifactflow.steps.learning import Problem

if TYPE_CHECKING:
    import pandas

most_classes: Final = 20
"""A target of more different whole numbers than this is an amount, not a class."""

most_categories: Final = 20
"""The categories of a column that get a column each when it is one-hot encoded."""

_number_kinds: Final = frozenset({"integer", "floating", "mixed-integer-float", "decimal"})
_category_kinds: Final = frozenset({"string", "boolean", "categorical"})


def problem_of(frame: pandas.DataFrame, target: str) -> Problem:
    """The problem of predicting the column `target`; prints which rows and columns are not used, and why.

    Raises UsageError for a target that has one value only or cannot be learned, and where no column can be used.
    """
    import numpy
    import pandas

    known = frame[frame[target].notna()]
    if dropped := len(frame) - len(known):
        typer.echo(f"{dropped} of {len(frame)} rows have no {target} and are left out")
    answers, task = _answers(known[target], target)
    # Infinite is what a division by zero leaves behind: as good as missing.
    features = known.drop(columns=target)
    numeric = features.select_dtypes("number")
    features = features.assign(**numeric.replace([numpy.inf, -numpy.inf], numpy.nan))
    numbers, categories, left_out = _columns(features)
    for column, reason in left_out.items():
        typer.echo(f"column {column} is left out: {reason}")
    if not numbers and not categories:
        raise UsageError(f"no column beside {target} can be used to predict it")
    used = [column for column in features.columns if column not in left_out]
    # scikit-learn compares missing values with ==, which pandas.NA answers with an error.
    nullable = [column for column in categories if getattr(features[column].dtype, "na_value", None) is pandas.NA]
    plain = {name: features[name].astype(object).where(features[name].notna(), numpy.nan) for name in nullable}
    features = features[used].assign(**plain)
    return Problem(
        task=task,
        features=features,
        answers=answers,
        target=target,
        feature_types={column: str(features[column].dtype) for column in used},
        class_names=[str(value) for value in numpy.unique(answers)] if task == "classification" else [],
        left_out=left_out,
        preparation=_preparation(numbers, categories),
    )


def _answers(target: pandas.Series[Any], name: str) -> tuple[Any, str]:
    """The target as an array, and the task that it makes."""
    from pandas.api.types import infer_dtype

    kind = infer_dtype(target, skipna=True)
    distinct = target.nunique()
    if distinct < 2:
        held = "no value" if not distinct else f"one value only, {target.iloc[0]!r}"
        raise UsageError(f"the target {name} has {held}: there is nothing to tell apart")
    if kind in _number_kinds:
        numbers = target.astype("float64")
        whole = bool((numbers % 1 == 0).all())
        if not whole or distinct > most_classes:
            if numbers.abs().max() == float("inf"):
                raise UsageError(f"the target {name} has infinite values", hint="remove their rows first")
            return numbers.to_numpy(), "regression"
        return numbers.to_numpy().astype("int64"), "classification"
    if kind not in _category_kinds:
        raise UsageError(f"the target {name} holds values of kind {kind}, expected numbers, texts or booleans")
    return target.astype(str).to_numpy(dtype=object), "classification"


def _columns(features: pandas.DataFrame) -> tuple[list[str], list[str], dict[str, str]]:
    """The columns that are numbers, those that are categories, and those left out, each with the reason."""
    from pandas.api.types import infer_dtype

    numbers: list[str] = []
    categories: list[str] = []
    left_out: dict[str, str] = {}
    for name in features.columns:
        column = features[name].dropna()
        kind = infer_dtype(column, skipna=True)
        if column.empty:
            left_out[name] = "it has no value"
        elif kind in _number_kinds:
            numbers.append(name)
        elif kind not in _category_kinds:
            left_out[name] = f"values of kind {kind} are not used"
        elif (distinct := column.nunique()) > max(most_categories, len(column) // 2):
            left_out[name] = f"its {distinct} different values hardly repeat"
        else:
            categories.append(name)
    return numbers, categories, left_out


def _preparation(numbers: list[str], categories: list[str]) -> Any:
    """The part of the pipeline that turns the columns into numbers."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    scaled = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    encoded = make_pipeline(
        SimpleImputer(strategy="most_frequent", keep_empty_features=True),
        OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=most_categories + 1, sparse_output=False),
    )
    return ColumnTransformer([("numbers", scaled, numbers), ("categories", encoded, categories)])
