"""A server process and the steps that run on it, seen from here; the other side is `child/server.py`."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from artifactflow.child.messages import receive, send
from artifactflow.child.processes import RUN_ID_VARIABLE
from artifactflow.child.step import RUN_ID_BYTES
from artifactflow.executors.process import Usage
from artifactflow.executors.task import Stop
from artifactflow.executors.warm import PACKAGE, Modules, NotWarmError

SERVER_SCRIPT: Final = PACKAGE / "child" / "server.py"

READY_SECONDS: Final = 120.0
"""How long importing may take before the step is given a fresh process instead."""

LOOK_SECONDS: Final = 0.1
"""How often a thread that waits for a server looks whether it was asked to stop."""

CLOSE_SECONDS: Final = 2.0
"""How long a server has to end before it is killed."""

_LARGEST_REPORT: Final = 4096


@dataclass(frozen=True, slots=True)
class ServerKey:
    """What a process must have in common with a server to be forked from it."""

    python: Path
    environment: tuple[tuple[str, str], ...]
    modules: Modules

    def is_lighter(self, other: ServerKey) -> bool:
        """Whether a server for this key has only to import more to be one for the other."""
        wanted = {module: set(names) for module, names in other.modules}
        return (self.python, self.environment) == (other.python, other.environment) and all(
            module in wanted and wanted[module].issuperset(names) for module, names in self.modules
        )


@dataclass(frozen=True, slots=True)
class Keep:
    """Where a server that outlives the run can be reached, and for how many seconds since its last use."""

    address: Path
    seconds: float


class WarmProcess:
    """A child of a server, seen from here (`Watched`). `lost` says that its server ended before it did."""

    def __init__(self, report: socket.socket, output: int) -> None:
        self.pid = 0
        self.output = output
        self.exited: int | None = report.fileno()
        self.lost = False
        self._report = report
        self._reaped: tuple[int, Usage] | None = None

    def wait_started(self, stop: Stop) -> bool:
        """Whether it has started; False where it ended before it could, or `stop` wants it killed before it has."""
        while not _is_readable(self._report, LOOK_SECONDS):
            if stop.is_killing():
                return False
        self.pid = self._receive().get("started", 0)
        return self.pid != 0

    def has_ended(self) -> bool:
        """Whether it has, without waiting."""
        return self._reaped is not None or _is_readable(self._report, 0)

    def reap(self) -> tuple[int, Usage]:
        """The exit code and what it used, as the server reports it; without a server it is killed."""
        if self._reaped is None:
            ended = self._receive().get("ended")
            if ended is None:
                self.lost = True
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.pid, signal.SIGKILL)
                self._reaped = (-signal.SIGKILL, {})
            else:
                self._reaped = (ended.pop("exit_code"), ended)
        return self._reaped

    def close(self) -> None:
        """Close the descriptors."""
        self._report.close()
        os.close(self.output)

    def _receive(self) -> dict[str, Any]:
        try:
            content = self._report.recv(_LARGEST_REPORT)
        except ConnectionError:
            content = b""
        message: dict[str, Any] = json.loads(content) if content else {}
        return message


class Server:
    """A server process, reached by a control channel. Several threads may start steps on it.

    `process` is None where it is not ours: it was found, or is to be kept and so nobody's child.
    """

    def __init__(self, channel: socket.socket, process: subprocess.Popen[bytes] | None = None) -> None:
        self._channel = channel
        self._process = process
        self._sending = threading.Lock()

    @classmethod
    def begin(cls, key: ServerKey, keep: Keep | None = None) -> Self:
        """Start one, and have it import its modules. Raises OSError where that is not possible."""
        channel, theirs = socket.socketpair()
        placeholder = {RUN_ID_VARIABLE: " " * RUN_ID_BYTES}  # each step writes its own there
        reader, writer = os.pipe()  # nobody reads: it is there for the streams to be those of a pipe
        with theirs, os.fdopen(reader), os.fdopen(writer, "w"):
            process = subprocess.Popen(
                [key.python, SERVER_SCRIPT, str(theirs.fileno())],
                cwd="/",
                env={**dict(key.environment), **placeholder},
                stdin=subprocess.DEVNULL,
                stdout=writer,
                stderr=writer,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        with contextlib.suppress(ConnectionError):  # it has ended already, as waiting for it will tell
            send(channel, _wanted(key, keep))
        if keep is not None:
            process.wait()  # it has left a process behind that is not ours
        return cls(channel, None if keep is not None else process)

    def nest(self, key: ServerKey, keep: Keep | None = None) -> Self:
        """Have a copy of it import more; the two share their memory. Raises OSError where it is gone."""
        channel, theirs = socket.socketpair()
        with theirs, self._sending:
            send(self._channel, {"do": "nest", **_wanted(key, keep)}, theirs.fileno())
        return type(self)(channel)

    def has_ended(self) -> bool:
        """Whether it is gone, though nobody closed it. It says nothing on its own while it lives."""
        return _is_readable(self._channel, 0)

    def wait_ready(self, stop: Stop, seconds: float = READY_SECONDS) -> frozenset[str]:
        """The top names of all that it has imported, when it has.

        Raises NotWarmError where it must not fork, did not start, takes longer than that, or where `stop` was set.
        """
        deadline = time.monotonic() + seconds
        try:
            while not _is_readable(self._channel, LOOK_SECONDS):
                if stop.is_set() or time.monotonic() > deadline:
                    raise NotWarmError("importing its libraries took too long")
            answer, _ = receive(self._channel)
            refused, names = answer["refused"], frozenset(answer["names"])
        except (OSError, ValueError, TypeError, KeyError):
            raise NotWarmError("the server process could not start") from None
        if refused:
            raise NotWarmError(refused)
        return names

    def start(self, request: Mapping[str, Any]) -> WarmProcess:
        """Ask it to run a step. Raises NotWarmError where it is gone."""
        output, their_output = os.pipe()
        report, their_report = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        process = WarmProcess(report, output)
        try:
            with self._sending:
                send(self._channel, {"do": "step", **request}, their_output, their_report.fileno())
        except OSError:
            process.close()
            raise NotWarmError("the server process has ended") from None
        finally:
            os.close(their_output)
            their_report.close()
        return process

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """End what runs on it, and itself unless it is kept: closing the channel asks for that.

        After so many seconds it is killed.
        """
        if self._process is None:
            with contextlib.suppress(OSError):
                self._channel.shutdown(socket.SHUT_WR)
                _is_readable(self._channel, seconds)  # it closes its end when what runs here has ended
        self._channel.close()
        if self._process is None:
            return
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _wanted(key: ServerKey, keep: Keep | None) -> dict[str, Any]:
    """The first message to a server."""
    kept = None if keep is None else {"address": str(keep.address), "seconds": keep.seconds}
    return {"modules": key.modules, "roots": [str(PACKAGE)], "keep": kept}


def _is_readable(channel: socket.socket, seconds: float) -> bool:
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    return bool(poll.poll(seconds * 1000))
