"""Locks around the making of environments, which last for as long as any program at work below them lives."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from artifactflow.errors import OutsideError
from artifactflow.store.files import os_errors

PATIENCE: Final = 3600.0
"""Seconds to wait for another process that builds the same environment: large packages and slow networks exist."""


@contextmanager
def guarded(path: Path, *, shared: bool = False, patience: float = PATIENCE) -> Iterator[int]:
    """Hold the lock at `path` during the body, alone or `shared`; gives its descriptor, to hand to child processes.

    A child that has the descriptor keeps the lock when its parent is killed, so nobody builds where it still writes.
    Raises OutsideError after `patience` seconds.
    """
    with os_errors(f"take the lock {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        _wait(descriptor, path, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, time.monotonic() + patience)
        yield descriptor
        # Only after success: an interrupted body may leave a child behind, which then ends the lock when it ends.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def _wait(descriptor: int, path: Path, kind: int, deadline: float) -> None:
    pause = 0.001
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise OutsideError(
                    f"the lock {path} is held by another process, which builds or removes environments",
                    hint="let the other artifactflow command in this store finish, or end it",
                ) from None
            time.sleep(pause)
            pause = min(pause * 2, 0.05)
        else:
            return
