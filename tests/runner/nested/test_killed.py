"""Whoever is killed (`kill -9`) while called components run: nothing is left running, what is finished is reused."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from artifactflow.errors import StepFailedError
from artifactflow.runs import RunStatus

ROOT = """
    import os, pathlib
    import mlflow

    pathlib.Path(os.environ["PIDS"], "root").write_text(str(os.getpid()))
    for word in ("quick", "slow", "last"):
        mlflow.run("../child", parameters={"word": word})
"""
CHILD = """
    import os, pathlib, subprocess, sys, time

    folder = pathlib.Path(os.environ["PIDS"])
    if sys.argv[1] == "slow" and not (folder / "go").exists():
        started = subprocess.Popen(["sleep", "100"])
        (folder / "started").write_text(str(started.pid))
        (folder / "child.new").write_text(str(os.getpid()))
        (folder / "child.new").rename(folder / "child")
        time.sleep(100)
"""


@pytest.fixture
def nested(project, mlflow_database, tmp_path, monkeypatch):
    """A root that calls three components; the second sleeps, and the folder `pids` says which processes there are."""
    project.pids = tmp_path / "pids"
    project.pids.mkdir()
    monkeypatch.setenv("PIDS", str(project.pids))
    project.pipeline("{name: p, steps: {root: {component: root}}}")
    project.component("root", "name: root\nentry_points: {main: {command: python main.py}}\n", main=ROOT)
    manifest = "name: child\nentry_points: {main: {parameters: {word: str}, command: 'python main.py {word}'}}\n"
    project.component("child", manifest, main=CHILD)
    shutil.copy(mlflow_database, project.folder / "mlflow.db")
    return project


def goes_on(project, is_alive, eventually, own=()):
    """Nothing is left, in the records either, and the next run repeats nothing that is finished."""
    pids = {name: int((project.pids / name).read_text()) for name in ("root", "child", "started")}
    eventually(lambda: not any(is_alive(pid) for pid in [*pids.values(), *own]))
    (project.pids / "go").touch()
    record = project.run()
    decisions = {outcome.step: outcome.decision for outcome in record.steps}
    assert decisions == {"root": "RUN", "root/child": "REUSE", "root/child#2": "RUN", "root/child#3": "RUN"}
    everything = [*project.store.runs(), *project.store.pipeline_runs()]
    assert RunStatus.RUNNING not in {run.status for run in everything}

    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{project.folder}/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("p").experiment_id])
    statuses = sorted(run.info.status for run in runs)
    assert statuses in (["FAILED", *["FINISHED"] * 3], [*["FINISHED"] * 3, "KILLED"])


def started(project, eventually):
    """The command, from when the second component sleeps."""
    command = [sys.executable, "-m", "artifactflow", "run-pipeline", str(project.folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    eventually(lambda: (project.pids / "child").exists() or process.poll() is not None)
    assert process.poll() is None
    return process


def test_a_killed_component_is_one_that_failed(nested, is_alive, eventually):
    script = nested.folder / "child" / "main.py"
    script.write_text(script.read_text().replace("time.sleep(100)", "os.kill(os.getpid(), 9)"))
    with pytest.raises(StepFailedError, match="step root/child#2 was ended by signal 9"):
        nested.run()
    goes_on(nested, is_alive, eventually)


@pytest.mark.torture
def test_a_killed_root_takes_its_components_with_it(nested, is_alive, eventually):
    process = started(nested, eventually)
    os.kill(int((nested.pids / "root").read_text()), signal.SIGKILL)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 6
    assert "step root was ended by signal 9" in told
    goes_on(nested, is_alive, eventually)


@pytest.mark.torture
def test_a_killed_artifactflow_takes_root_and_components_with_it(nested, is_alive, eventually):
    process = started(nested, eventually)
    below = [int(pid) for pid in children(process.pid)]
    process.kill()
    process.wait()
    process.stderr.close()
    goes_on(nested, is_alive, eventually, below)


def children(pid):
    """The processes that one has started."""
    return [pid for task in Path(f"/proc/{pid}/task").iterdir() for pid in (task / "children").read_text().split()]
