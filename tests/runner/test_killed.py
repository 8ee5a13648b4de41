"""A run that is killed at any moment and started again ends as if nothing had happened."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from artifactflow.runs import RunStatus
from artifactflow.store import Store
from artifactflow.store.at_work import RUNNING_NAME

MADE = """
    name: {name}
    entry_points:
      main:
        parameters:
          {inputs}
          seed: {{type: int, default: 0}}
          out: {{type: str, default: out.txt}}
        outputs:
          out: {{type: text, name: {name}, path: out.txt}}
        command: python main.py {options} --seed={{seed}} --out={{out}}
"""
MADE_MAIN = """
    import argparse, hashlib, os, pathlib, time
    parser = argparse.ArgumentParser()
    for name in ("left", "right", "seed", "out"):
        parser.add_argument(f"--{name}")
    args = parser.parse_args()
    print("working on", args.seed)
    time.sleep(0.02)
    parts = [args.seed]
    for given in (args.left, args.right):
        if given:
            files = sorted(pathlib.Path(given).rglob("*.txt")) if os.path.isdir(given) else [pathlib.Path(given)]
            parts += [file.read_text() for file in files]
    pathlib.Path(args.out).write_text(hashlib.sha256("".join(parts).encode()).hexdigest())
"""
DIAMOND = """
    name: diamond
    steps:
      top:    {component: top, with: {seed: 1}}
      left:   {component: left, with: {left: "${top.out}", seed: 2}}
      right:  {component: right, with: {left: "${top.out}"}, matrix: {seed: [3, 4, 5, 6]}}
      bottom: {component: bottom, with: {left: "${left.out}", right: "${right.out}"}}
"""


def diamond(project) -> None:
    for name, takes in (("top", ()), ("left", ("left",)), ("right", ("left",)), ("bottom", ("left", "right"))):
        inputs = "\n          ".join(f"{taken}: {{type: path, artifact: text}}" for taken in takes) or "{}"
        manifest = MADE.format(name=name, inputs=inputs, options=" ".join(f"--{taken}={{{taken}}}" for taken in takes))
        project.component(name, manifest.replace("          {}\n", ""), main=MADE_MAIN)
    project.pipeline(DIAMOND)


def digests(store: Store) -> dict[str, str]:
    return {version.ref: str(version.digest) for version in store.versions()}


def start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "artifactflow", "run-pipeline", "--json", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def killed_and_resumed(project, tmp_path: Path, kills: int, seed: int) -> None:
    """Kill a run at so many moments, each drawn, and look each time that no finished step is repeated."""
    diamond(project)
    root = project.folder / ".artifactflow"
    began = time.monotonic()
    with start(project.folder) as process:
        assert process.wait(60) == 0
    lasts = time.monotonic() - began
    undisturbed = digests(project.store)
    drawn = random.Random(seed)
    for number in range(kills):
        root.rename(tmp_path / f"store-{number}")
        with start(project.folder) as process:
            time.sleep(drawn.uniform(0.3 * lasts, lasts))  # before that it has only read its files
            os.kill(process.pid, signal.SIGKILL)
        with Store.open(root) as store:
            finished = {run.step: run.id for run in store.runs() if run.status is RunStatus.FINISHED}
        with start(project.folder) as process:
            answer = json.loads(process.stdout.read())
            assert process.wait(60) == 0
        again = {step["step"]: step for step in answer["steps"]}
        assert {name: again[name]["run"] for name in finished} == finished
        assert all(again[name]["decision"] == "REUSE" for name in finished)
        with Store.open(root) as store:
            assert digests(store) == undisturbed
            assert all(store.intact(version.digest) for version in store.versions())
            statuses = {run.status for run in [*store.runs(), *store.pipeline_runs()]}
        assert statuses <= {RunStatus.FINISHED, RunStatus.INTERRUPTED}
        assert not list(root.glob(f"runs/*/{RUNNING_NAME}"))


def test_a_killed_run_goes_on_where_it_was(project, tmp_path: Path):
    killed_and_resumed(project, tmp_path, kills=4, seed=7)


@pytest.mark.torture
def test_a_run_killed_at_fifty_moments_ends_as_an_undisturbed_one(project, tmp_path: Path):
    killed_and_resumed(project, tmp_path, kills=50, seed=20_261_123)
