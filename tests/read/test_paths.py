"""A path that cannot be is one where there is nothing."""

import pytest

from artifactflow.read.paths import exists, is_file, is_folder


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "missing", "file/below"])
def test_what_cannot_be_there_is_not_there(tmp_path, name):
    (tmp_path / "file").touch()
    assert [ask(tmp_path / name) for ask in (exists, is_file, is_folder)] == [False] * 3


def test_files_and_folders_are_told_apart(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert [ask(tmp_path / "file") for ask in (exists, is_file, is_folder)] == [True, True, False]
    assert [ask(tmp_path) for ask in (exists, is_file, is_folder)] == [True, False, True]
    assert not exists(tmp_path / "link")
