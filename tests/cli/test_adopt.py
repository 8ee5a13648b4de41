"""`artifactflow adopt`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from artifactflow.read.mlproject import read_component


@pytest.fixture
def iris(tmp_path: Path, seed: Path) -> Path:
    """The script that the project grew from, alone in a folder."""
    folder = tmp_path / "iris"
    folder.mkdir()
    shutil.copy(seed / "iris-classifier" / "train_iris.py", folder)
    return folder


def logged(folder: Path) -> str:
    """What the one step has printed that ran with its store in `folder`."""
    (log,) = folder.glob(".artifactflow/runs/*/logs")
    return log.read_text()


def test_the_first_script_becomes_a_component_that_runs_here_and_under_mlflow(cli, iris, artifactflow):
    answer = cli("adopt", iris / "train_iris.py")
    assert answer.out == "wrote iris/MLproject\nwrote iris/conda.yaml\n"
    assert answer.err == ""
    defaults = {p.name: p.default for p in read_component(iris).contract().parameters}
    assert defaults == {"test_size": 0.2, "random_seed": 42, "max_iter": 200}
    cli("check", iris, "--strict")
    ours = artifactflow("run-pipeline", iris, "-P", "max_iter=300")
    assert ours.returncode == 0, ours.stderr
    assert "Model Accuracy: 1.00" in logged(iris.parent)
    theirs = subprocess.run(
        [sys.executable, "-m", "mlflow", "run", ".", "--env-manager", "local", "-P", "max_iter=300"],
        cwd=iris,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "MLFLOW_TRACKING_URI": f"sqlite:///{iris.parent}/mlflow.db",
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert theirs.returncode == 0, theirs.stderr
    assert "Model Accuracy: 1.00" in theirs.stdout


def test_files_that_exist_are_refused_shown_and_overwritten(cli, iris):
    cli("adopt", iris)
    (iris / "MLproject").write_text("name: mine\n")
    assert "MLproject exists in iris" in cli("adopt", "iris", code=2).err
    shown = cli("adopt", "iris", "--diff").out
    assert "--- a/iris/MLproject\n+++ b/iris/MLproject\n" in shown
    assert "-name: mine\n+name: iris\n" in shown
    assert (iris / "MLproject").read_text() == "name: mine\n"
    cli("adopt", "iris", "--force")
    assert (iris / "MLproject").read_text().startswith("name: iris\n")


def test_an_environment_file_is_replaced_only_on_request(cli, iris):
    (iris / "conda.yaml").write_text("name: mine\ndependencies: [python=3.11]\n")
    answer = cli("adopt", iris)
    assert answer.out == "wrote iris/MLproject\n"
    assert answer.err == "conda.yaml: is used as it is\n"
    assert "MLproject and conda.yaml exist" in cli("adopt", iris, "--env-file", "conda", code=2).err
    cli("adopt", iris, "--env-file", "conda", "--force")
    assert "scikit-learn==" in (iris / "conda.yaml").read_text()


def test_json(cli, iris):
    (iris / "train_iris.py").write_text("import sys\nopen('x.csv', 'w').write(sys.argv[1])\n")
    answer = cli("adopt", iris, "--env-file", "python", "--diff", "--json").json
    assert (answer["kind"], answer["written"]) == ("component", False)
    assert [Path(file["path"]).name for file in answer["files"]] == ["MLproject", "python_env.yaml"]
    (remark,) = answer["remarks"]
    assert remark["line"] == 2
    assert remark["message"].startswith("x.csv is written")
    assert [file.name for file in iris.iterdir()] == ["train_iris.py"]


def test_a_wrong_kind_of_environment_file(cli, iris):
    assert "did you mean conda?" in cli("adopt", iris, "--env-file", "conds", code=2).err
