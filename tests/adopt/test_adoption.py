"""Adoptions are written as a whole or not at all."""

from pathlib import Path

import pytest

from artifactflow.adopt import Adoption, Remark, diff_of, write_adoption
from artifactflow.errors import OutsideError, Place, UsageError


def adoption(folder: Path) -> Adoption:
    return Adoption("component", folder, {"MLproject": "name: new\n", "conda.yaml": "name: new\n"})


def test_files_that_exist_are_named_and_nothing_is_written(tmp_path):
    (tmp_path / "conda.yaml").write_text("mine\n")
    with pytest.raises(UsageError, match=r"^conda\.yaml exists in "):
        write_adoption(adoption(tmp_path))
    assert [file.name for file in tmp_path.iterdir()] == ["conda.yaml"]
    (tmp_path / "MLproject").write_text("mine\n")
    with pytest.raises(UsageError, match=r"^MLproject and conda\.yaml exist in ") as caught:
        write_adoption(adoption(tmp_path))
    assert "--force" in caught.value.hint


def test_force_replaces_them(tmp_path):
    (tmp_path / "conda.yaml").write_text("mine\n")
    assert write_adoption(adoption(tmp_path), force=True) == [tmp_path / "MLproject", tmp_path / "conda.yaml"]
    assert (tmp_path / "conda.yaml").read_text() == "name: new\n"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["MLproject", "conda.yaml"]


def test_a_file_that_cannot_be_replaced_leaves_the_others_as_they_were(tmp_path):
    (tmp_path / "MLproject").write_text("mine\n")
    (tmp_path / "conda.yaml").mkdir()  # no file takes a folder's place
    with pytest.raises(OutsideError, match="cannot write into"):
        write_adoption(adoption(tmp_path), force=True)
    assert (tmp_path / "MLproject").read_text() == "mine\n"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["MLproject", "conda.yaml"]


def test_the_diff_is_against_what_exists(tmp_path):
    (tmp_path / "conda.yaml").write_text("name: old\n")
    shown = diff_of(adoption(tmp_path))
    assert "--- /dev/null\n" in shown
    assert "-name: old\n+name: new\n" in shown


def test_a_remark_names_file_and_line():
    assert str(Remark("unknown", Place("/a/main.py", 12, 3))) == "main.py:12: unknown"
