"""Locks between processes: files under `locks/`, held with flock, which a crash releases by itself."""

from __future__ import annotations

import fcntl
import itertools
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from artifactflow.artifact import Digest
from artifactflow.errors import OutsideError
from artifactflow.store.files import os_errors

PATIENCE: Final = 60.0
"""Seconds to wait for a lock."""

_TURNS: Final = (0.25, 0.5, 1.0, 2.0)
"""Seconds that the collector stands in the gate in its first tries, the last of them in all that follow."""


@contextmanager
def hold(path: Path, *, shared: bool = False, patience: float = PATIENCE, inherited: bool = False) -> Iterator[int]:
    """Hold the lock at `path` during the body, alone or `shared` with others who share it; gives its descriptor.

    Not to be taken twice by one thread. Where the descriptor is `inherited` by child processes and the body fails, or
    this process is killed, the lock lasts until they have ended. Raises OutsideError after `patience` seconds.
    """
    descriptor = _acquire(path, shared=shared, patience=patience)
    try:
        yield descriptor
    except BaseException:
        os.close(descriptor) if inherited else _release(descriptor)
        raise
    _release(descriptor)


class _Stay(threading.local):
    """How often this thread has passed and not left yet, and what it has put meanwhile."""

    def __init__(self) -> None:
        self.depth = 0
        self.placed: set[Digest] = set()


class Turnstile:
    """What keeps the garbage collector away from objects that are on their way into the journal.

    Who puts objects passes the gate and then shares the gc lock; the collector takes the gate, then the gc lock
    alone. Because it stands in the gate while it waits, nobody new comes in, and it is not starved.
    """

    def __init__(self, folder: Path) -> None:
        self._gate = folder / "gate"
        self._collector = folder / "gc"
        self._stay = _Stay()

    @property
    def placed(self) -> set[Digest]:
        """The trees that this thread has put since it passed, by digest: what they need cannot have gone since then."""
        return self._stay.placed

    @contextmanager
    def passed(self) -> Iterator[None]:
        """Keep the collector out during the body. May be nested: who is inside does not queue at the gate again."""
        depth = self._stay.depth
        if depth == 0:
            with hold(self._gate):
                descriptor = _acquire(self._collector, shared=True, patience=PATIENCE)
        self._stay.depth = depth + 1
        try:
            yield
        finally:
            self._stay.depth = depth
            if depth == 0:
                self._stay.placed = set()
                _release(descriptor)

    @contextmanager
    def collecting(self, *, patience: float = 10 * PATIENCE) -> Iterator[None]:
        """Keep everybody out who puts or registers, once those inside are done. Keep the body short.

        A put may take long, and whoever waits at the gate meanwhile shall not wait as long: after two seconds the
        collector steps aside for as long, and tries again. Raises OutsideError after `patience` seconds.
        """
        deadline = time.monotonic() + patience
        for turn in itertools.chain(_TURNS, itertools.repeat(_TURNS[-1])):
            try:
                with hold(self._gate):
                    descriptor = _acquire(self._collector, shared=False, patience=turn)
                break
            except OutsideError as error:
                if time.monotonic() > deadline or isinstance(error.__cause__, OSError):
                    raise
            time.sleep(turn)
        try:
            yield
        finally:
            _release(descriptor)


def _acquire(path: Path, *, shared: bool, patience: float) -> int:
    with os_errors(f"take the lock {path.name}"):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    deadline = time.monotonic() + patience
    pause = 0.0005
    try:
        while True:
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise OutsideError(
                        f"the lock {path} has been held by another process for more than {patience:g} seconds",
                        hint="let the other artifactflow command in this store finish, or end it",
                    ) from None
                time.sleep(pause)
                pause = min(pause * 2, 0.02)
            except OSError as error:
                # A flock that is interrupted or not supported does not say which file it was about.
                raise OutsideError(f"cannot take the lock {path}: {error.strerror}") from error
            else:
                return descriptor
    except BaseException:
        os.close(descriptor)
        raise


def _release(descriptor: int) -> None:
    # What the lock was for has been done: a disk that fails only now must not make that look undone.
    with suppress(OSError):
        # Closing is not enough: a child forked meanwhile has the descriptor too, and would keep the lock.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    with suppress(OSError):
        os.close(descriptor)
