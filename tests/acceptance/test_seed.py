"""The two components that the project grew from, to the letter: run as they stand, judged, mended, run by MLflow."""

import io
import shlex
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow.projects._project_spec import load_project

# The blank after each backslash is the seed's own, and so are the deeper lines.
TRAIN = """\
name: iris-classifier

conda_env: conda.yaml

entry_points:
  train:
    parameters:
      test_size: {type: float, default: 0.3}
      random_seed: {type: int, default: 42}
      max_iter: {type: int, default: 200}
    command: >-
      python train_iris.py --test_size {test_size}\\ \n\
        --random_seed {random_seed}\\ \n\
        --max_iter {max_iter}
"""

TRAIN_SCRIPT = '''\
"""Fit logistic regression on iris and print how well it does."""

import argparse

from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, classification_report
from sklearn.model_selection import train_test_split


def main(test_size: float = 0.2, random_seed: int = 42, max_iter: int = 200) -> None:
    iris = load_iris()
    x_train, x_test, y_train, y_test = train_test_split(
        iris.data, iris.target, test_size=test_size, random_state=random_seed
    )
    model = LogisticRegression(max_iter=max_iter, random_state=random_seed).fit(x_train, y_train)
    predicted = model.predict(x_test)
    print(f"Model Accuracy: {accuracy_score(y_test, predicted):.2f}")
    print("Classification Report:")
    print(classification_report(y_test, predicted, target_names=iris.target_names))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--test_size", type=float, default=0.2)
    parser.add_argument("--random_seed", type=int, default=42)
    parser.add_argument("--max_iter", type=int, default=200)
    arguments = parser.parse_args()
    main(arguments.test_size, arguments.random_seed, arguments.max_iter)
'''

TRAIN_ENVIRONMENT = """\
name: iris-classifier
channels: [conda-forge]
dependencies:
  - python=3.11
  - pip
  - pip:
      - scikit-learn>=1.5
"""

DOWNLOAD = """\
name: download_data

conda_env: conda.yaml

entry_points:
  main:
    parameters:
      file_url:
        description: URL of the file to download
        type: str
      artifact_name:
        description: Name for the artifact
        type: str
      artifact_type:
        description: Type of the artifact
        type: str
        default: raw_data
      artifact_description:
        description: Description of the artifact
        type: str
    command: >-
      python main.py --file_url {file_url}\\
        --artifact_name {artifact_name}\\
        --artifact_type {artifact_type}\\
        --artifact_description {artifact_description}
"""

DOWNLOAD_SCRIPT = '''\
"""Download an archive, take it apart, and return the table in it."""

import argparse
import tarfile
import urllib.request
from pathlib import Path

import pandas as pd


def download(file_url: str, artifact_name: str, artifact_type: str, artifact_description: str) -> pd.DataFrame:
    archive = Path(file_url.rpartition("/")[2])
    urllib.request.urlretrieve(file_url, archive)
    with tarfile.open(archive) as opened:
        member = opened.getmembers()[0]
        table = pd.read_csv(opened.extractfile(member))
    print([artifact_name, artifact_type, artifact_description, member.name, table.shape])
    return table


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--file_url", type=str, required=True, help="URL of the file to download")
    parser.add_argument("--artifact_name", type=str, required=True, help="Name for the artifact")
    parser.add_argument("--artifact_type", type=str, default="raw_data", help="Type of the artifact")
    parser.add_argument("--artifact_description", type=str, required=True, help="Description of the artifact")
    given = parser.parse_args()
    download(given.file_url, given.artifact_name, given.artifact_type, given.artifact_description)
'''

DOWNLOAD_ENVIRONMENT = """\
name: download_data
channels: [conda-forge]
dependencies:
  - python=3.11
  - pip
  - pip:
      - pandas>=2.2
"""


@pytest.fixture
def shell(new_shell: Callable):
    """A user who has the two components."""
    made = new_shell()
    for name, script, texts in (
        ("iris-classifier", "train_iris.py", (TRAIN, TRAIN_SCRIPT, TRAIN_ENVIRONMENT)),
        ("download_data", "main.py", (DOWNLOAD, DOWNLOAD_SCRIPT, DOWNLOAD_ENVIRONMENT)),
    ):
        folder = made.folder / name
        folder.mkdir()
        for file, text in zip(("MLproject", script, "conda.yaml"), texts, strict=True):
            (folder / file).write_text(text)
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


def test_the_training_component_runs_as_it_stands(shell):
    (step,) = shell.artifactflow("run-pipeline", "iris-classifier", "-P", "max_iter=300", "--json").json["steps"]
    assert step["decision"] == "RUN"
    log = log_of(shell.folder)
    assert "Model Accuracy: 1.00\nClassification Report:\n" in log
    assert "accuracy                           1.00        45" in log, "the manifest's test_size of 0.3 counts"
    assert (shell.folder / "iris-classifier" / "MLproject").read_text() == TRAIN


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
