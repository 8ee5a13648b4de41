"""What `artifactflow` offers by name, and how errors behave that cross a process."""

import importlib
import inspect
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import artifactflow
from artifactflow.errors import ArtifactflowError, Place


def test_every_public_name_is_there_and_says_what_it_is():
    for name in artifactflow.__all__:
        value = getattr(artifactflow, name)
        assert name == "__version__" or inspect.getdoc(value), name


def test_a_name_that_is_not_public_is_refused():
    with pytest.raises(AttributeError, match="has no attribute 'stpe'"):
        _ = artifactflow.stpe


def test_star_import_brings_the_public_names():
    namespace: dict[str, object] = {}
    exec("from artifactflow import *", namespace)
    assert set(artifactflow.__all__) <= set(namespace)


def test_the_package_is_typed():
    assert (Path(artifactflow.__file__).parent / "py.typed").is_file()


def test_the_module_is_the_command():
    result = subprocess.run([sys.executable, "-m", "artifactflow", "--version"], capture_output=True, text=True)
    assert result.stdout == f"artifactflow {artifactflow.__version__}\n"


def _error_classes() -> list[type[ArtifactflowError]]:
    found, waiting = [], [ArtifactflowError]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting += kind.__subclasses__()
    return found


@pytest.mark.parametrize("kind", _error_classes(), ids=lambda kind: kind.__name__)
def test_an_error_survives_the_way_to_another_process(kind):
    error = kind("what happened", hint="what to do", place=Place("MLproject", 3, 5))
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert (copy.message, copy.hint, copy.place, copy.exit_code) == (
        error.message,
        error.hint,
        error.place,
        error.exit_code,
    )


def test_the_docstring_of_errors_draws_every_class_with_its_exit_code():
    drawn = importlib.import_module("artifactflow.errors").__doc__ or ""
    for kind in _error_classes():
        if kind is not ArtifactflowError and kind.__module__ == ArtifactflowError.__module__:
            line = next(line for line in drawn.splitlines() if f" {kind.__name__} " in line)
            assert f" {kind.exit_code} " in line, kind


class TestTheLibrary:
    """The front door without a command line."""

    @pytest.fixture
    def table(self, tmp_path: Path) -> Path:
        file = tmp_path / "flats.csv"
        file.write_text("size,price\n" + "".join(f"{20 + n},{100 + 7 * n}.5\n" for n in range(40)))
        return file

    def test_a_download_is_a_version_that_loads_as_a_table(self, table, tmp_path):
        flats = artifactflow.download(str(table), artifact_description="Flats", store=tmp_path / "store")
        assert (flats.ref, flats.version.description) == ("flats:v1", "Flats")
        assert flats.load().shape == (40, 2)
        assert flats.get(tmp_path / "out").read_bytes() == table.read_bytes()
        assert artifactflow.download(str(table), store=tmp_path / "store").ref == "flats:v1"

    def test_training_gives_a_model_that_predicts_and_its_metrics(self, table, tmp_path):
        artifactflow.download(str(table), store=tmp_path / "store")
        made = artifactflow.train(data="flats", target="price", estimator="ridge", store=tmp_path / "store")
        assert set(made) == {"model", "metrics"}
        assert made["metrics"].load()["r2"] > 0.9
        assert made["model"].load().predict(_frame(table)).shape == (40,)

    def test_a_wrong_value_is_an_error_of_ours(self, table, tmp_path):
        with pytest.raises(ArtifactflowError, match=r"test_size takes a number from 0\.01 to 0\.99, got 2"):
            artifactflow.train(test_size=2, store=tmp_path / "store")


def _frame(table: Path):
    import pandas as pd

    return pd.read_csv(table).drop(columns="price")
