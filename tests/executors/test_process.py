"""However a step or artifactflow ends, nothing of it is left running: not what has moved away, nor what is deaf."""

import signal
import subprocess
import sys
import textwrap
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from artifactflow.executors import process

BREEDS = """
    import os, signal, subprocess, sys, time
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    moved = subprocess.Popen([sys.executable, "-c", deaf], start_new_session=True, stdout=subprocess.PIPE)
    moved.stdout.readline()
    unknown = subprocess.Popen(["env", "-i", "sleep", "60"], start_new_session=True)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:  # a daemon, nobody's child and in a session of its own
            os.write(write, str(os.getpid()).encode())
            time.sleep(60)
        os._exit(0)
    print(os.getpid(), moved.pid, unknown.pid, int(os.read(read, 20)), flush=True)
    time.sleep(60)
"""
CLIENT = """
    import sys
    sys.path.insert(0, {tests!r})
    from pathlib import Path
    from conftest import Scripts
    from artifactflow.executors.worker import WorkerExecutor
    worker = WorkerExecutor(keep_warm={keep_warm})
    scripts = Scripts(Path({folder!r}), worker)
    task = scripts.task({script!r}, ARTIFACTFLOW_RUN_ID="run-of-a-client-that-is-killed")
    executor = worker if {warm} else scripts.fresh
    executor.execute(task, lambda line: print(line, flush=True), scripts.stop)
"""


@pytest.fixture
def hasty(monkeypatch):
    """What ignores being asked is killed at once; it is the order that counts."""
    monkeypatch.setattr(process, "GRACE_SECONDS", 0.3)


@pytest.fixture(params=["fresh", "warm"])
def executor(request, scripts):
    return scripts.warm if request.param == "warm" else scripts.fresh


def test_a_stopped_step_leaves_nothing_behind_wherever_it_has_moved(scripts, executor, hasty, is_alive):
    pids = []

    def stop(line):
        pids.extend(map(int, line.split()))
        assert len(pids) == 4
        assert all(map(is_alive, pids))
        scripts.stop.set()

    task = scripts.task(BREEDS, ARTIFACTFLOW_RUN_ID="run-that-is-stopped")
    ended = executor.execute(task, stop, scripts.stop)
    assert not any(map(is_alive, pids))
    assert ended.exit_code == -signal.SIGKILL


def test_what_a_step_has_started_ends_when_somebody_kills_it(scripts, executor, is_alive):
    printed = []
    task = scripts.task("""
        import os, subprocess
        print(subprocess.Popen(["sleep", "60"]).pid, flush=True)
        os.kill(os.getpid(), 9)
        """)
    assert executor.execute(task, printed.append, scripts.stop).exit_code == -9
    assert not is_alive(int(printed[0]))


def test_a_step_that_took_its_own_folder_apart_has_a_log_all_the_same(scripts, executor):
    task = replace(scripts.task("print('done')"), log=scripts.folder / "gone" / "log")
    assert executor.execute(task, lambda line: None, scripts.stop).exit_code == 0
    assert task.log.read_text() == "done\n"


def test_a_platform_that_cannot_look_without_collecting_knows_the_end_too(scripts, executor, monkeypatch):
    monkeypatch.delattr("os.waitid")
    monkeypatch.delattr("os.pidfd_open")
    ended = executor.execute(scripts.task("raise SystemExit(3)"), lambda line: None, scripts.stop)
    assert ended.exit_code == 3
    assert ended.facts["peak_memory"] > 1_000_000


def test_a_step_whose_log_cannot_be_written_is_ended(scripts, executor, is_alive):
    pid = scripts.folder / "pid"
    script = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    with pytest.raises(OSError, match="directory"):
        executor.execute(replace(scripts.task(script), log=scripts.folder), lambda line: None, scripts.stop)
    assert not pid.exists() or not is_alive(int(pid.read_text()))


def test_a_second_request_to_stop_does_not_wait_for_what_is_deaf(scripts, executor, monkeypatch, is_alive):
    monkeypatch.setattr(process, "GRACE_SECONDS", 600.0)
    pids = []

    def stop(line):
        pids.extend(map(int, line.split()))
        scripts.stop.kill()

    executor.execute(scripts.task(BREEDS, ARTIFACTFLOW_RUN_ID="run-that-is-killed"), stop, scripts.stop)
    assert not any(map(is_alive, pids))


def test_what_is_asked_to_end_is_asked_once_and_may_tidy_up(scripts, executor):
    script = """
        import signal, sys, time
        asked = []
        def tidy(number, frame):
            asked.append(number)
            time.sleep(0.2)
            print("asked", len(asked), "x" * 200_000, flush=True)
            sys.exit(7)
        signal.signal(signal.SIGTERM, tidy)
        print("on", flush=True)
        time.sleep(60)
    """
    task = scripts.task(script, ARTIFACTFLOW_RUN_ID="run-that-tidies-up")
    ended = executor.execute(task, lambda line: scripts.stop.set(), scripts.stop)
    assert ended.exit_code == 7
    assert task.log.read_text() == f"on\nasked 1 {'x' * 200_000}\n"


def test_steps_of_other_runs_are_left_alone(scripts, executor, is_alive):
    other = subprocess.Popen(["sleep", "60"], env={"PATH": "/bin:/usr/bin", "ARTIFACTFLOW_RUN_ID": "another-run"})
    try:
        task = scripts.task("print('on', flush=True); import time; time.sleep(60)", ARTIFACTFLOW_RUN_ID="another")
        executor.execute(task, lambda line: scripts.stop.set(), scripts.stop)
        assert is_alive(other.pid)
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize(("warm", "keep_warm"), [(False, 0), (True, 0), (True, 60)], ids=["fresh", "warm", "kept"])
def test_when_artifactflow_is_killed_its_steps_are_too_with_all_that_they_have_started(
    tmp_path, runtime, warm, keep_warm, is_alive, eventually
):
    code = CLIENT.format(
        tests=str(Path(__file__).parent),
        folder=str(tmp_path / "component"),
        script=textwrap.dedent(BREEDS),
        warm=warm,
        keep_warm=keep_warm,
    )
    client = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
    pids = [int(pid) for pid in client.stdout.readline().split()]
    assert all(map(is_alive, pids))
    assert len(pids) == 4
    client.kill()
    client.wait()
    client.stdout.close()
    eventually(lambda: not any(map(is_alive, pids)))


def test_starting_a_step_in_a_thread_that_ends_first_does_not_end_it(scripts):
    """What watches over the steps belongs to the process, and not to the thread that was first."""
    results = []
    for number in range(2):
        task = scripts.task(f"print({number})", ARTIFACTFLOW_RUN_ID=f"run-{number}")
        thread = threading.Thread(target=lambda task=task: results.append(scripts.run(scripts.fresh, task)))
        thread.start()
        thread.join()
    assert results == [(0, "0\n"), (0, "1\n")]
