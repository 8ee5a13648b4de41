"""The process of a tracker belongs to no run and to no step, and leaves nothing behind in who has started it."""

import fcntl
import os
from pathlib import Path

import pytest

from artifactflow.tracking import TrackerProcess, folder_of
from artifactflow.tracking.start import LOCK

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
