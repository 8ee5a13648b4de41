"""Which script of a folder is adopted, and as what."""

import pytest

from artifactflow.adopt import adopt
from artifactflow.errors import NotFoundError, UsageError


def manifest(folder) -> str:
    return adopt(folder).texts["MLproject"]


def test_the_only_script_of_a_folder(script):
    assert "python clean.py" in manifest(script("print()", "component/clean.py").parent)


def test_the_script_that_the_others_are_imported_by(script):
    script("import helper", "component/train.py")
    folder = script("x = 1", "component/helper.py").parent
    script("import helper", "component/test_helper.py")
    assert "python train.py" in manifest(folder)


def test_main_before_all_others(script):
    script("print()", "component/other.py")
    assert "python main.py" in manifest(script("print()").parent)


def test_the_one_that_is_started(script):
    script("x = 1", "component/a.py")
    assert "python b.py" in manifest(script('if __name__ == "__main__": print()', "component/b.py").parent)


def test_several_candidates_are_named(script):
    script("print()", "component/a.py")
    folder = script("print()", "component/b.py").parent
    with pytest.raises(UsageError, match=r"has several scripts: a\.py, b\.py") as caught:
        adopt(folder)
    assert caught.value.hint == f"say which one: artifactflow adopt {folder / 'a.py'}"


def test_nothing_to_adopt(tmp_path, script):
    with pytest.raises(NotFoundError, match="there is no Python script in"):
        adopt(tmp_path)
    with pytest.raises(NotFoundError, match="there is no"):
        adopt(tmp_path / "nothing")
    with pytest.raises(UsageError, match="is no Python script"):
        adopt(script("hello", "component/notes.txt"))


def test_a_root_becomes_a_pipeline(script):
    adoption = adopt(script('import mlflow\nmlflow.run("clean", "main", parameters={"rows": 3})\n').parent)
    assert adoption.kind == "pipeline"
    assert list(adoption.texts) == ["pipeline.yaml"]
