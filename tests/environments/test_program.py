"""What builds an environment ends with the run that needs it."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from artifactflow.environments.guard import guarded
from artifactflow.environments.program import run_program, stoppable
from artifactflow.errors import InterruptedRunError, OutsideError
from artifactflow.executors import Stop

PARENT = """
import pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
pathlib.Path("child").write_text(str(child.pid))
time.sleep(60)
"""


def test_what_is_printed_comes_back_with_the_exit_code():
    code = "import sys; print(sys.stdin.read().upper()); sys.exit('no')"
    done = run_program([sys.executable, "-c", code], text="word " * 100_000)
    assert (done.returncode, done.stderr) == (1, "no\n")
    assert done.stdout == "WORD " * 100_000 + "\n"


def test_a_program_that_reads_late_gets_all_that_it_was_given():
    code = "import sys, time; time.sleep(0.4); print(len(sys.stdin.read()))"
    assert run_program([sys.executable, "-c", code], text="word " * 100_000).stdout == "500000\n"


def test_a_stopped_run_ends_the_program_and_all_that_it_started(tmp_path, is_alive, eventually):
    stop = Stop()

    def build():
        with stoppable(stop.is_set):
            run_program([sys.executable, "-c", PARENT], folder=tmp_path)

    with ThreadPoolExecutor() as pool:
        building = pool.submit(build)
        eventually(lambda: (tmp_path / "child").is_file() and (tmp_path / "child").read_text())
        stop.set()
        with pytest.raises(InterruptedRunError):
            building.result(timeout=30)
    child = int((tmp_path / "child").read_text())
    eventually(lambda: not is_alive(child))  # until the kernel is done with it


def test_who_waits_for_another_builder_can_be_stopped_too(tmp_path):
    stop = Stop()
    stop.set()
    with (
        guarded(tmp_path / "lock"),
        stoppable(stop.is_set),
        pytest.raises(InterruptedRunError),
        guarded(tmp_path / "lock"),
    ):
        pass


def test_the_wait_is_bounded_and_a_lock_that_cannot_be_opened_is_not_waited_for(tmp_path):
    with (
        guarded(tmp_path / "lock"),
        pytest.raises(OutsideError, match="held by another process, which builds or removes"),
        guarded(tmp_path / "lock", patience=0.01),
    ):
        pass
    with pytest.raises(OutsideError, match="take the lock"), guarded(tmp_path):
        pass
