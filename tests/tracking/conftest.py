"""A project with every kind of step that trackers are told of, and how its command is run."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from artifactflow.store import Store

FILES = {
    "pipeline.yaml": """
        name: flowers
        track: [mlflow, wandb]
        parameters:
          max_iter: {type: int, default: 200}
        steps:
          download: {component: artifactflow:download, with: {file_url: pkg:sklearn.datasets.data/iris.csv}}
          describe: {component: describe, with: {data: "${download.dataset}", title: "the iris flowers"}}
          train:
            component: artifactflow:train
            with: {data: "${describe.table}", target: species, max_iter: "${max_iter}", model_name: flower-model}
          logs: {component: logs, with: {table: "${describe.table}", rate: 0.5}}
        """,
    "describe/MLproject": """
        name: describe
        entry_points:
          main:
            parameters:
              data:   {type: path, artifact: raw_data}
              title:  {type: str, default: untitled}
              table:  {type: str, default: table.csv}
              report: {type: str, default: report.md}
              scores: {type: str, default: scores.json}
            outputs:
              table: {name: flowers, type: clean_data, path: table.csv, description: "Flowers with names"}
              report: {type: report, path: report.md}
              scores: {name: curves, type: metrics, path: scores.json}
            command: python main.py --data={data} --title={title} --table={table} --report={report} --scores={scores}
        """,
    "describe/main.py": """
        import argparse, csv, json
        parser = argparse.ArgumentParser()
        for name in ("data", "title", "table", "report", "scores"):
            parser.add_argument(f"--{name}")
        args = parser.parse_args()
        rows = list(csv.reader(open(args.data)))[1:]
        with open(args.table, "w") as file:
            file.write("length,width,petal_length,petal_width,species\\n")
            for row in rows:
                file.write(",".join([*row[:4], "abc"[int(row[4])]]) + "\\n")
        open(args.report, "w").write(f"# {args.title}\\n")
        scores = {"loss": [3, 2, 1.5], "rows": len(rows), "by": {"class": {"a": 50}}, "/odd//../name": 1}
        json.dump(scores, open(args.scores, "w"))
        print("described", len(rows), "rows")
        """,
    "logs/MLproject": """
        name: logs
        entry_points:
          main:
            parameters:
              table: {type: path, artifact: clean_data}
              rate:  {type: float, default: 0.1}
            command: python main.py --table={table} --rate={rate}
        """,
    "logs/main.py": """
        import argparse
        import mlflow
        parser = argparse.ArgumentParser()
        parser.add_argument("--table")
        parser.add_argument("--rate", type=float)
        args = parser.parse_args()
        with mlflow.start_run():
            mlflow.log_param("rate", "my own words")
            mlflow.log_metric("mine", 7)
        """,
}


def environment_without_settings(home: Path) -> dict[str, str]:
    """Variables as in a fresh shell of a user whose home is empty."""
    prefixes = ("ARTIFACTFLOW_", "MLFLOW_", "WANDB_", "XDG_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    return {**kept, "HOME": str(home), "COLUMNS": "200", "ARTIFACTFLOW_TRACKING_URGENT": "1"}


class Project:
    """A project folder, and the command line in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text).lstrip())

    @property
    def store(self) -> Path:
        return self.folder / ".artifactflow"

    def start(self, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "artifactflow", *arguments],
            cwd=self.folder,
            env={**environment_without_settings(self.home), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def call(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        with self.start(*arguments, **variables) as process:
            out, err = process.communicate(timeout=180)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def log(self, tracker: str) -> str:
        return (self.store / "tracking" / tracker / "log").read_text()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str]:
    """The project after one run and a second one that reused everything, both told; and what the first printed."""
    project = Project(tmp_path_factory.mktemp("told"))
    first = project.call("run-pipeline", "--wait-tracking")
    assert first.returncode == 0, first.stdout + first.stderr
    with Store.open(project.store) as store:
        store.set_alias("flower-model", 1, "champion")
    second = project.call("run-pipeline", "--track", "mlflow", "--register", "flower", "--wait-tracking")
    assert second.returncode == 0, second.stdout + second.stderr
    return project, first.stdout
