"""The process of a tracker belongs to no run and to no step, and leaves nothing behind in who has started it."""

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from artifactflow.tracking.start import LOCK, TrackerProcess, folder_of

linux_only = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")


def state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "gone"


@linux_only
def test_one_process_that_runs_many_pipelines_keeps_no_zombies(tmp_path: Path):
    first = TrackerProcess(tmp_path, "wandb")  # there is no store: it ends at once
    first.release()
    os.waitid(os.P_PID, first.pid, os.WEXITED | os.WNOWAIT)
    assert state(first.pid) == "Z"
    second = TrackerProcess(tmp_path, "wandb")
    assert state(first.pid) == "gone"
    second.wait()
    assert state(second.pid) == "gone"


@linux_only
def test_it_does_not_write_into_the_run_of_a_step_that_has_started_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    names = ("ARTIFACTFLOW_LINE", "ARTIFACTFLOW_TOKEN", "MLFLOW_RUN_ID", "WANDB_RUN_ID")
    for name in names:
        monkeypatch.setenv(name, "of the step")
    folder = folder_of(tmp_path, "wandb")
    folder.mkdir(parents=True)
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # it waits for that
        process = TrackerProcess(tmp_path, "wandb")
        given = ""
        while "PATH=" not in given:  # until it has become another program
            if b"tracking" in Path(f"/proc/{process.pid}/cmdline").read_bytes():
                given = Path(f"/proc/{process.pid}/environ").read_text()
    process.wait()
    assert [name for name in names if f"{name}=" in given] == []


def test_while_steps_run_nothing_is_imported_that_takes_processor_time():
    code = "import sys, artifactflow.tracking.__main__; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    ours = {name for name in imported if name.partition(".")[0] == "artifactflow"}
    assert ours == {"artifactflow", "artifactflow.tracking", "artifactflow.tracking.__main__"}
    assert imported.isdisjoint({"json", "sqlite3", "pathlib", "logging", "wandb", "mlflow"})


@linux_only
def test_it_lets_the_steps_go_first_until_the_command_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("ARTIFACTFLOW_TRACKING_URGENT", raising=False)
    process = TrackerProcess(tmp_path, "wandb")
    while os.getpriority(os.PRIO_PROCESS, process.pid) == os.getpriority(os.PRIO_PROCESS, 0):
        time.sleep(0.01)
    assert not (folder_of(tmp_path, "wandb") / LOCK).exists(), "it has begun to tell"
    process.wait()
    assert (folder_of(tmp_path, "wandb") / LOCK).exists()
