import pytest

from artifactflow.errors import NotFoundError, StepFailedError, UsageError
from artifactflow.formats import file


def test_an_input_is_its_path(tmp_path):
    assert file.read(tmp_path) == tmp_path
    with pytest.raises(NotFoundError):
        file.read(tmp_path / "nothing")


def test_a_written_file_is_moved_and_replaces_what_stood_there(tmp_path):
    (tmp_path / "made.txt").write_text("new")
    (tmp_path / "place.txt").write_text("old")
    file.write(tmp_path / "made.txt", tmp_path / "place.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["place.txt"]
    assert (tmp_path / "place.txt").read_text() == "new"


def test_a_written_folder_takes_the_place_of_an_empty_one(tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "a").write_text("a")
    (tmp_path / "place").mkdir()
    file.write(str(tmp_path / "made"), tmp_path / "place")
    assert (tmp_path / "place" / "a").read_text() == "a"
    assert not (tmp_path / "made").exists()


def test_what_is_in_its_place_already_stays(tmp_path):
    (tmp_path / "a").write_text("a")
    file.write(tmp_path / "a", tmp_path / "a")
    assert (tmp_path / "a").read_text() == "a"


def test_nothing_that_stands_in_the_way_is_lost(tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "kept").write_text("kept")
    for place in ("full", "full/kept"):
        with pytest.raises(UsageError, match="in the way"):
            file.write(tmp_path / "made", tmp_path / place)
    assert (tmp_path / "full" / "kept").read_text() == "kept"


def test_a_step_that_wrote_nothing_has_failed(tmp_path):
    with pytest.raises(StepFailedError, match="nothing is there"):
        file.write(tmp_path / "made", tmp_path / "place")
    with pytest.raises(StepFailedError, match="gave a NoneType"):
        file.write(None, tmp_path / "place")
