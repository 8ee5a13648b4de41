"""Locks between runs on one store: who executes a cache key, and whether a run is still alive.

All are bytes of one file, locked by POSIX record locks: nothing accumulates, and the kernel lets go when a process
ends, however it ends. Such locks belong to the process, so one process must not ask twice for the same.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from artifactflow.errors import OutsideError


class RunLocks:
    """The locks of one process on one store."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(folder / "runs", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise OutsideError(f"cannot take the locks of runs in {folder}: {error.strerror}") from error

    def try_acquire(self, name: str) -> bool:
        """Take the lock of that name; False where another process has it."""
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _offset(name))
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                return False
            raise OutsideError(f"cannot lock the store: {error.strerror}") from error
        return True

    def release(self, name: str) -> None:
        """Let go of the lock of that name."""
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, _offset(name))

    def close(self) -> None:
        """Let go of everything."""
        with suppress(OSError):  # the locks are gone all the same, and what they were for has been done
            os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _offset(name: str) -> int:
    """A byte of the file for each name; the file need not be as long. Two names share one once in 2**62."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 2
