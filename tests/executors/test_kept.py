"""Which servers outlive a run, whom they serve, and that nobody else is served by them."""

import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from artifactflow.child.messages import receive, send
from artifactflow.executors import kept
from artifactflow.executors.kept import kept_folder, kept_servers, stop_servers
from artifactflow.executors.worker import WorkerExecutor

IMPORTS = "import json, os, signal, sys, time"
WHO = f"{IMPORTS}; print(os.getppid())"
NOBODY = 65534


@contextlib.contextmanager
def as_another_user():
    """The body runs twice: with True in a child that is another user, with False here, when that has ended well."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            yield True
        except BaseException:
            os._exit(2)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    yield False


@pytest.fixture
def keeping(scripts, runtime):
    """Runs a script in a run of its own that keeps its servers; returns the server's process id."""

    def run(script=WHO, keep_warm=60.0, **variables):
        with closing(WorkerExecutor(keep_warm=keep_warm)) as executor:
            scripts.warm = executor
            code, printed = scripts.warmly(script, **variables)
            assert code == 0, printed
            return int(printed)

    return run


def pids() -> list[int]:
    return [server.pid for server in kept_servers()]


def test_a_server_serves_the_next_run_also_one_that_keeps_none_itself(keeping):
    server = keeping()
    assert [keeping(), keeping(keep_warm=0)] == [server, server]
    (status,) = kept_servers()
    assert (status.pid, status.steps, status.running, status.keep_seconds) == (server, 3, 0, 60.0)
    assert status.modules == ("json", "os", "signal", "sys", "time")
    assert status.python == sys.executable
    assert status.memory > 1_000_000
    assert status.idle_seconds is not None
    assert str(status.until).endswith("Z")


def test_without_keeping_nothing_is_left(keeping, runtime, is_alive):
    server = keeping(keep_warm=0)
    assert not is_alive(server)
    assert list(runtime.iterdir()) == []


def test_two_runs_at_once_share_a_server_and_end_only_what_is_their_own(keeping, scripts, is_alive, eventually):
    server = keeping()
    script = f"{IMPORTS}; print(os.getpid(), os.getppid(), flush=True); time.sleep(60)"
    task = scripts.task(script)
    lines = []
    with closing(WorkerExecutor()) as one:
        running = threading.Thread(target=lambda: one.execute(task, lines.append, scripts.stop))
        running.start()
        eventually(lambda: lines)
        step, parent = map(int, lines[0].split())
        assert parent == server
        assert keeping() == server
        assert kept_servers()[0].idle_seconds is None
        assert is_alive(step)
        scripts.stop.set()
        running.join()
    assert is_alive(server)
    assert not is_alive(step)


def test_a_server_whose_client_was_killed_goes_on_without_its_step(scripts, runtime, tmp_path, is_alive, eventually):
    client = f"""if True:
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from pathlib import Path
        from conftest import Scripts
        from artifactflow.executors.worker import WorkerExecutor
        scripts = Scripts(Path({str(tmp_path / "component")!r}), WorkerExecutor(keep_warm=60))
        task = scripts.task("import json, os, time; print(os.getppid(), os.getpid(), flush=True); time.sleep(60)")
        scripts.warm.execute(task, lambda line: print(line, flush=True), scripts.stop)
    """
    process = subprocess.Popen([sys.executable, "-c", client], stdout=subprocess.PIPE, text=True)
    server, step = map(int, process.stdout.readline().split())
    process.kill()
    process.wait()
    process.stdout.close()
    eventually(lambda: not is_alive(step))
    assert pids() == [server]


def test_a_server_holds_nothing_of_the_command_that_began_it(keeping):
    held = os.open(os.devnull, os.O_RDONLY)
    os.set_inheritable(held, True)
    server = Path(f"/proc/{keeping()}")
    os.close(held)
    opened = {file.readlink() for file in (server / "fd").iterdir()}
    assert {str(one).partition(":")[0] for one in opened} == {"/dev/null", "socket"}
    assert (server / "cwd").readlink() == Path("/")
    parent, group, session, terminal = map(int, (server / "stat").read_text().rpartition(")")[2].split()[1:5])
    assert parent != os.getpid()
    assert group not in (os.getpgrp(), int(server.name))
    assert session != os.getsid(0)
    assert terminal == 0


def test_an_idle_server_ends_itself_and_its_address_with_it(keeping, runtime, is_alive, eventually):
    server = keeping(keep_warm=0.2)
    eventually(lambda: not is_alive(server))
    assert list((runtime / "artifactflow").iterdir()) == []


def test_being_asked_how_it_is_does_not_keep_a_server_longer(keeping, is_alive, eventually):
    server = keeping(keep_warm=0.5)
    eventually(lambda: not pids() and not is_alive(server))


def test_a_server_that_cannot_be_reached_any_more_ends(keeping, runtime):
    first = keeping()
    (address,) = (runtime / "artifactflow").iterdir()
    address.rename(address.with_name("elsewhere"))
    second = keeping()
    assert first != second
    stop_servers([server for server in kept_servers() if server.pid == first])
    assert pids() == [second]


# whom it serves


def test_other_early_variables_or_modules_have_other_servers(keeping):
    servers = [keeping(), keeping(EARLY="1"), keeping("import csv, os; print(os.getppid())"), keeping(WANDB_MODE="x")]
    assert len(set(servers)) == 3
    assert servers[3] == servers[0]


def test_what_is_installed_meanwhile_is_seen(keeping, scripts):
    site = scripts.write("../site-packages/installed.py", "").parent.resolve()
    first = keeping(PYTHONPATH=str(site))
    assert keeping(PYTHONPATH=str(site)) == first
    (site / "installed-1.0.dist-info").mkdir()
    second = keeping(PYTHONPATH=str(site))
    (site / "installed-1.0.dist-info").rename(site / "installed-1.1.dist-info")
    third = keeping(PYTHONPATH=str(site))
    assert len({first, second, third}) == 3


def test_a_server_that_has_imported_a_file_which_changed_ends_and_another_is_begun(
    keeping, scripts, is_alive, eventually
):
    site = scripts.write("../site-packages/installed.py", "VALUE = 1").parent.resolve()
    script = "import os, installed; print(os.getppid()); assert installed.VALUE == int(os.environ['WANDB_VALUE'])"
    first = keeping(script, PYTHONPATH=str(site), WANDB_VALUE="1")
    (site / "installed.py").write_text("VALUE = 22")
    second = keeping(script, PYTHONPATH=str(site), WANDB_VALUE="22")
    assert second != first
    eventually(lambda: not is_alive(first))
    assert pids() == [second]


def test_another_version_of_ours_has_servers_of_its_own(keeping, monkeypatch):
    first = keeping()
    monkeypatch.setattr("artifactflow.executors.identity.__version__", "0")
    assert keeping() != first


def test_other_limits_and_masks_have_servers_of_their_own(keeping):
    first = keeping()
    before = os.umask(0o077)
    try:
        second = keeping()
    finally:
        os.umask(before)
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0 if soft else min(hard, 1) if hard >= 0 else 1, hard))
    try:
        third = keeping()
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
    assert len({first, second, third}) == 3


# where it is


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_a_folder_that_others_can_enter_is_not_used(keeping, runtime, scripts, mode):
    (runtime / "artifactflow").mkdir()
    (runtime / "artifactflow").chmod(mode)
    scripts.folder.mkdir()
    assert kept_folder(make=True) != runtime / "artifactflow"
    runtime.chmod(mode)
    assert kept_folder(make=True) != runtime / "artifactflow"


def test_without_a_safe_folder_steps_are_warm_and_nothing_is_kept(keeping, runtime, monkeypatch, is_alive):
    elsewhere = runtime / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (runtime / f"artifactflow-{os.geteuid()}").symlink_to(elsewhere)
    (runtime / "artifactflow").symlink_to(elsewhere)
    monkeypatch.setattr("tempfile.tempdir", str(runtime))
    assert kept_folder(make=True) is None
    assert not is_alive(keeping())
    assert kept_servers() == []
    assert list(elsewhere.iterdir()) == []


def test_without_a_runtime_folder_it_lies_among_the_temporary_files_and_is_the_users_alone(runtime, monkeypatch):
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr("tempfile.tempdir", str(runtime))
    assert kept_folder(make=False) is None
    folder = kept_folder(make=True)
    assert folder == runtime / f"artifactflow-{os.geteuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_path_that_is_too_long_for_a_socket_is_passed_over(keeping, runtime, monkeypatch, is_alive):
    long = runtime / ("x" * 80)
    long.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    monkeypatch.setattr("tempfile.tempdir", str(runtime))
    assert kept_folder(make=True) == runtime / f"artifactflow-{os.geteuid()}"
    monkeypatch.setattr("tempfile.tempdir", str(long))
    assert kept_folder(make=True) is None
    assert not is_alive(keeping())


# what cannot be trusted


def test_what_is_left_of_a_killed_server_is_removed(keeping, is_alive, eventually):
    first = keeping()
    os.kill(first, signal.SIGKILL)
    eventually(lambda: not is_alive(first))
    second = keeping()
    assert pids() == [second]


@pytest.mark.parametrize("answer", [b"", b"\xff\xff\xff\xff", b"\0\0\0\2{}", b"\0\0\0\1x", b"\0\0\0\4null"])
def test_something_else_at_its_address_is_left_alone(keeping, runtime, answer):
    os.kill(keeping(), signal.SIGKILL)
    (address,) = (runtime / "artifactflow").iterdir()
    address.unlink()
    with socket.socket(socket.AF_UNIX) as impostor:
        impostor.bind(str(address))
        impostor.listen()

        def talk():
            for _ in range(3):  # asked how it is, to be used, and before another is kept
                other, _ = impostor.accept()
                other.recv(100)
                other.sendall(answer)
                other.close()

        thread = threading.Thread(target=talk)
        thread.start()
        assert kept_servers() == []
        server = keeping()
        thread.join()
        assert pids() == [server]


def test_a_server_that_hangs_is_passed_over_and_can_be_ended(keeping, monkeypatch, is_alive, eventually):
    monkeypatch.setattr(kept, "ANSWER_SECONDS", 0.3)
    monkeypatch.setattr("artifactflow.executors.servers.ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(kept, "STOP_SECONDS", 0.3)
    first = keeping()
    (status,) = kept_servers()
    os.kill(first, signal.SIGSTOP)
    second = keeping()
    assert second != first
    os.kill(first, signal.SIGCONT)
    eventually(lambda: not is_alive(first))
    os.kill(second, signal.SIGSTOP)
    stop_servers([status])
    eventually(lambda: not is_alive(second))


@pytest.mark.skipif(os.geteuid() != 0, reason="another user is needed")
def test_another_user_neither_serves_nor_is_served(keeping, runtime):
    server = keeping()
    (address,) = (runtime / "artifactflow").iterdir()
    for open_to_all in (runtime, address.parent, address):
        open_to_all.chmod(0o777)
    with as_another_user() as forked:
        if forked:
            with socket.socket(socket.AF_UNIX) as channel:
                channel.connect(str(address))
                with contextlib.suppress(OSError):
                    send(channel, {"do": "status"})
                    os._exit(3 if receive(channel)[0] else 0)
    runtime.chmod(0o700)
    address.parent.chmod(0o700)
    assert pids() == [server]
    os.kill(server, signal.SIGKILL)
    address.unlink()
    with socket.socket(socket.AF_UNIX) as impostor:
        impostor.bind(str(address))
        with as_another_user() as forked:
            if forked:
                impostor.listen()
        assert kept_servers() == []
        assert keeping() != server


# the end


def test_stopping_asks_steps_to_end_and_the_run_hears_of_it(keeping, scripts, is_alive, eventually):
    server = keeping()
    script = f"""
        {IMPORTS}
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(5))
        print(os.getppid(), flush=True)
        time.sleep(60)
    """
    with closing(WorkerExecutor()) as executor:
        task = scripts.task(script, ARTIFACTFLOW_RUN_ID="run-on-a-server-that-is-stopped")
        ended = executor.execute(task, lambda line: stop_servers(kept_servers()), scripts.stop)
    assert (int(task.log.read_text().split()[-1]), ended.exit_code) == (server, 5)
    eventually(lambda: not is_alive(server))
    assert kept_servers() == []
    stop_servers([])


def test_only_so_many_servers_are_kept(keeping, monkeypatch, eventually):
    monkeypatch.setattr(kept, "MOST_KEPT", 2)
    servers = [keeping(EARLY=str(number)) for number in range(4)]
    eventually(lambda: sorted(pids()) == sorted(servers[2:]))


def test_all_of_it_can_be_said_in_json(keeping):
    server = keeping()
    (status,) = json.loads(json.dumps([server.to_json() for server in kept_servers()]))
    assert status["pid"] == server
    assert set(status) == {
        *("pid", "python", "modules", "memory", "steps", "running", "idle_seconds", "keep_seconds", "until"),
    }
