"""Ctrl-C on the command line: the first asks and the second kills, and both leave nothing behind."""

import signal
import subprocess
import sys
import time

import pytest

MANIFEST = """
name: breeds
entry_points:
  main:
    command: python main.py{more}
"""
SCRIPT = """
import os, signal, subprocess, sys, time
deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
moved = subprocess.Popen([sys.executable, "-c", deaf], start_new_session=True, stdout=subprocess.PIPE)
moved.stdout.readline()
daemon = subprocess.Popen("setsid sleep 60 & echo $!", shell=True, stdout=subprocess.PIPE)
daemon = int(daemon.stdout.readline())
signal.signal(signal.SIGTERM, lambda number, frame: open("asked", "w").close())
with open("pids.new", "w") as file:
    print(os.getpid(), moved.pid, daemon, file=file)
os.rename("pids.new", "pids")
for _ in range(600):
    time.sleep(0.1)
"""


@pytest.fixture(params=["", " && true"], ids=["warm", "shell"])
def running(request, tmp_path, eventually):
    """A command whose step has started processes that do not end when they are asked to."""
    (tmp_path / "MLproject").write_text(MANIFEST.format(more=request.param))
    (tmp_path / "main.py").write_text(SCRIPT)
    command = subprocess.Popen(
        [sys.executable, "-m", "artifactflow", "run-pipeline", "."],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    eventually(lambda: (tmp_path / "pids").exists() or command.poll() is not None)
    assert command.poll() is None, command.communicate()
    yield command
    command.kill()
    command.wait()
    command.stdout.close()


@pytest.fixture
def alive(tmp_path, is_alive):
    """Those of the step's processes that still run."""
    return lambda: [pid for pid in map(int, (tmp_path / "pids").read_text().split()) if is_alive(pid)]


def test_a_second_ctrl_c_kills_what_the_first_has_only_asked(running, tmp_path, eventually, alive):
    assert len(alive()) == 3
    running.send_signal(signal.SIGINT)
    eventually((tmp_path / "asked").exists)
    running.send_signal(signal.SIGINT)
    printed, _ = running.communicate()
    assert running.returncode == 130, printed
    assert alive() == []


@pytest.mark.torture
def test_one_ctrl_c_ends_all_of_it_within_ten_seconds(running, tmp_path, alive):
    start = time.monotonic()
    running.send_signal(signal.SIGINT)
    printed, _ = running.communicate()
    assert time.monotonic() - start < 10
    assert (running.returncode, (tmp_path / "asked").exists()) == (130, True), printed
    assert alive() == []
