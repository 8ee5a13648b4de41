"""The steps that run on a server, each in a child of it: how they end, and how they are ended."""

from __future__ import annotations

import contextlib
import json
import os

TYPE_CHECKING = False  # what type checkers know without typing being imported
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Child:
    """A step that runs: its process, where its end is reported, and the channel that it came by."""

    def __init__(self, pid: int, report: int, channel: int, run_id: str) -> None:
        self.pid = pid
        self.report = report
        self.channel = channel
        self.run_id = run_id


class Children:
    """The children of this process, by descriptors that are readable when they have ended."""

    def __init__(self, kill_all: Callable[[str, int], None]) -> None:
        self._kill_all = kill_all  # by the run's id and process
        self._running: dict[int, Child] = {}

    def __len__(self) -> int:
        return len(self._running)

    def __contains__(self, descriptor: int) -> bool:
        return descriptor in self._running

    def __iter__(self) -> Iterator[int]:
        return iter(self._running)

    def add(self, child: Child) -> None:
        """Note one that was forked."""
        self._running[os.pidfd_open(child.pid)] = child

    def all(self) -> list[Child]:
        """Those that have not been seen to end."""
        return [*self._running.values()]

    def report_end(self, descriptor: int) -> None:
        """Say how a child has ended and what it has used."""
        child = self._running.pop(descriptor)
        os.close(descriptor)
        _, status, usage = os.wait4(child.pid, 0)
        ended = {
            "exit_code": os.waitstatus_to_exitcode(status),
            "peak_memory": usage.ru_maxrss * 1024,  # Linux counts in KiB
            "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 3),
        }
        with contextlib.suppress(OSError):  # whoever waited for it may be gone
            os.write(child.report, json.dumps({"ended": ended}).encode())
        os.close(child.report)

    def kill(self, channel: int | None = None) -> None:
        """Kill those that came by a channel, or all, with whatever they have started."""
        for child in self.all():
            if channel in (None, child.channel):
                self._kill_all(child.run_id, child.pid)

    def leave(self) -> None:
        """In a child: close what is the server's."""
        for descriptor, child in self._running.items():
            os.close(descriptor)
            os.close(child.report)
