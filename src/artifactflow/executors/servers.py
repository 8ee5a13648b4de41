"""The server processes of a run: one for each interpreter, environment and set of modules, begun when it is needed."""

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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from artifactflow.executors.process import Usage
from artifactflow.executors.syntax import is_late
from artifactflow.executors.task import Stop
from artifactflow.executors.warm import PACKAGE, Modules, NotWarmError

SERVER_SCRIPT: Final = PACKAGE / "child" / "server.py"

MOST_SERVERS: Final = 8
"""How many are kept at once; beyond that the one that was idle longest is ended."""

READY_SECONDS: Final = 120.0
"""How long importing may take before the step is given a fresh process instead."""

LOOK_SECONDS: Final = 0.1
"""How often a thread that waits for a server looks whether it was asked to stop."""

CLOSE_SECONDS: Final = 2.0
"""How long a server has to end before it is killed."""

_HEADER_BYTES: Final = 4
_LARGEST_REPORT: Final = 4096


@dataclass(frozen=True, slots=True)
class ServerKey:
    """What a process must have in common with a server to be forked from it."""

    python: Path
    environment: tuple[tuple[str, str], ...]
    modules: Modules


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
    """A server process. Several threads may start steps on it."""

    def __init__(self, key: ServerKey) -> None:
        self.key = key
        self._sending = threading.Lock()
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [key.python, SERVER_SCRIPT, str(theirs.fileno())],
                cwd="/",
                env=dict(key.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def has_ended(self) -> bool:
        """Whether it is gone, though nobody closed it."""
        return self._process.poll() is not None

    def wait_ready(self, stop: Stop) -> frozenset[str]:
        """Have it import its modules; returns the top names of all that it has then.

        Raises NotWarmError where it must not fork, does not start, takes too long, or where `stop` was set.
        """
        deadline = time.monotonic() + READY_SECONDS
        try:
            self._send({"modules": self.key.modules, "roots": [str(PACKAGE)]})
            while not _is_readable(self._channel, LOOK_SECONDS):
                if stop.is_set() or time.monotonic() > deadline:
                    raise NotWarmError("importing its libraries took too long")
            answer = self._receive()
        except OSError:
            answer = None
        if answer is None:
            raise NotWarmError("the server process could not start")
        if answer["refused"]:
            raise NotWarmError(answer["refused"])
        return frozenset(answer["names"])

    def start(self, request: Mapping[str, Any]) -> WarmProcess:
        """Ask it to run a step. Raises NotWarmError where it is gone."""
        output, their_output = os.pipe()
        report, their_report = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        process = WarmProcess(report, output)
        try:
            self._send(request, their_output, their_report.fileno())
        except OSError:
            process.close()
            raise NotWarmError("the server process has ended") from None
        finally:
            os.close(their_output)
            their_report.close()
        return process

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """End it, and what runs on it: closing the channel asks for that. After so many seconds it is killed."""
        self._channel.close()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, message: Mapping[str, Any], *descriptors: int) -> None:
        content = json.dumps(message).encode()
        content = len(content).to_bytes(_HEADER_BYTES, "big") + content
        with self._sending:
            sent = socket.send_fds(self._channel, [content], descriptors)
            self._channel.sendall(content[sent:])

    def _receive(self) -> dict[str, Any] | None:
        with self._channel.makefile("rb") as stream:
            header = stream.read(_HEADER_BYTES)
            content = stream.read(int.from_bytes(header, "big"))
        answer: dict[str, Any] | None = json.loads(content) if content else None
        return answer


def _is_readable(channel: socket.socket, seconds: float) -> bool:
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


class _Slot:
    """The place of one server among the others. `lock` is held while it starts."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.server: Server | None = None
        self.names: frozenset[str] = frozenset()
        self.refused = ""
        self.users = 0


class Servers:
    """All servers of a run, begun when first asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slots: dict[ServerKey, _Slot] = {}  # the one that was used last comes last

    @contextlib.contextmanager
    def server(self, key: ServerKey, stop: Stop) -> Iterator[tuple[Server, frozenset[str]]]:
        """The server for a key, kept while it is in use, with the top names of what it has imported.

        Raises NotWarmError where there can be none; that is remembered.
        """
        with self._lock:
            slot = self._slots.pop(key, None) or _Slot()
            self._slots[key] = slot
            slot.users += 1
        try:
            yield self._ready(slot, key, stop), slot.names
        finally:
            with self._lock:
                slot.users -= 1
                self._end_idle()

    def close(self) -> None:
        """End all of them."""
        with self._lock:
            slots = list(self._slots.values())
            self._slots.clear()
        for slot in slots:
            if slot.server is not None:
                slot.server.close()

    def _ready(self, slot: _Slot, key: ServerKey, stop: Stop) -> Server:
        with slot.lock:
            if slot.refused:
                raise NotWarmError(slot.refused)
            if slot.server is not None and slot.server.has_ended():
                slot.server.close()
                slot.server = None
            if slot.server is None:
                slot.server, slot.names = self._started(slot, key, stop)
            return slot.server

    def _started(self, slot: _Slot, key: ServerKey, stop: Stop) -> tuple[Server, frozenset[str]]:
        try:
            server = Server(key)
            try:
                return server, server.wait_ready(stop)
            except BaseException:
                server.close(0)  # it may be importing, and nothing runs on it yet
                raise
        except OSError as error:
            raise NotWarmError(f"the server process could not start: {error.strerror}") from error
        except NotWarmError as error:
            slot.refused = str(error)
            raise

    def _end_idle(self) -> None:
        alive = [(key, slot) for key, slot in self._slots.items() if slot.server is not None]
        for key, slot in alive[: max(len(alive) - MOST_SERVERS, 0)]:
            if slot.users == 0 and slot.server is not None:
                del self._slots[key]
                slot.server.close()


def early_variables(environment: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The environment variables that may be read while libraries are imported, sorted."""
    return tuple(sorted((name, value) for name, value in environment.items() if not is_late(name)))


def late_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The others, which each step may have of its own."""
    return {name: value for name, value in environment.items() if is_late(name)}
