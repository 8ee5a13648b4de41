"""Watches a process: copies what it prints to the log, and ends it with all its descendants when it has to."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from artifactflow.executors.task import Ended, PrintLine, Stop

GRACE_SECONDS = 5.0
"""How long a step may take to end after it was asked to, before it is killed."""

LOOK_SECONDS = 0.1
"""How often a watched process is looked after when nothing happens. Output and its end wake the watcher at once."""


def watch(
    process: subprocess.Popen[bytes], log: Path, print_line: PrintLine, stop: Stop, timeout: float | None
) -> Ended:
    """Follow a process that writes to a pipe until it ends. It must lead a process group of its own.

    What a daemon that it leaves behind prints later is not waited for.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    timed_out = False
    with log.open("ab") as file:
        lines = _Lines(print_line)
        try:
            for chunk in _chunks(process):
                if chunk:
                    file.write(chunk)
                    file.flush()
                    lines.feed(chunk)
                timed_out = deadline is not None and time.monotonic() > deadline
                if timed_out or stop.is_set():
                    end_group(process, stop)
                    break
        except BaseException:
            end_group(process, stop)
            raise
        finally:
            lines.finish()
            if process.stdout is not None:
                process.stdout.close()
    usage = _reap(process)
    return Ended(process.returncode, timed_out, usage)


def _chunks(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """What the process prints as it comes, and an empty chunk whenever it is time to look at the clock."""
    pipe = process.stdout
    if pipe is None:
        return
    os.set_blocking(pipe.fileno(), False)
    with selectors.DefaultSelector() as selector, _exit_signal(process) as exited:
        selector.register(pipe, selectors.EVENT_READ)
        if exited is not None:
            selector.register(exited, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select(LOOK_SECONDS)}
            ended = exited in ready if exited is not None else not ready and _has_ended(process)
            if pipe in ready:
                chunk = os.read(pipe.fileno(), 1 << 16)
                if chunk:
                    yield chunk
                    continue  # what is left in the pipe comes before the end
                selector.unregister(pipe)
                if exited is None:
                    return
            elif not ended:
                yield b""
            if ended:
                return


@contextlib.contextmanager
def _exit_signal(process: subprocess.Popen[bytes]) -> Iterator[int | None]:
    """A descriptor that becomes readable when the process ends, where the platform has such (Linux)."""
    if not hasattr(os, "pidfd_open"):
        yield None
        return
    descriptor = os.pidfd_open(process.pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _reap(process: subprocess.Popen[bytes]) -> dict[str, float | int]:
    """Collect the ended process, with what it used."""
    if process.returncode is not None:
        return {}
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return {
        "peak_memory": usage.ru_maxrss * 1024,  # Linux counts in KiB
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 3),
    }


def end_group(process: subprocess.Popen[bytes], stop: Stop) -> None:
    """End a process and every descendant in its group: asked first, killed after a grace or when `stop` says so."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        deadline = time.monotonic() + GRACE_SECONDS
        while _group_lives(process) and time.monotonic() < deadline:
            if number == signal.SIGTERM and stop.is_killing():
                break
            time.sleep(0.01)


def _group_lives(process: subprocess.Popen[bytes]) -> bool:
    """Whether anything of the group is left. The leader is collected as soon as it ends: as a zombie it would count."""
    if process.returncode is None:
        if not _has_ended(process):
            return True
        _reap(process)
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


class _Lines:
    """Hands on whole lines of what comes in pieces."""

    def __init__(self, print_line: PrintLine) -> None:
        self.print_line = print_line
        self.rest = b""

    def feed(self, chunk: bytes) -> None:
        """Take a piece, hand on the lines that it completes."""
        *lines, self.rest = (self.rest + chunk).split(b"\n")
        for line in lines:
            self.print_line(line.decode(errors="replace").rstrip("\r"))

    def finish(self) -> None:
        """Hand on a last line that has no end."""
        if self.rest:
            self.print_line(self.rest.decode(errors="replace"))
            self.rest = b""
