"""Finds the processes that belong to one execution of a step, wherever they have moved to.

They are those of the step's session, those whose environment holds its run's id, and the descendants of all these. So a
daemon is found that has left its group and session, unless it has emptied its environment too and its parent is gone.
Only Linux tells (`/proc`); elsewhere nothing is found, and a step's process group is all that can be ended.
"""

# What this file imports, every script that runs warm would find imported: so no pathlib here.
# ruff: noqa: PTH123, PTH208

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

RUN_ID_VARIABLE = "ARTIFACTFLOW_RUN_ID"  # what a step's processes can be told by

# Places in /proc/PID/stat, counted from the state, which follows the name in brackets.
_STATE, _PARENT, _SESSION, _STARTED = 0, 1, 3, 19

Process = tuple[int, int]
"""A process id and when it started, in ticks since the machine did: the id alone may come to mean another."""


def belonging(run_id: str, leader: int) -> set[Process]:
    """The processes of an execution whose first process is or was `leader`; this one and what has ended are left out.

    Either may be unknown: the id empty, the leader 0.
    """
    try:
        ids = [int(name) for name in os.listdir("/proc") if name.isdecimal()]
    except FileNotFoundError:
        return set()
    marker = f"\0{RUN_ID_VARIABLE}={run_id}\0".encode()
    started: dict[int, int] = {}
    children: dict[int, list[int]] = {}
    found: list[int] = []
    for pid in ids:
        fields = _stat(pid)
        if fields is None or pid == os.getpid():
            continue
        started[pid] = int(fields[_STARTED])
        children.setdefault(int(fields[_PARENT]), []).append(pid)
        if (leader and leader in (pid, int(fields[_SESSION]))) or (run_id and marker in _environment(pid)):
            found.append(pid)
    belongs: set[Process] = set()
    while found:
        pid = found.pop()
        if (pid, started[pid]) not in belongs:
            belongs.add((pid, started[pid]))
            found += children.get(pid, ())
    return belongs


def is_alive(process: Process) -> bool:
    """Whether it has not ended yet."""
    fields = _stat(process[0])
    return fields is not None and int(fields[_STARTED]) == process[1]


def send_signal(process: Process, number: int) -> None:
    """Send a signal to a process that may have ended meanwhile."""
    if is_alive(process):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process[0], number)


def kill_all(run_id: str, leader: int, seconds: float = 5.0) -> None:
    """Kill all processes of an execution, and those that they start meanwhile."""
    if leader and sys.platform != "linux":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)
    known: set[Process] = set()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        # Whoever was seen belongs to it: when its parent has ended nothing else may tell.
        known = belonging(run_id, leader) | {process for process in known if is_alive(process)}
        for process in known:
            send_signal(process, signal.SIGKILL)
        if not known:
            return
        time.sleep(0.01)


def _stat(pid: int) -> list[bytes] | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if not fields or fields[_STATE] in (b"Z", b"X") else fields


def _environment(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return b"\0" + file.read() + b"\0"
    except OSError:
        return b""
