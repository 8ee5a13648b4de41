"""The two components that the project grew from, to the letter: run as they stand, judged, mended, run by MLflow."""

import io
import shlex
import shutil
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow.projects._project_spec import load_project


@pytest.fixture
def shell(new_shell: Callable, seed: Path):
    """A user who has the two components."""
    made = new_shell()
    shutil.copytree(seed, made.folder, dirs_exist_ok=True)
    return made


@pytest.fixture
def archive(server) -> str:
    """The address of an archive that holds a table of two rows."""
    table = b"longitude,latitude,median_house_value\n-122.23,37.88,452600\n-122.22,37.86,358500\n"
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as opened:
        member = tarfile.TarInfo("housing.csv")
        member.size = len(table)
        opened.addfile(member, io.BytesIO(table))
    return server.page("/housing.tgz", content.getvalue())


def log_of(folder: Path) -> str:
    """What the one step has printed that ran with its store in `folder`."""
    (log,) = folder.glob(".artifactflow/runs/*/logs")
    return log.read_text()


def findings(answer) -> dict[str, tuple[str, str]]:
    """The findings other than hints: code → place in the component, message."""
    return {
        found["code"]: (f"{Path(found['file']).name}:{found['line']}:{found['column']}", found["message"])
        for found in answer.json["findings"]
        if found["severity"] != "info"
    }


def test_the_training_component_runs_as_it_stands(shell, seed):
    (step,) = shell.artifactflow("run-pipeline", "iris-classifier", "-P", "max_iter=300", "--json").json["steps"]
    assert step["decision"] == "RUN"
    log = log_of(shell.folder)
    assert "Model Accuracy: 1.00\nClassification Report:\n" in log
    assert "accuracy                           1.00        45" in log, "the manifest's test_size of 0.3 counts"
    assert (shell.folder / "iris-classifier" / "MLproject").read_text() == (
        seed / "iris-classifier" / "MLproject"
    ).read_text()


def test_the_download_component_runs_as_it_stands(shell, archive):
    description = "Housing prices; $(touch no)"
    given = {"file_url": archive, "artifact_name": "raw housing", "artifact_description": description}
    shell.artifactflow("run-pipeline", "download_data", *(f"-P{name}={value}" for name, value in given.items()))
    assert repr(["raw housing", "raw_data", description, "housing.csv", (2, 3)]) in log_of(shell.folder)


def test_check_says_what_mlflow_would_do_and_mends_it(shell):
    folder = shell.folder / "iris-classifier"
    project = load_project(str(folder))
    command = project.get_entry_point("train").compute_command({}, str(folder))
    bash = shell.run("bash", "-c", f"cd {shlex.quote(str(folder))} && {command}", code=127)
    assert "--random_seed: command not found" in bash.err

    before = findings(shell.artifactflow("check", "iris-classifier", "--format", "json", code=8))
    assert before == {
        "M021": ("MLproject:6:3", "no entry point is called main, so `mlflow run .` stops; it has train"),
        "X308": (
            "MLproject:8:41",
            "the default of test_size is 0.3 here and 0.2 in the script (train_iris.py:25)",
        ),
        "C201": (
            "MLproject:12:51",
            "bash does not read these lines as one command: plain mlflow run stops or drops options",
        ),
    }
    mended = findings(shell.artifactflow("check", "iris-classifier", "--fix", "--format", "json"))
    assert list(mended) == ["X308"], "which default is right is for people to say"

    shell.variables["MLFLOW_TRACKING_URI"] = f"sqlite:///{shell.folder}/mlflow.db"
    run = shell.run(
        *(sys.executable, "-m", "mlflow", "run", "iris-classifier", "--env-manager", "local", "-P", "max_iter=300"),
    )
    assert "Model Accuracy: 1.00" in run.out


def test_check_finds_nothing_that_stops_the_download_component(shell):
    assert findings(shell.artifactflow("check", "download_data", "--format", "json")) == {}
    before = (shell.folder / "download_data" / "MLproject").read_bytes()
    shell.artifactflow("check", "download_data", "--fix")
    assert (shell.folder / "download_data" / "MLproject").read_bytes() == before
