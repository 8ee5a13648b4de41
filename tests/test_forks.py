import os
import signal
import subprocess
import sys
import time

import pytest

PROGRAM = """
import os, sys, time
from artifactflow.errors import IntegrityError
from artifactflow.forks import may_share, share

def work(items):
    {body}

assert may_share()
try:
    found = sorted(share(work, range(1000), part=64))
    print(len(found), sum(found), flush=True)
except Exception as error:
    print(type(error).__name__, error)
"""
"""A process of its own: one with other threads does not fork."""


def program(body):
    return [sys.executable, "-c", PROGRAM.format(body=body)]


def outcome(body):
    ended = subprocess.run(program(body), capture_output=True, text=True, timeout=60)
    return ended.stdout.strip(), ended.stderr


def processes_below(pid):
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout.split()
    return [int(child) for child in children if child]


pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) == 1, reason="work is shared on Linux, with two cores"
)


def test_every_part_is_done_once_in_one_of_the_forks():
    assert outcome("return sum(items)") == ("16 499500", "")
    pids, _ = outcome("time.sleep(0.01); return os.getpid()")
    assert pids.startswith("16 ")


def test_an_error_of_the_work_is_raised_as_it_is_and_others_of_the_system_too():
    assert outcome('raise IntegrityError("bad", hint="mend it")') == ("IntegrityError bad", "")
    assert outcome("raise ValueError('a fault of ours')") == ("ValueError a fault of ours", "")
    assert outcome("raise OSError(28, 'No space left on device')") == ("OSError [Errno 28] No space left on device", "")


def test_a_fork_that_is_killed_is_not_taken_for_one_that_is_done():
    shown, _ = outcome("os.kill(os.getpid(), 9) if 500 in items else None; return sum(items)")
    assert shown == "OutsideError a process that shared the work was ended from outside"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_forks_end_when_the_process_that_wanted_the_work_is_gone(number, is_alive):
    # More than a pipe holds, so that a fork that nobody reads from would wait for ever.
    process = subprocess.Popen(program("time.sleep(0.05); return 'x' * 1_000_000"), stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while not (forks := processes_below(process.pid)):
            assert time.monotonic() < deadline
    finally:
        process.send_signal(number)
        process.wait()
    while any(map(is_alive, forks)):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_ctrl_c_is_answered_by_the_process_alone(is_alive):
    process = subprocess.Popen(
        program("time.sleep(0.2); return 1"), stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 20
    while not (forks := processes_below(process.pid)):
        assert time.monotonic() < deadline
    os.killpg(process.pid, signal.SIGINT)
    error = process.communicate(timeout=30)[1]
    assert error.count("Traceback") == 1  # this program's own, which does not catch it
    assert not any(map(is_alive, forks))
