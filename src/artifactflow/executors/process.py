"""Watches a process: copies what it prints to the log, and ends it with all its descendants when it has to."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Protocol

from artifactflow.child.processes import RUN_ID_VARIABLE, Process, belonging, is_alive, send_signal
from artifactflow.executors.masking import Masking
from artifactflow.executors.task import Ended, PrintLine, Stop, Task

GRACE_SECONDS = 5.0
"""How long a step may take to end after it was asked to, before it is killed."""

KILL_SECONDS = 2.0
"""How long a killed step is waited for."""

LOOK_SECONDS = 0.1
"""How often a watched process is looked after when nothing happens. Output and its end wake the watcher at once."""

LONGEST_LINE = 1 << 16
"""Bytes of a line that are handed on. The log has all: a bar of progress is one line of many megabytes."""

Usage = Mapping[str, float | int]
"""What a process has used: `peak_memory` in bytes, `cpu_seconds`; empty where it is not known."""


class Watched(Protocol):
    """A process that leads a group of its own and prints into a pipe: one of our children, or a server's.

    `exited` is a descriptor that becomes readable when it has ended, None where the platform has no such.
    """

    pid: int
    output: int
    exited: int | None

    def has_ended(self) -> bool:
        """Whether it has, without waiting."""

    def reap(self) -> tuple[int, Usage]:
        """Wait for its end; returns the exit code, negative for a signal, and what it used. May be called again."""

    def close(self) -> None:
        """Close the descriptors."""


class OwnChild:
    """A process that this one has started."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdout is None:
            raise ValueError("it was started without a pipe")
        self.pid = process.pid
        self.output = process.stdout.fileno()
        self.exited = None
        with contextlib.suppress(AttributeError, OSError):  # other platforms, and Linux before 5.3, have none
            self.exited = os.pidfd_open(process.pid)
        self._process = process
        self._stream = process.stdout
        self._reaped: tuple[int, Usage] | None = None

    def has_ended(self) -> bool:
        """Whether it has, without waiting."""
        if self._reaped is None and hasattr(os, "waitid"):
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        self._collect(os.WNOHANG)  # macOS before Python 3.13 cannot look without collecting
        return self._reaped is not None

    def reap(self) -> tuple[int, Usage]:
        """Collect it; afterwards its number may belong to another process."""
        while self._reaped is None:
            self._collect(0)
        return self._reaped

    def _collect(self, options: int) -> None:
        if self._reaped is not None:
            return
        pid, status, usage = os.wait4(self.pid, options)
        if pid:
            self._process.returncode = os.waitstatus_to_exitcode(status)
            used = {
                "peak_memory": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),  # Linux counts in KiB
                "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 3),
            }
            self._reaped = (self._process.returncode, used)

    def close(self) -> None:
        """Close the descriptors."""
        self._stream.close()
        if self.exited is not None:
            os.close(self.exited)


def _opened(log: Path) -> BinaryIO:
    """The log to write to, made anew where the step has taken its own folder apart already."""
    try:
        return log.open("ab")
    except FileNotFoundError:
        log.parent.mkdir(parents=True, exist_ok=True)
        return log.open("ab")


def watch(process: Watched, task: Task, print_line: PrintLine, stop: Stop) -> Ended:
    """Follow a process until it ends, and close it. What a daemon that it leaves behind prints later is not waited for.

    When its time is up, or `stop` is set, or on an exception (KeyboardInterrupt), it is ended with every descendant;
    these are also ended where it was killed by somebody else.
    """
    deadline = None if task.timeout is None else time.monotonic() + task.timeout
    timed_out = False
    run_id = task.environment.get(RUN_ID_VARIABLE, "")
    with contextlib.closing(process), contextlib.ExitStack() as leaving:
        try:
            file = leaving.enter_context(_opened(task.log))
        except OSError:
            end_all(process, run_id, stop)
            raise
        lines = _Lines(print_line)
        masking = Masking(task.secrets)

        def write(text: bytes) -> None:
            file.write(text)
            file.flush()
            lines.feed(text)

        def keep(chunk: bytes) -> None:
            write(masking.feed(chunk))

        def keep_rest() -> None:
            for chunk in _available(process):
                keep(chunk)

        try:
            for chunk in _chunks(process):
                if chunk:
                    keep(chunk)
                timed_out = deadline is not None and time.monotonic() > deadline
                if timed_out or stop.is_set():
                    end_all(process, run_id, stop, keep_rest)
                    keep_rest()
                    break
        except BaseException:
            end_all(process, run_id, stop)
            raise
        finally:
            write(masking.finish())
            lines.finish()
        exit_code, usage = process.reap()
        if exit_code < 0 and not (timed_out or stop.is_set()):  # what a killed one has started is nobody's
            end_all(process, run_id, stop)
    return Ended(exit_code, timed_out, usage)


def _chunks(process: Watched) -> Iterator[bytes]:
    """What the process prints as it comes, and an empty chunk whenever it is time to look at the clock."""
    os.set_blocking(process.output, False)
    with selectors.PollSelector() as selector:  # an epoll would be made and closed for each process
        selector.register(process.output, selectors.EVENT_READ)
        if process.exited is not None:
            selector.register(process.exited, selectors.EVENT_READ)
        while True:
            ready = {key.fd for key, _ in selector.select(LOOK_SECONDS)}
            ended = process.exited in ready if process.exited is not None else not ready and process.has_ended()
            if process.output in ready:
                chunk = os.read(process.output, 1 << 16)
                if chunk:
                    yield chunk
                    continue  # what is left in the pipe comes before the end
                selector.unregister(process.output)
                if process.exited is None:
                    return
            elif not ended:
                yield b""
            if ended:
                return


def _available(process: Watched) -> Iterator[bytes]:
    """What it has printed and nobody has read yet, without waiting."""
    with contextlib.suppress(BlockingIOError):
        while chunk := os.read(process.output, 1 << 16):
            yield chunk


def end_all(process: Watched, run_id: str, stop: Stop, meanwhile: Callable[[], None] = lambda: None) -> None:
    """End a process and every descendant, also those that have left its group: asked first, then killed.

    There are `GRACE_SECONDS` between the two, or none where `stop` says so. `meanwhile` is called again and again: who
    prints while it tidies up must not wait for ever for somebody to read it.
    """
    known: set[Process] = set()
    for number, seconds in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
        signalled: set[Process] = set()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            # Whoever was seen belongs to it: when its parent has ended nothing else may tell.
            known = belonging(run_id, process.pid) | {one for one in known if is_alive(one)}
            if not known and not _group_lives(process):
                return
            if number == signal.SIGTERM and stop.is_killing():
                break
            for one in known - signalled:
                send_signal(one, number)
            if not known:  # this system does not tell
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
            signalled |= known
            meanwhile()
            time.sleep(0.02)


def _group_lives(process: Watched) -> bool:
    """Whether anything of the group is left. The leader is collected as soon as it ends: as a zombie it would count."""
    if not process.has_ended():
        return True
    process.reap()
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


class _Lines:
    """Hands on whole lines of what comes in pieces; of a line that is too long the end."""

    def __init__(self, print_line: PrintLine) -> None:
        self.print_line = print_line
        self.rest = b""

    def feed(self, chunk: bytes) -> None:
        """Take a piece, hand on the lines that it completes."""
        *lines, self.rest = (self.rest + chunk).split(b"\n")
        self.rest = self.rest[-LONGEST_LINE:]
        for line in lines:
            self.print_line(line.decode(errors="replace").rstrip("\r"))

    def finish(self) -> None:
        """Hand on a last line that has no end."""
        if self.rest:
            self.print_line(self.rest.decode(errors="replace"))
            self.rest = b""
