"""A lock keeps every other run out, in another process or in another thread, and never outlives who has it."""

import multiprocessing
import os
import subprocess
import sys
import threading

import pytest

from artifactflow.errors import OutsideError
from artifactflow.runner import Silent, run_pipeline
from artifactflow.runner.locks import RunLocks
from artifactflow.runs import RunStatus
from artifactflow.store import Store


@pytest.fixture
def locks(tmp_path):
    with RunLocks(tmp_path) as opened:
        yield opened


def test_a_lock_keeps_others_of_the_same_process_out(tmp_path, locks):
    assert locks.try_acquire("key")
    with RunLocks(tmp_path) as others:
        assert not others.try_acquire("key")
        assert others.try_acquire("another key")
        locks.release("key")
        assert others.try_acquire("key")


def test_who_has_a_lock_may_take_it_again(locks):
    assert locks.try_acquire("key")
    assert locks.try_acquire("key")


def test_closing_lets_go_of_ones_own_locks_and_of_nobody_elses(tmp_path, locks):
    assert locks.try_acquire("mine")
    with RunLocks(tmp_path) as others:
        assert others.try_acquire("theirs")
    with RunLocks(tmp_path) as looking:
        assert not looking.try_acquire("mine")
        assert looking.try_acquire("theirs")


def test_letting_go_of_what_somebody_else_has_changes_nothing(tmp_path, locks):
    assert locks.try_acquire("key")
    with RunLocks(tmp_path) as others:
        others.release("key")
        assert not others.try_acquire("key")


@pytest.mark.parametrize("ended", ["closed", "killed"])
def test_a_lock_of_another_process_ends_with_it(tmp_path, locks, ended):
    code = "import sys; from pathlib import Path; from artifactflow.runner.locks import RunLocks\n"
    code += "locks = RunLocks(Path(sys.argv[1])); print(locks.try_acquire('key'), flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, tmp_path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"True\n"
        assert not locks.try_acquire("key")
        process.kill() if ended == "killed" else process.stdin.close()
    assert locks.try_acquire("key")


def test_a_forked_child_that_lives_on_keeps_no_lock_of_a_run_that_is_over(tmp_path):
    run = RunLocks(tmp_path)
    assert run.try_acquire("key")
    with multiprocessing.get_context("fork").Pool(1) as pool:
        pool.apply(os.getpid)
        run.close()
        with RunLocks(tmp_path) as others:
            assert others.try_acquire("key")


def test_a_folder_that_cannot_be_written_is_told_in_words(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutsideError, match="cannot take the locks of runs"):
        RunLocks(tmp_path / "file")


def test_two_runs_in_threads_of_one_process_execute_the_same_step_once(project):
    main = project.folder / "make" / "main.py"
    main.write_text("import time\ntime.sleep(0.5)\nopen('count', 'a').write('x')\n" + main.read_text())
    project.pipeline("steps: {make: {component: make}}")
    bound = project.bound()
    root = project.store.root
    both = threading.Barrier(2)
    decisions = []

    def run():
        with Store.open(root) as store:
            both.wait()
            decisions.extend(outcome.decision for outcome in run_pipeline(bound, store, None, Silent()).steps)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(decisions) == ["REUSE", "RUN"]
    assert (project.folder / "make" / "count").read_text() == "x"
    assert {run.status for run in project.store.pipeline_runs()} == {RunStatus.FINISHED}


def test_a_run_that_is_alive_in_another_thread_is_not_taken_for_a_dead_one(project):
    """The next run looks for those that were killed; it must not clear the folders of one that goes on."""
    begun, go_on = threading.Event(), threading.Event()

    class Waiting(Silent):
        def step_started(self, step, reason):
            begun.set()
            assert go_on.wait(60)

    bound, other = project.bound(), project.bound(word="other")
    root = project.store.root
    records = []

    def run():
        with Store.open(root) as store:
            records.append(run_pipeline(bound, store, None, Waiting()))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert begun.wait(60)
        with Store.open(root) as store:
            run_pipeline(other, store)
            assert {run.status for run in store.pipeline_runs()} == {RunStatus.RUNNING, RunStatus.FINISHED}
    finally:
        go_on.set()
        thread.join()
    assert [outcome.decision for outcome in records[0].steps] == ["RUN", "RUN"]
