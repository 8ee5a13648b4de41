"""What is found below a path, once, and what is left out."""

import pytest

from artifactflow.check.tree import read_tree
from artifactflow.errors import NotFoundError

MANIFEST = "entry_points: {main: {command: python main.py}}\n"


def below(tmp_path, subjects):
    return sorted(str(path.relative_to(tmp_path)) for path in subjects)


def test_manifests_pipelines_and_orchestrators_are_found(write, tmp_path):
    write(
        {
            "a/MLproject": MANIFEST,
            "b/mlproject": MANIFEST,
            "c/MLproject.yaml": MANIFEST,
            "pipeline.yaml": "steps: {}\n",
            "main.py": "import mlflow\nmlflow.run('a')\n",
            "run.sh": "mlflow run a\n",
            "a/main.py": "print(1)\n",
            "notes.txt": "mlflow run a\n",
        }
    )
    tree = read_tree([tmp_path])
    assert below(tmp_path, (component.manifest_path for component in tree.components)) == ["a/MLproject", "b/mlproject"]
    assert below(tmp_path, tree.misnamed) == ["c/MLproject.yaml"]
    assert below(tmp_path, (pipeline.path for pipeline in tree.pipelines)) == ["pipeline.yaml"]
    assert below(tmp_path, (root.path for root in tree.orchestrators)) == ["main.py", "run.sh"]


def test_folders_of_tools_and_hidden_ones_are_left_out(write, tmp_path):
    write({f"{folder}/MLproject": MANIFEST for folder in (".git", "__pycache__", "mlruns", ".venv/x", "site-packages")})
    assert read_tree([tmp_path]).components == []


@pytest.mark.parametrize("pattern", ["old", "old/*", "*/MLproject", "ol?"])
def test_what_is_excluded_is_left_out(write, tmp_path, pattern):
    write({"old/MLproject": MANIFEST})
    assert len(read_tree([tmp_path]).components) == 1
    assert read_tree([tmp_path], [pattern]).components == []


def test_a_path_given_twice_or_by_a_link_counts_once(write, tmp_path):
    write({"a/MLproject": MANIFEST})
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert len(read_tree([tmp_path, tmp_path / "a", tmp_path / "b", tmp_path / "a" / "MLproject"]).components) == 1


def test_a_path_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(NotFoundError, match="there is no"):
        read_tree([tmp_path / "nowhere"])


def test_a_component_outside_of_the_checked_paths_is_found_by_its_folder(write, tmp_path):
    write({"a/MLproject": MANIFEST, "b/MLproject": MANIFEST})
    tree = read_tree([tmp_path / "a"])
    assert tree.component_at(tmp_path / "a") is tree.components[0]
    assert tree.component_at(tmp_path / "b").manifest_path == tmp_path / "b" / "MLproject"
    assert tree.component_at(tmp_path) is None
    assert tree.component_at(tmp_path / "nowhere") is None
