import json
import os
import re
import subprocess
import sys
import tarfile
import warnings
from pathlib import Path

import numpy
import pandas
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, classification_report
from sklearn.model_selection import train_test_split

from artifactflow.errors import NotFoundError, UsageError
from artifactflow.formats import model, table
from artifactflow.formats.metadata import METADATA_VARIABLE, read_metadata
from artifactflow.steps.train import train

HOUSING = Path(__file__).parents[3] / "shared" / "data" / "housing.tgz"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Train on a frame and give the model, the scores and the metadata of both."""
    monkeypatch.setenv(METADATA_VARIABLE, str(tmp_path / "metadata.json"))

    def run(frame=None, **parameters):
        if frame is not None:
            parameters["data"] = tmp_path / "data.parquet"
            table.write(frame, parameters["data"])
        train(tmp_path / "model.skops", tmp_path / "metrics.json", **parameters)
        scores = json.loads((tmp_path / "metrics.json").read_text())
        return model.read(tmp_path / "model.skops"), scores, read_metadata(tmp_path / "metadata.json")

    return run


def flowers(rows=90):
    """Two informative numbers with holes, a category with holes, a boolean, and things that are no use."""
    generator = numpy.random.default_rng(0)
    kind = numpy.arange(rows) % 3
    frame = pandas.DataFrame(
        {
            "length": kind + generator.normal(0, 0.1, rows),
            "width": generator.normal(0, 1, rows),
            "colour": numpy.array(["red", "green", "blue"], dtype=object)[kind],
            "wild": kind == 1,
            "label": [f"plant {number}" for number in range(rows)],
            "seen": pandas.date_range("2024-01-01", periods=rows),
            "empty": numpy.full(rows, numpy.nan),
            "species": numpy.array(["setosa", "versicolor", "virginica"], dtype=object)[kind],
        }
    )
    frame.loc[::7, "length"] = numpy.nan
    frame.loc[::11, "colour"] = None
    frame.loc[3, "width"] = numpy.inf
    frame["amount"] = frame["width"].replace(numpy.inf, 0) * 3 + kind + 0.5
    return frame


def test_without_data_it_prints_what_the_seed_prints(run, capsys):
    fitted, scores, metadata = run(max_iter=300, test_size=0.25, random_seed=7)
    iris = load_iris()
    rows = train_test_split(iris.data, iris.target, test_size=0.25, random_state=7)
    predicted = LogisticRegression(max_iter=300, random_state=7).fit(rows[0], rows[2]).predict(rows[1])
    accuracy = accuracy_score(rows[3], predicted)
    report = classification_report(rows[3], predicted, target_names=iris.target_names)
    assert capsys.readouterr().out == f"Model Accuracy: {accuracy:.2f}\n\nClassification Report:\n{report}\n"
    assert scores["accuracy"] == accuracy
    assert (scores["rows_train"], scores["rows_test"]) == (112, 38)
    assert isinstance(fitted, LogisticRegression)
    assert metadata["model"]["classes"] == ["setosa", "versicolor", "virginica"]
    assert set(metadata["model"]["libraries"]) == {"python", "scikit-learn", "numpy", "pandas"}
    assert metadata["metrics"] == {"model": "model", **scores}


def test_the_default_model_is_perfect_on_iris(run, capsys):
    run()
    assert capsys.readouterr().out.startswith("Model Accuracy: 1.00\n\nClassification Report:\n")


@pytest.mark.parametrize("estimator", ["auto", "logistic-regression", "random-forest", "hist-gradient-boosting"])
def test_classes_are_learned_from_any_table(run, capsys, estimator):
    frame = flowers().drop(columns="amount")
    fitted, scores, metadata = run(frame, target="species", estimator=estimator, max_iter=100)
    assert scores["accuracy"] > 0.9
    assert {"f1_macro", "precision_macro", "recall_macro"} < scores.keys()
    found = metadata["model"]
    assert found["task"] == "classification"
    assert found["estimator"] == ("logistic-regression" if estimator == "auto" else estimator)
    assert list(found["features"]) == ["length", "width", "colour", "wild"]
    assert list(found["left_out"]) == ["label", "seen", "empty"]
    out = capsys.readouterr().out
    assert "column label is left out: its 90 different values hardly repeat" in out
    assert "Classification Report:" in out
    unseen = frame.head(2).assign(colour=["ultraviolet", None], length=[0.0, numpy.nan])
    assert fitted.predict(unseen)[0] == "setosa"


@pytest.mark.parametrize("estimator", ["auto", "ridge", "random-forest", "hist-gradient-boosting"])
def test_numbers_are_learned_from_any_table(run, capsys, estimator):
    _, scores, metadata = run(flowers(), target="amount", estimator=estimator)
    assert scores["r2"] > 0.5
    assert metadata["model"]["task"] == "regression"
    assert metadata["model"]["classes"] == []
    assert metadata["model"]["estimator"] == ("hist-gradient-boosting" if estimator == "auto" else estimator)
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()[-3:]] == ["RMSE", "MAE", "R²"]


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (numpy.arange(60) % 20, "classification"),
        (numpy.arange(60) % 21, "regression"),
        ((numpy.arange(60) % 3).astype(float), "classification"),
        (numpy.arange(60) % 3 + 0.5, "regression"),
        (numpy.arange(60) % 2 == 0, "classification"),
        (pandas.Categorical(["a", "b", "c"] * 20), "classification"),
    ],
)
def test_few_whole_numbers_are_classes_and_others_are_amounts(run, values, task):
    frame = pandas.DataFrame({"x": numpy.arange(60.0), "y": values})
    _, _, metadata = run(frame, target="y", estimator="random-forest")
    assert metadata["model"]["task"] == task


def test_rows_without_a_target_are_left_out_and_said(run, capsys):
    frame = flowers()
    frame.loc[:9, "species"] = None
    _, scores, _ = run(frame, target="species")
    assert scores["rows_train"] + scores["rows_test"] == 80
    assert "10 of 90 rows have no species and are left out" in capsys.readouterr().out


def test_nullable_and_nested_columns_of_parquet_are_used_or_left_out(run):
    frame = pandas.DataFrame(
        {
            "count": pandas.array([None, 1, 2, 3] * 10, dtype="Int64"),
            "flag": pandas.array([None, True, False, True] * 10, dtype="boolean"),
            "text": pandas.array([None, "a", "b", "c"] * 10, dtype="string"),
            "group": pandas.Categorical([None, "x", "y", "x"] * 10),
            "nested": [[1, 2]] * 40,
            "y": ["p", "q", "r", "q"] * 10,
        }
    )
    _, scores, metadata = run(frame, target="y")
    assert list(metadata["model"]["features"]) == ["count", "flag", "text", "group"]
    assert list(metadata["model"]["left_out"]) == ["nested"]
    assert scores["accuracy"] > 0.4


def test_test_rows_are_drawn_in_proportion_where_the_classes_allow_it(run, capsys):
    frame = pandas.DataFrame({"x": numpy.arange(100.0), "y": ["rare"] * 10 + ["common"] * 90})
    for seed in range(3):
        run(frame, target="y", random_seed=seed)
        supports = dict(re.findall(r"^ +(rare|common) .* ([0-9]+)$", capsys.readouterr().out, re.MULTILINE))
        assert supports == {"rare": "2", "common": "18"}
    frame.loc[0, "y"] = "single"  # a class of one row cannot be on both sides
    _, scores, _ = run(frame, target="y")
    assert scores["rows_test"] == 20


def test_an_estimator_that_did_not_converge_says_so_in_one_line(run, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(max_iter=2)
    first, _, rest = capsys.readouterr().out.partition("\n")
    assert first.startswith("logistic-regression stopped after 2 iterations without converging")
    assert rest.startswith("Model Accuracy: ")


@pytest.mark.parametrize(
    ("parameters", "refusal"),
    [
        ({}, (UsageError, "which column", "length, width")),
        ({"target": "specis"}, (NotFoundError, "no column 'specis'", "did you mean species")),
        ({"target": "species", "estimator": "ridge"}, (UsageError, "classes: use one of logistic-regression", None)),
        ({"target": "amount", "estimator": "logistic-regression"}, (UsageError, "use one of hist-gradient", None)),
        ({"target": "constant"}, (UsageError, "one value only, 'same'", None)),
        ({"target": "empty"}, (UsageError, "has no value", None)),
        ({"target": "seen"}, (UsageError, "of kind datetime64, expected numbers", None)),
        ({"target": "label", "test_size": 0.99}, (UsageError, "leaves 0 of 90 rows to learn from", "test-size")),
        ({"target": "odd", "test_size": 0.97}, (UsageError, "only one class of odd", "test-size")),
    ],
)
def test_what_cannot_be_learned_is_refused_and_nothing_is_written(run, tmp_path, parameters, refusal):
    error, words, hint = refusal
    frame = flowers().assign(constant="same", odd=["odd"] + ["even"] * 89)
    with pytest.raises(error, match=words) as caught:
        run(frame, **parameters)
    assert hint is None or hint in caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["data.parquet"]


def test_a_target_without_a_table_and_a_table_of_nothing_else_are_refused(run):
    with pytest.raises(UsageError, match="there is no table"):
        run(target="species")
    with pytest.raises(UsageError, match="no column beside y"):
        run(pandas.DataFrame({"y": [1, 2] * 5}), target="y")
    with pytest.raises(UsageError, match="ridge cannot predict species"):
        run(estimator="ridge")


def test_another_process_with_another_number_of_threads_gives_the_same_bytes(tmp_path):
    table.write(flowers(), tmp_path / "data.csv")
    code = (
        "from pathlib import Path; from artifactflow.steps.train import train\n"
        "for name in ('species', 'amount'):\n"
        "    train(Path(name + '.skops'), Path(name + '.json'), data=Path('data.csv'), target=name)\n"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=tmp_path, capture_output=True)
    for name in ("species", "amount"):
        train(tmp_path / "here.skops", tmp_path / "here.json", data=tmp_path / "data.csv", target=name)
        for ending in ("skops", "json"):
            assert (tmp_path / f"here.{ending}").read_bytes() == (tmp_path / f"{name}.{ending}").read_bytes()


@pytest.mark.skipif(not HOUSING.exists(), reason=f"{HOUSING} is not on this machine")
def test_housing_prices_are_predicted(run, tmp_path):
    with tarfile.open(HOUSING) as archive:
        frame = pandas.read_csv(archive.extractfile("housing.csv"))
    _, scores, metadata = run(frame, target="median_house_value", max_iter=50)
    assert scores["rows_test"] == 4128
    assert scores["rmse"] < 55_000
    assert len(metadata["model"]["features"]) == 9
    assert metadata["model"]["left_out"] == {}
