"""`run-pipeline --keep-warm` and `workers ls | stop`, as a user sees them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

MANIFEST = """
name: who
entry_points:
  main:
    parameters: {word: {type: str, default: a}}
    command: python main.py {word}
"""
SCRIPT = "import json, os, sys, time\nopen('server', 'w').write(str(os.getppid()))\n"
SLOW = SCRIPT + "open('pid', 'w').write(str(os.getpid()))\ntime.sleep(60)\n"


@pytest.fixture
def kept(tmp_path, artifactflow):
    """A component, and the command line with a runtime folder of its own; its workers are gone afterwards."""
    (tmp_path / "MLproject").write_text(MANIFEST)
    (tmp_path / "main.py").write_text(SCRIPT)
    runtime = tempfile.mkdtemp(prefix="af-", dir="/tmp")

    def run(*arguments):
        done = artifactflow(*arguments, XDG_RUNTIME_DIR=runtime)
        done.folder = tmp_path
        return done

    run.runtime = runtime
    yield run
    run("workers", "stop")
    shutil.rmtree(runtime)


def server_of(done) -> int:
    assert done.returncode == 0, done.stderr
    return int(Path(done.folder, "server").read_text())


def workers(kept) -> list[dict]:
    return json.loads(kept("workers", "ls", "--json").stdout)


def test_where_none_exist_nothing_fails(kept):
    assert kept("workers", "ls").stdout == "no workers: run-pipeline --keep-warm 10m leaves some\n"
    assert workers(kept) == []
    for argument in ("--all", "1"):
        done = kept("workers", "stop", argument)
        assert (done.returncode, done.stdout, done.stderr) == (0, "stopped 0 workers\n", "")


def test_a_kept_server_serves_the_next_command_is_listed_and_stopped(kept, is_alive, eventually):
    server = server_of(kept("run-pipeline", ".", "--keep-warm", "10m"))
    assert server_of(kept("run-pipeline", ".", "-P", "word=b")) == server
    (worker,) = workers(kept)
    assert (worker["pid"], worker["steps"], worker["keep_seconds"], worker["running"]) == (server, 2, 600, 0)
    shown = kept("workers", "ls").stdout.splitlines()
    assert shown[0].split() == ["pid", "python", "imported", "memory", "steps", "idle", "until"]
    assert shown[1].split()[0] == str(server)
    assert "the standard library" in shown[1]
    wrong = kept("workers", "stop", "1")
    assert (wrong.returncode, wrong.stderr.splitlines()[0]) == (4, "error: no worker has the process id 1")
    assert json.loads(kept("workers", "stop", str(server), "--json").stdout) == {"stopped": [server]}
    assert workers(kept) == []
    eventually(lambda: not is_alive(server))


def test_a_project_says_it_once_for_all_commands_and_the_option_goes_first(kept, tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.artifactflow]\nkeep_warm = "2h"\n')
    kept("run-pipeline", ".")
    assert [worker["keep_seconds"] for worker in workers(kept)] == [7200]
    kept("workers", "stop")
    kept("run-pipeline", ".", "-P", "word=b", "--keep-warm", "0")
    assert workers(kept) == []


@pytest.mark.parametrize(("option", "setting", "code"), [("soon", "1m", 2), (None, "soon", 3), (None, 5, 3)])
def test_what_is_no_duration_is_refused_before_anything_runs(kept, tmp_path, option, setting, code):
    (tmp_path / "pyproject.toml").write_text(f"[tool.artifactflow]\nkeep_warm = {json.dumps(setting)}\n")
    done = kept("run-pipeline", ".", *(["--keep-warm", option] if option else []))
    assert done.returncode == code
    assert not (tmp_path / ".artifactflow" / "runs").exists()


def test_cold_runs_neither_leave_nor_use_workers(kept):
    server = server_of(kept("run-pipeline", ".", "--keep-warm", "10m"))
    assert server_of(kept("run-pipeline", ".", "--cold", "-P", "word=b")) != server
    assert workers(kept)[0]["steps"] == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_command_that_is_ended_ends_its_step_and_not_the_kept_server(kept, tmp_path, number, is_alive, eventually):
    server = server_of(kept("run-pipeline", ".", "--keep-warm", "10m"))
    (tmp_path / "main.py").write_text(SLOW)
    command = subprocess.Popen(
        [sys.executable, "-m", "artifactflow", "run-pipeline", str(tmp_path)],
        env=environment_of(kept),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
    )
    pid = tmp_path / "pid"
    eventually(lambda: command.poll() is not None or (pid.exists() and pid.read_text()))
    assert command.poll() is None
    assert workers(kept)[0]["idle_seconds"] is None
    command.send_signal(number)
    command.wait()
    eventually(lambda: not is_alive(int(pid.read_text())))
    assert [worker["pid"] for worker in workers(kept)] == [server]


def environment_of(kept) -> dict[str, str]:
    return {**os.environ, "COLUMNS": "200", "XDG_RUNTIME_DIR": kept.runtime}
