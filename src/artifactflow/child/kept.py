"""What a server has that is kept: an address by which later commands find it, and what it takes meanwhile."""

# What this file imports, every script would find imported: so no pathlib here.
# ruff: noqa: PTH104, PTH108, PTH116, PTH123

from __future__ import annotations

import contextlib
import os
import socket


class Kept:
    """The address of a server that is to be kept, and how long."""

    def __init__(self, address: str, seconds: float) -> None:
        self.address = address
        self.seconds = seconds
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        aside = f"{address}.{os.getpid()}"
        self.listener.bind(aside)
        self.listener.listen(16)
        self._number = os.stat(aside).st_ino
        os.rename(aside, address)  # whoever had the address before is not reached any more, and ends

    def is_reachable(self) -> bool:
        """Whether the address is still its own."""
        try:
            return os.stat(self.address).st_ino == self._number
        except OSError:
            return False

    def withdraw(self) -> None:
        """Do not be found any more."""
        if self.is_reachable():
            with contextlib.suppress(OSError):
                os.unlink(self.address)


def resident_memory() -> int:
    """The bytes of memory that this process takes now."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
