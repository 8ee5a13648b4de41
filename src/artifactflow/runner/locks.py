"""Locks between runs on one store: who executes a cache key, and whether a run is still alive.

All are bytes of one file, so nothing accumulates, and the kernel lets go when a process ends, however it ends. They
belong to the opened file and not to the process, as POSIX record locks do: so two runs in two threads of one process
keep each other out as those of two processes do, and none lets go of what another one has.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import struct
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from artifactflow.errors import OutsideError


class RunLocks:
    """The locks of one run on one store, or of whoever looks which runs are alive."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(folder / "runs", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise OutsideError(f"cannot take the locks of runs in {folder}: {error.strerror}") from error

    def try_acquire(self, name: str) -> bool:
        """Take the lock of that name; False where somebody else has it. What one has can be taken again."""
        try:
            self._set(fcntl.F_WRLCK, _offset(name), 1)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                return False
            raise OutsideError(f"cannot lock the store: {error.strerror}") from error
        return True

    def release(self, name: str) -> None:
        """Let go of the lock of that name."""
        self._set(fcntl.F_UNLCK, _offset(name), 1)

    def close(self) -> None:
        """Let go of everything."""
        with suppress(OSError):
            # Closing is not enough: a child forked meanwhile has the opened file too, and would keep the locks.
            self._set(fcntl.F_UNLCK, 0, 0)
        with suppress(OSError):  # the locks are gone all the same, and what they were for has been done
            os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _set(self, kind: int, offset: int, length: int) -> None:
        """Lock or unlock bytes of the file without waiting, all from the offset on where the length is 0."""
        if sys.platform == "darwin":
            wanted = struct.pack("qqihh", offset, length, 0, kind, os.SEEK_SET)
        else:
            wanted = struct.pack("hhqqi", kind, os.SEEK_SET, offset, length, 0)
        fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, wanted)


def _offset(name: str) -> int:
    """A byte of the file for each name; the file need not be as long. Two names share one once in 2**62."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 2
