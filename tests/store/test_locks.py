import errno
import fcntl
import os
import subprocess
import sys
import threading

import pytest

from artifactflow.artifact import Digest
from artifactflow.errors import OutsideError
from artifactflow.store.locks import Turnstile, hold


def is_free(path, *, shared=False):
    try:
        with hold(path, shared=shared, patience=0):
            return True
    except OutsideError:
        return False


def test_a_lock_keeps_others_out_and_its_wait_is_bounded(tmp_path):
    path = tmp_path / "journal"
    with hold(path):
        with pytest.raises(OutsideError, match="journal has been held by another process"), hold(path, patience=0.01):
            pass
        assert not is_free(path, shared=True)
    assert is_free(path)


def test_a_shared_lock_is_shared_with_those_who_share(tmp_path):
    path = tmp_path / "gc"
    with hold(path, shared=True):
        assert is_free(path, shared=True)
        assert not is_free(path)


def test_a_killed_process_leaves_no_lock_behind(tmp_path):
    path = tmp_path / "journal"
    code = "import sys, pathlib; from artifactflow.store.locks import hold\n"
    code += "with hold(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        assert process.stdout.readline() == b"held\n"
        assert not is_free(path)
        process.kill()
    assert is_free(path)


def test_a_forked_child_does_not_keep_its_parents_lock(tmp_path):
    path = tmp_path / "journal"
    ends, child_waits = os.pipe()
    with hold(path):
        child = os.fork()
        if child == 0:
            os.close(child_waits)
            os.read(ends, 1)
            os._exit(0)
    os.close(ends)
    free = is_free(path)
    os.close(child_waits)
    os.waitpid(child, 0)
    assert free


@pytest.mark.parametrize("inherited", [True, False])
def test_what_a_child_inherits_it_keeps_where_the_body_fails(tmp_path, inherited):
    path = tmp_path / "environment"
    with pytest.raises(RuntimeError), hold(path, inherited=inherited) as descriptor:
        child = subprocess.Popen(["sleep", "60"], pass_fds=[descriptor])
        raise RuntimeError
    free = is_free(path)
    child.kill()
    child.wait()
    assert free is not inherited
    assert is_free(path)


def test_puts_pass_the_turnstile_together_and_keep_the_collector_out(tmp_path):
    turnstile = Turnstile(tmp_path)
    with turnstile.passed(), Turnstile(tmp_path).passed():
        assert is_free(tmp_path / "gate")
        assert not is_free(tmp_path / "gc")
    assert is_free(tmp_path / "gc")


def test_who_has_passed_the_turnstile_does_not_queue_again_behind_a_waiting_collector(tmp_path):
    turnstile = Turnstile(tmp_path)
    with turnstile.passed(), hold(tmp_path / "gate"):
        with turnstile.passed():
            pass
        assert not is_free(tmp_path / "gc")


def test_a_waiting_collector_lets_nobody_new_in(tmp_path):
    turnstile = Turnstile(tmp_path)
    entered = threading.Event()

    def put():
        with turnstile.passed():
            entered.set()

    with hold(tmp_path / "gate"):
        thread = threading.Thread(target=put)
        thread.start()
        assert not entered.wait(0.05)
    thread.join()
    assert entered.is_set()


def test_a_lock_that_the_system_refuses_is_an_error_in_words(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (
        pytest.raises(OutsideError, match=r"cannot take the lock .*journal: No locks available"),
        hold(tmp_path / "journal"),
    ):
        pass


def test_what_was_done_under_a_lock_stays_done_where_letting_go_of_it_fails(tmp_path, monkeypatch):
    flock = fcntl.flock

    def fail_to_unlock(descriptor, kind):
        if kind == fcntl.LOCK_UN:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        flock(descriptor, kind)

    monkeypatch.setattr(fcntl, "flock", fail_to_unlock)
    with hold(tmp_path / "journal"):
        pass
    monkeypatch.undo()
    assert is_free(tmp_path / "journal")


def test_what_was_put_is_remembered_by_its_thread_until_that_lets_the_collector_in(tmp_path):
    turnstile = Turnstile(tmp_path)
    seen_elsewhere = []
    with turnstile.passed():
        with turnstile.passed():
            turnstile.placed.add(Digest.of(b""))
        assert turnstile.placed == {Digest.of(b"")}
        thread = threading.Thread(target=lambda: seen_elsewhere.append(set(turnstile.placed)))
        thread.start()
        thread.join()
    assert seen_elsewhere == [set()]
    assert turnstile.placed == set()
