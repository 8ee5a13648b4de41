import subprocess
import sys
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path, PosixPath
from typing import Annotated, Any, Dict, List, Optional, TypedDict  # noqa: UP035 - the old spellings are the subject

import pandas
import pytest
from matplotlib.figure import Figure
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression, Ridge

from artifactflow.errors import ContractError
from artifactflow.formats import (
    FORMATS,
    format_of_annotation,
    format_of_file,
    format_of_type_name,
    model,
    read_any,
    structured,
    table,
)


class OwnEstimator(BaseEstimator):
    pass


class Scores(TypedDict):
    accuracy: float


@pytest.mark.parametrize(
    ("annotation", "name"),
    [
        (Path, "file"),
        (PosixPath, "file"),
        (Path | None, "file"),
        (Optional[Path], "file"),  # noqa: UP045
        (Annotated[Path | None, "anything"], "file"),
        (pandas.DataFrame, "table"),
        (pandas.DataFrame | None, "table"),
        (LogisticRegression, "model"),
        (LogisticRegression | Ridge, "model"),
        (ClassifierMixin, "model"),
        (OwnEstimator, "model"),
        (dict, "structured"),
        (dict[str, Any], "structured"),
        (Dict[str, float], "structured"),  # noqa: UP006
        (List[int], "structured"),  # noqa: UP006
        (list[dict[str, int]], "structured"),
        (dict | list, "structured"),
        (Mapping[str, int], "structured"),
        (OrderedDict, "structured"),
        (Scores, "structured"),
        (Figure, "figure"),
    ],
)
def test_annotation_chooses_the_format(annotation, name):
    assert format_of_annotation(annotation).name == name


@pytest.mark.parametrize("annotation", [int, str, Any, object, None, pandas.Series, Path | str, Path | dict, "Path"])
def test_an_annotation_without_a_format_is_refused_with_what_is_understood(annotation):
    with pytest.raises(ContractError, match="no format") as caught:
        format_of_annotation(annotation)
    for word in ("Path", "pandas.DataFrame", "scikit-learn", "dict", "Figure"):
        assert word in caught.value.hint


@pytest.mark.parametrize(
    ("dotted", "name"),
    [
        ("pandas.DataFrame", "table"),
        ("pandas.core.frame.DataFrame", "table"),
        ("sklearn.linear_model.LogisticRegression", "model"),
        ("sklearn.base.BaseEstimator", "model"),
        ("pathlib.Path", "file"),
        ("dict", "structured"),
        ("list", "structured"),
        ("builtins.dict", "structured"),
        ("typing.Dict", "structured"),
        ("collections.abc.Mapping", "structured"),
        ("matplotlib.figure.Figure", "figure"),
    ],
)
def test_a_name_read_from_source_means_what_the_class_means(dotted, name):
    assert format_of_type_name(dotted).name == name


@pytest.mark.parametrize("dotted", ["int", "DataFrame", "pandas.Series", "mine.DataFrame", "sklearnish.Model", ""])
def test_an_unknown_name_has_no_format(dotted):
    assert format_of_type_name(dotted) is None


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("a.csv", "table"),
        ("A.CSV", "table"),
        ("a.b.tsv.zst", "table"),
        ("a.parquet", "table"),
        ("a.jsonl.gz", "table"),
        ("a.json", "structured"),
        ("a.skops", "model"),
        ("a.gz", "file"),
        ("a.parquet.gz", "file"),
        ("a.joblib", "file"),
        ("csv", "file"),
    ],
)
def test_a_stored_file_is_loaded_by_its_ending(file, name):
    assert format_of_file(Path(file)).name == name


def test_a_folder_with_one_file_is_that_file_and_with_two_a_folder(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.csv").write_text("x\n1\n")
    assert format_of_file(tmp_path) is table
    assert read_any(tmp_path)["x"].tolist() == [1]
    (tmp_path / "b.csv").write_text("x\n1\n")
    assert read_any(tmp_path) == tmp_path


def test_read_any_gives_objects_and_paths(tmp_path):
    structured.write({"a": 1}, tmp_path / "a.json")
    model.write(OwnEstimator(), tmp_path / "own.skops")
    (tmp_path / "notes.txt").write_text("")
    assert read_any(tmp_path / "a.json") == {"a": 1}
    assert read_any(tmp_path / "notes.txt") == tmp_path / "notes.txt"
    assert isinstance(read_any(tmp_path / "own.skops", trust=True), OwnEstimator)


def test_every_format_is_registered_under_its_name():
    assert {name: known.name for name, known in FORMATS.items()} == {name: name for name in FORMATS}
    assert {known.ending for known in FORMATS.values()} == {".csv", ".skops", ".json", ".png", ""}


def test_choosing_a_format_imports_no_heavy_library():
    code = (
        "import sys; from pathlib import Path; import artifactflow.formats as formats\n"
        "formats.format_of_annotation(Path | None); formats.format_of_type_name('pandas.DataFrame')\n"
        "formats.format_of_file(Path('a.skops')); import artifactflow.steps.train\n"
        "print({'pandas', 'sklearn', 'skops', 'matplotlib', 'numpy', 'joblib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
