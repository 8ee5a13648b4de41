"""Split, fit and score: what `train` does with a problem, whatever it was made from."""

from __future__ import annotations

import math
import platform
import warnings
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import typer

from artifactflow.errors import UsageError

_allowed: Final = {
    "classification": ("logistic-regression", "random-forest", "hist-gradient-boosting"),
    # On California housing: RMSE 46,900 against 70,100 of ridge and 49,700 of random-forest, fitted in 0.3 s.
    "regression": ("hist-gradient-boosting", "random-forest", "ridge"),
}
"""The estimators of each task; the first is what `auto` means."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is to be learned.

    `features` has one row an example, `answers` what to predict for it; `class_names` are the names of the sorted
    distinct answers, empty for regression. `preparation` turns features into numbers, None where they are numbers.
    """

    task: str
    features: Any
    answers: Any
    target: str
    feature_types: dict[str, str]
    class_names: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    preparation: Any = None


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows to learn from and those to test on."""

    train_features: Any
    test_features: Any
    train_answers: Any
    test_answers: Any


def split(problem: Problem, test_size: float, random_seed: int, *, stratify: bool) -> Rows:
    """Draw the test rows, with `stratify` in proportion to the classes where these are large enough.

    Raises UsageError where either side would be too small to be of use.
    """
    from sklearn.model_selection import train_test_split

    count = len(problem.answers)
    test_count = math.ceil(count * test_size)
    train_count = count - test_count
    regression = problem.task == "regression"
    # R² compares with the mean of the test rows, so it needs two of them.
    if train_count < 2 or test_count < (2 if regression else 1):
        raise UsageError(
            f"a test size of {test_size} leaves {train_count} of {count} rows to learn from, {test_count} to test on",
            hint="give another --test-size, or more rows",
        )
    sizes = Counter(problem.answers.tolist())
    in_proportion = stratify and not regression
    in_proportion = in_proportion and min(sizes.values()) >= 2 and min(train_count, test_count) >= len(sizes)
    rows = Rows(
        *train_test_split(
            problem.features,
            problem.answers,
            test_size=test_size,
            random_state=random_seed,
            stratify=problem.answers if in_proportion else None,
        )
    )
    if not regression and len(set(rows.train_answers.tolist())) < 2:
        raise UsageError(
            f"only one class of {problem.target} is among the {train_count} rows to learn from",
            hint="give a smaller --test-size, or more rows",
        )
    return rows


def fit(problem: Problem, rows: Rows, estimator: str, max_iter: int, random_seed: int) -> tuple[Any, str]:
    """The fitted estimator, in a Pipeline where the problem needs preparation, and its name.

    Raises UsageError for an estimator that is not for this task.
    """
    from joblib import parallel_config
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.pipeline import Pipeline
    from threadpoolctl import threadpool_limits

    allowed = _allowed[problem.task]
    chosen = allowed[0] if estimator == "auto" else estimator
    if chosen not in allowed:
        kind = "numbers" if problem.task == "regression" else "classes"
        raise UsageError(
            f"{chosen} cannot predict {problem.target}, which holds {kind}: use one of {', '.join(allowed)}"
        )
    fitted = _estimator(problem.task, chosen, max_iter, random_seed)
    if problem.preparation is not None:
        fitted = Pipeline([("prepare", problem.preparation), ("estimate", fitted)])
    # Sums made by several threads depend on their number; whole trees made by several threads do not.
    with (
        warnings.catch_warnings(record=True) as caught,
        threadpool_limits(limits=1),
        parallel_config(backend="threading", n_jobs=-1),
    ):
        warnings.simplefilter("always")
        fitted.fit(rows.train_features, rows.train_answers)
    for warning in caught:
        if not issubclass(warning.category, ConvergenceWarning):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    if any(issubclass(warning.category, ConvergenceWarning) for warning in caught):
        typer.echo(f"{chosen} stopped after {max_iter} iterations without converging, a larger --max-iter may help")
    return fitted, chosen


def _estimator(task: str, name: str, max_iter: int, random_seed: int) -> Any:
    from sklearn import ensemble, linear_model

    match task, name:
        case _, "logistic-regression":
            return linear_model.LogisticRegression(max_iter=max_iter, random_state=random_seed)
        case _, "ridge":
            return linear_model.Ridge(random_state=random_seed)
        case "classification", "random-forest":
            return ensemble.RandomForestClassifier(random_state=random_seed)
        case "classification", _:
            return ensemble.HistGradientBoostingClassifier(max_iter=max_iter, random_state=random_seed)
        case _, "random-forest":
            # Leaves of one row make a forest five times as large on housing, and no better.
            return ensemble.RandomForestRegressor(min_samples_leaf=5, random_state=random_seed)
        case _:
            return ensemble.HistGradientBoostingRegressor(max_iter=max_iter, random_state=random_seed)


def evaluate(problem: Problem, rows: Rows, fitted: Any) -> tuple[dict[str, float | int], str]:
    """The scores on the test rows, and what to print of them."""
    import numpy
    from sklearn import metrics

    predicted, expected = fitted.predict(rows.test_features), rows.test_answers
    scores: dict[str, float | int]
    if problem.task == "regression":
        scores = {
            "rmse": float(metrics.root_mean_squared_error(expected, predicted)),
            "mae": float(metrics.mean_absolute_error(expected, predicted)),
            "r2": float(metrics.r2_score(expected, predicted)),
        }
        report = "\n".join(
            f"{label}: {shown(scores[key])}" for key, label in (("rmse", "RMSE"), ("mae", "MAE"), ("r2", "R²"))
        )
    else:
        # A class without a test row has a line of zeros, rather than no line and a warning.
        common = {"labels": numpy.unique(problem.answers), "zero_division": 0}
        averages = {"average": "macro", **common}
        scores = {
            "accuracy": float(metrics.accuracy_score(expected, predicted)),
            "f1_macro": float(metrics.f1_score(expected, predicted, **averages)),
            "precision_macro": float(metrics.precision_score(expected, predicted, **averages)),
            "recall_macro": float(metrics.recall_score(expected, predicted, **averages)),
        }
        details = metrics.classification_report(expected, predicted, target_names=problem.class_names, **common)
        report = f"Model Accuracy: {scores['accuracy']:.2f}\n\nClassification Report:\n{details}"
    return scores | {"rows_train": len(rows.train_answers), "rows_test": len(expected)}, report


def shown(number: float) -> str:
    """A score with four significant digits, never with an exponent between a millionth and a billion.

    >>> shown(46895.3225), shown(0.83217), shown(-12.3456)
    ('46,895', '0.8322', '-12.35')
    """
    size = abs(number)
    if size == 0 or not 1e-6 <= size < 1e9:
        return f"{number:.4g}"
    return f"{number:,.{max(0, 3 - math.floor(math.log10(size)))}f}"


def library_versions() -> dict[str, str]:
    """What a model depends on when it is loaded again."""
    packages = ("scikit-learn", "numpy", "pandas")
    from importlib.metadata import version  # planning reads this file, and trains nothing

    return {"python": platform.python_version()} | {package: version(package) for package in packages}
