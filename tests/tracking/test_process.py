"""Slow, dead or killed: a tracker delays no step, loses nothing, and leaves nothing RUNNING."""

import fcntl
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from artifactflow.store import Store
from artifactflow.tracking.start import has_open_runs, last_status

SMALL = """
    name: small
    steps:
      say: {component: say}
"""
SAY = """
    name: say
    entry_points:
      main:
        parameters:
          said: {type: str, default: said.txt}
        outputs:
          said: {type: text, path: said.txt}
        command: python main.py {said}
"""


@pytest.fixture
def small(project: Any) -> Any:
    """A pipeline of one step that takes as long as the file `pause` says."""
    project.write("pipeline.yaml", SMALL)
    project.write("say/MLproject", SAY)
    project.write(
        "say/main.py",
        f"""
        import sys, time
        started = time.monotonic()
        while time.monotonic() - started < float(open({str(project.folder / "pause")!r}).read()):
            time.sleep(0.1)
        open(sys.argv[1], "w").write("said")
        """,
    )
    (project.folder / "pause").write_text("0")
    return project


def statuses(project: Any) -> list[tuple[str, str]]:
    """Name and status of every run, read without MLflow."""
    with sqlite3.connect(f"file:{project.folder / 'mlflow.db'}?mode=ro", uri=True) as connection:
        return sorted(connection.execute("SELECT name, status FROM runs WHERE lifecycle_stage = 'active'"))


def is_told_of(project: Any, expected: list[tuple[str, str]]) -> bool:
    """Whether these are all runs; not yet where MLflow is still making its database."""
    try:
        return statuses(project) == expected
    except sqlite3.OperationalError:
        return False


def wait_for(condition: Any, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_killed_command_leaves_no_run_running(small: Any):
    (small.folder / "pause").write_text("60")
    with small.start("run-pipeline", "--track", "mlflow") as command:
        wait_for(lambda: is_told_of(small, [("small", "RUNNING")]))
        command.kill()
    wait_for(lambda: is_told_of(small, [("small", "KILLED")]))
    (small.folder / "pause").write_text("0")


def test_what_a_killed_tracker_did_not_come_to_tell_the_next_command_tells(small: Any):
    with small.start("run-pipeline", "--track", "wandb") as command:
        command.wait()
        killed = tracker_processes(small.store)
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
    assert killed
    assert has_open_runs(small.store, "wandb")
    again = small.call("run-pipeline", "--track", "wandb", "--wait-tracking")
    assert "1 reused" in again.stdout
    assert last_status(small.store, "wandb")["told"] == 2
    assert len(list((small.store / "wandb").glob("offline-run-*"))) == 1
    assert not has_open_runs(small.store, "wandb")


def test_a_reused_pipeline_starts_no_process_and_sync_says_what_waits(small: Any):
    first = small.call("run-pipeline", "--track", "wandb", "--wait-tracking", "--json")
    without_key = small.call("sync")
    assert without_key.returncode == 0, without_key.stderr
    assert "0 sent, 1 waiting" in without_key.stdout
    assert "WANDB_API_KEY" in without_key.stdout
    told = json.loads(first.stdout)["tracking"]["wandb"]
    assert (told["told"], told["waiting"], told["error"]) == (1, 0, "")
    before = (small.store / "tracking" / "wandb" / "status.json").read_text()
    assert "1 reused" in small.call("run-pipeline", "--track", "wandb").stdout
    assert not has_open_runs(small.store, "wandb")
    assert (small.store / "tracking" / "wandb" / "status.json").read_text() == before


def test_a_server_that_is_down_costs_the_command_nothing_and_is_told_later(small: Any):
    address = f"http://127.0.0.1:{unused_port()}"
    first = small.call("run-pipeline", "--wait-tracking", MLFLOW_TRACKING_URI=address)
    assert first.returncode == 0
    assert "mlflow has 1 runs still to be told" in first.stderr
    assert "Traceback" not in first.stdout + first.stderr + small.log("mlflow")
    assert address in first.stderr
    assert has_open_runs(small.store, "mlflow"), "the next command tries again"


def test_ctrl_c_does_not_wait_for_a_tracker_that_does_not_answer(small: Any):
    folder = tracking_folder(small, "mlflow")
    small.write("say/main.py", "import mlflow\n")
    with (folder / "lock").open("w") as lock:  # as a tracker that hangs holds it
        fcntl.flock(lock, fcntl.LOCK_EX)
        with small.start("run-pipeline", "--track", "mlflow") as command:
            wait_for(lambda: list(folder.glob("asked/*.json")) or command.poll() is not None)
            command.send_signal(signal.SIGINT)
            started = time.monotonic()
            _, err = command.communicate(timeout=60)
            took = time.monotonic() - started
        for pid in tracker_processes(small.store):
            os.kill(pid, signal.SIGKILL)
    assert (command.returncode, "Traceback" in err) == (130, False)
    assert took < 10


def test_a_tracker_that_cannot_be_started_stops_no_step(small: Any):
    Store.open(small.store).close()
    (small.store / "tracking").write_text("a file where a folder has to be")
    done = small.call("run-pipeline", "--track", "wandb")
    assert done.returncode == 0, done.stderr
    assert "1 run, 0 reused" in done.stdout
    assert done.stderr.count("wandb is not told of this run") == 1


def test_a_tracker_that_dies_is_not_said_to_have_been_told(small: Any):
    (small.folder / "sitecustomize.py").write_text(
        "import os, sys\nif 'artifactflow.tracking' in sys.orig_argv:\n    os._exit(1)\n"
    )
    done = small.call("run-pipeline", "--track", "wandb", "--wait-tracking", PYTHONPATH=str(small.folder))
    assert done.returncode == 0, done.stderr
    assert "was told" not in done.stdout
    assert f"ended too early; it has said why in {small.store}" in done.stderr
    assert has_open_runs(small.store, "wandb")


def test_a_damaged_ledger_is_named_with_what_to_do(small: Any):
    folder = tracking_folder(small, "wandb")
    (folder / "ledger.db").write_text("no database, and longer than the header of one would be" * 20)
    done = small.call("run-pipeline", "--track", "wandb", "--wait-tracking")
    assert done.returncode == 0
    assert "ledger.db" in done.stderr
    assert "remove it" in done.stderr
    sync = small.call("sync")
    assert (sync.returncode, "Traceback" in sync.stderr, "hint: remove it" in sync.stderr) == (5, False, True)


@pytest.mark.torture
def test_a_key_and_no_server_keep_the_run_for_sync(small: Any):
    server = {"WANDB_API_KEY": "k" * 40, "WANDB_BASE_URL": f"http://127.0.0.1:{unused_port()}"}
    started = time.monotonic()
    done = small.call("run-pipeline", "--wait-tracking", **server)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - started < 60
    assert "Traceback" not in done.stdout + done.stderr + small.log("wandb")
    assert len(list((small.store / "wandb").glob("offline-run-*"))) == 1
    assert last_status(small.store, "wandb")["waiting"] == 0


@pytest.mark.torture
def test_whenever_the_command_is_killed_the_next_one_leaves_nothing_running(small: Any):
    generator = random.Random(7)
    small.call("run-pipeline", "--track", "mlflow", "--wait-tracking")
    for _ in range(20):
        (small.folder / "pause").write_text(str(generator.choice([0, 0.5, 5])))
        with small.start("run-pipeline", "--track", "mlflow", "--force", "all") as command:
            time.sleep(generator.uniform(0, 3))
            command.kill()
        if generator.random() < 0.7:
            for pid in tracker_processes(small.store):
                os.kill(pid, signal.SIGKILL)
        (small.folder / "pause").write_text("0")
        assert small.call("run-pipeline", "--track", "mlflow", "--wait-tracking").returncode == 0
        found = statuses(small)
        assert [status for _, status in found if status in ("RUNNING", "SCHEDULED")] == []
    with Store.open(small.store) as store:
        ids = sorted(record.id for record in store.pipeline_runs())
        steps = sorted(run.id for run in store.runs())
    with sqlite3.connect(small.folder / "mlflow.db") as connection:
        told = [value for (value,) in connection.execute("SELECT value FROM tags WHERE key = 'artifactflow.run'")]
    assert sorted(told) == sorted(ids + steps), "each record was told once"


@pytest.mark.torture
def test_a_step_that_logs_by_itself_and_is_killed_with_the_command_is_not_left_running(small: Any):
    (small.folder / "pause").write_text("60")
    script = (small.folder / "say" / "main.py").read_text()
    small.write("say/main.py", f"import mlflow, os, signal\nmlflow.log_param('said', 'much')\n{script}")
    with small.start("run-pipeline", "--track", "mlflow") as command:
        wait_for(lambda: is_told_of(small, [("say", "RUNNING"), ("small", "RUNNING")]))
        for pid in tracker_processes(small.store):
            os.kill(pid, signal.SIGKILL)
        command.kill()
    assert is_told_of(small, [("say", "RUNNING"), ("small", "RUNNING")])
    small.call("run-pipeline", "--track", "mlflow", "--wait-tracking", "--skip", "say")
    (small.folder / "pause").write_text("0")
    assert [status for _, status in statuses(small) if status == "RUNNING"] == []
    assert ("say", "KILLED") in statuses(small)


def tracking_folder(project: Any, tracker: str) -> Path:
    """A tracker's folder in a new store."""
    Store.open(project.store).close()
    folder = project.store / "tracking" / tracker
    folder.mkdir(parents=True)
    return folder


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tracker_processes(store: Path) -> list[int]:
    """The tracker processes of a store, by what they were started with."""
    wanted = f"artifactflow.tracking {store} "
    listed = subprocess.run(["ps", "-wweo", "pid=,args="], capture_output=True, text=True, check=True).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if wanted in line]
