"""What being told of costs: the three steps of examples/iris with no tracker, MLflow, W&B offline, and both.

For each: the step phase (what the record says that the run took) and the whole command until it returns, from an empty
store, and the tracker's own time, which goes on after the command. Against that the same three steps written by hand,
with `mlflow.run` in one process and W&B offline in each component. Rounds are interleaved, those with kept
servers follow; medians are printed.

    python benchmarks/tracking.py [ROUNDS]
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

from artifactflow.executors.kept import kept_servers, stop_servers

IRIS = Path(__file__).resolve().parents[1] / "examples" / "iris"
CHOICES = ("none", "mlflow", "wandb", "mlflow,wandb")
WAIT_SECONDS = 600

BY_HAND = {
    "root.py": """
        import mlflow
        mlflow.set_experiment("iris")
        with mlflow.start_run():
            mlflow.run("download", env_manager="local", parameters={"raw": "../raw.csv"})
            mlflow.run("prepare", env_manager="local", parameters={"raw": "../raw.csv", "iris": "../iris.csv"})
            mlflow.run("train", env_manager="local", parameters={"data": "../iris.csv", "max_iter": 200})
        """,
    "download/MLproject": """
        name: download
        entry_points:
          main:
            parameters: {raw: str}
            command: python main.py --raw {raw}
        """,
    "download/main.py": """
        import argparse, importlib.resources, shutil, wandb
        parser = argparse.ArgumentParser()
        parser.add_argument("--raw")
        args = parser.parse_args()
        shutil.copy(importlib.resources.files("sklearn.datasets.data") / "iris.csv", args.raw)
        with wandb.init(project="iris", job_type="download") as run:
            artifact = wandb.Artifact("iris-raw", "raw_data")
            artifact.add_file(args.raw)
            run.log_artifact(artifact)
        """,
    "prepare/MLproject": """
        name: prepare
        entry_points:
          main:
            parameters: {raw: str, iris: str}
            command: python main.py --raw {raw} --iris {iris}
        """,
    "prepare/main.py": """
        import argparse, pandas, wandb
        parser = argparse.ArgumentParser()
        parser.add_argument("--raw")
        parser.add_argument("--iris")
        args = parser.parse_args()
        frame = pandas.read_csv(args.raw, skiprows=1, header=None)
        frame.columns = ["sepal_length", "sepal_width", "petal_length", "petal_width", "species"]
        frame.to_csv(args.iris, index=False)
        with wandb.init(project="iris", job_type="prepare") as run:
            artifact = wandb.Artifact("iris", "clean_data")
            artifact.add_file(args.iris)
            run.log_artifact(artifact)
        """,
    "train/MLproject": """
        name: train
        entry_points:
          main:
            parameters: {data: str, max_iter: int}
            command: python main.py --data {data} --max_iter {max_iter}
        """,
    "train/main.py": """
        import argparse, joblib, pandas, wandb
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import accuracy_score
        from sklearn.model_selection import train_test_split
        parser = argparse.ArgumentParser()
        parser.add_argument("--data")
        parser.add_argument("--max_iter", type=int)
        args = parser.parse_args()
        frame = pandas.read_csv(args.data)
        rows = train_test_split(frame.drop(columns="species"), frame["species"], test_size=0.2, random_state=42)
        model = LogisticRegression(max_iter=args.max_iter).fit(rows[0], rows[2])
        joblib.dump(model, "model.joblib")
        with wandb.init(project="iris", job_type="train", config=vars(args)) as run:
            run.log({"accuracy": accuracy_score(rows[3], model.predict(rows[1]))})
            artifact = wandb.Artifact("iris-model", "model")
            artifact.add_file("model.joblib")
            run.log_artifact(artifact)
        """,
}


HOME = tempfile.TemporaryDirectory(prefix="home-")
"""One home for all that is measured: a server is kept for processes with the same home only."""


def environment() -> dict[str, str]:
    """Variables of a user who has no account."""
    dropped = ("ARTIFACTFLOW_", "MLFLOW_", "WANDB_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # where components find their python
    return {**kept, "PATH": path, "HOME": HOME.name, "MLFLOW_DISABLE_TELEMETRY": "true"}


def seconds_of(command: list[str], folder: Path, **variables: str) -> tuple[float, str]:
    """How long a command took until it returned, and what it printed."""
    started = time.perf_counter()
    known = {**environment(), **variables}
    done = subprocess.run(command, cwd=folder, env=known, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode != 0:
        raise SystemExit(f"{command} failed:\n{done.stdout}{done.stderr}")
    return seconds, done.stdout


def told_seconds(project: Path, choice: str) -> dict[str, float]:
    """Each tracker's own time, once it has told everything."""
    found = {}
    for name in choice.split(",") if choice != "none" else []:
        folder = project / ".artifactflow" / "tracking" / name
        deadline = time.monotonic() + WAIT_SECONDS
        while (folder / "pending").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        found[name] = json.loads((folder / "status.json").read_text())["seconds"]
    return found


def measured(choice: str, *extra: str) -> dict[str, float]:
    """One run from an empty store and an unchanged one after it, the trackers being done in between."""
    with tempfile.TemporaryDirectory() as temporary:
        project = Path(temporary, "iris")
        shutil.copytree(IRIS, project, ignore=shutil.ignore_patterns(".artifactflow", "mlruns", "mlflow.db*"))
        command = [sys.executable, "-m", "artifactflow", "run-pipeline", "--track", choice, "--json", *extra]
        total, printed = seconds_of(command, project)
        told = told_seconds(project, choice)
        unchanged, again = seconds_of(command, project)
        assert json.loads(again)["totals"]["reuse"] == 3
        steps = json.loads(printed)["totals"]["seconds"]
        return {"steps": steps, "total": total, "unchanged": unchanged, **told}


def by_hand() -> float:
    """The same steps with `mlflow.run` and W&B offline."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, text in BY_HAND.items():
            file = folder / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(textwrap.dedent(text).lstrip())
        return seconds_of([sys.executable, "root.py"], folder, WANDB_MODE="offline")[0]


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    results: dict[str, list[dict[str, float]]] = {choice: [] for choice in CHOICES}
    hand: list[float] = []
    measured("none")  # whatever is compiled or cached by the first run of all
    for _ in range(rounds):
        for choice in CHOICES:
            results[choice].append(measured(choice))
        hand.append(by_hand())
    measured("mlflow,wandb", "--keep-warm", "10m")  # leaves the servers; only now, as every run uses what it finds
    warm = [measured("mlflow,wandb", "--keep-warm", "10m")["total"] for _ in range(rounds)]
    stop_servers(kept_servers())

    def median(choice: str, key: str) -> float:
        return statistics.median(result[key] for result in results[choice])

    print("| trackers | steps | against none | command | unchanged | told in the background |")
    print("|---|---|---|---|---|---|")
    for choice in CHOICES:
        told = ", ".join(f"{name} {median(choice, name):.1f}" for name in results[choice][0] if name in CHOICES)
        steps = median(choice, "steps")
        print(
            f"| {choice} | {steps:.3f} | {steps / median('none', 'steps') - 1:+.1%} | {median(choice, 'total'):.3f} | "
            f"{median(choice, 'unchanged'):.3f} | {told or '–'} |"
        )
    ours, unchanged, theirs = (
        median("mlflow,wandb", "total"),
        median("mlflow,wandb", "unchanged"),
        statistics.median(hand),
    )
    print(f"\nby hand: {theirs:.2f} s; from nothing {theirs / ours:.1f} times that fast, ", end="")
    print(f"unchanged {theirs / unchanged:.1f} times", end="")
    print(f", with kept servers ({statistics.median(warm):.2f} s) {theirs / statistics.median(warm):.1f} times")


if __name__ == "__main__":
    main()
