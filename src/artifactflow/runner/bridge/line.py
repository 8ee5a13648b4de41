"""The line between a run and the processes of its steps: a Unix socket on which they ask for operations."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import struct
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from artifactflow.errors import ArtifactflowError, OutsideError, UsageError, near_matches
from artifactflow.runner.binding.bound import BoundStep
from artifactflow.runner.bridge.uses import Uses
from artifactflow.runs import Run

LINE_VARIABLE: Final = "ARTIFACTFLOW_LINE"
TOKEN_VARIABLE: Final = "ARTIFACTFLOW_TOKEN"  # noqa: S105 - the name of a variable

LONGEST_PATH: Final = 100
"""Bytes of a socket's path; the kernels take 108 and 104."""

_HEADER_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Caller:
    """The step that a request comes from: its run so far, what is known of it, the run's folder, its uses."""

    run: Run
    bound: BoundStep
    folder: Path
    uses: Uses = field(default_factory=Uses)


Operation = Callable[[Caller, Mapping[str, Any]], Any]
"""Does what is asked for with these arguments; returns JSON, or raises an ArtifactflowError that the asker is told."""


class Line:
    """Serves `operations`, by name, to the processes that hold a token, each request in a thread of its own.

    The socket lies in a folder of its own among the system's temporary files: what lies in the store's, `gc` may take
    away while a long run goes on. `otherwise` is where it goes if there is no room. Close it when the run is over.
    """

    def __init__(self, operations: Mapping[str, Operation], otherwise: Path) -> None:
        self.operations = operations
        self._lock = threading.Lock()
        self._callers: dict[str, Caller] = {}
        self._over: dict[str, str] = {}
        self._closing = threading.Event()
        self._folder = _short_folder(otherwise)
        self.path = self._folder / "line"
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self.path))
        self._listening.listen(128)
        self._thread = threading.Thread(target=self._accept, name="line", daemon=True)
        self._thread.start()

    def admit(self, caller: Caller) -> str:
        """The token by which the processes of an execution are known."""
        token = secrets.token_hex(16)
        with self._lock:
            self._callers[token] = caller
        return token

    def dismiss(self, token: str) -> Caller | None:
        """Refuse what still holds the token: the execution has ended."""
        with self._lock:
            caller = self._callers.pop(token, None)
            if caller is not None:
                self._over[token] = caller.run.step
        return caller

    def was_reached(self, token: str) -> bool:
        """Whether an interpreter that was given the token has started with our `sitecustomize`."""
        return (self._folder / token).exists()

    def close(self) -> None:
        """Serve no more. Requests that are being served end by themselves."""
        if not self._closing.is_set():
            self._closing.set()
            with socket.socket(socket.AF_UNIX) as wake, contextlib.suppress(OSError):
                wake.connect(str(self.path))  # closing a socket wakes nobody who waits on it
                self._thread.join()
            self._listening.close()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _accept(self) -> None:
        while True:
            channel, _ = self._listening.accept()
            if self._closing.is_set():
                channel.close()
                return
            threading.Thread(target=self._serve, args=(channel,), name="line request", daemon=True).start()

    def _serve(self, channel: socket.socket) -> None:
        with channel, contextlib.suppress(OSError, EOFError, ValueError):  # whoever asked may be gone
            if not _is_ours(channel):
                return
            _send(channel, self._answered(_receive(channel)))

    def _answered(self, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return {"answer": self._answer(request)}
        except ArtifactflowError as error:
            return {"error": f"{error}; {error.hint}" if error.hint else str(error)}
        except Exception as error:  # a bug of ours: the step has to fail with it, not wait for an answer for ever
            return {"error": f"artifactflow failed at {request.get('operation')}: {type(error).__name__}: {error}"}

    def _answer(self, request: Mapping[str, Any]) -> Any:
        token, name = request["token"], request["operation"]
        with self._lock:
            caller, over = self._callers.get(token), self._over.get(token)
        if caller is None:
            whose = f"step {over} has ended" if over else "this process belongs to no step of a run"
            raise UsageError(f"{whose}: artifactflow answers the processes of running steps only")
        if name not in self.operations:
            raise UsageError(f"there is no operation {name!r}", hint=near_matches(name, self.operations))
        return self.operations[name](caller, request["arguments"])


def _short_folder(otherwise: Path) -> Path:
    """A private folder in which the path of a socket is short enough."""
    for place in (Path(tempfile.gettempdir()), Path("/tmp"), otherwise):  # noqa: S108 - the folder below it is private
        with contextlib.suppress(OSError):
            folder = Path(tempfile.mkdtemp(prefix="artifactflow-", dir=place.resolve()))
            if len(os.fsencode(folder / "line")) <= LONGEST_PATH:
                return folder
            folder.rmdir()
    raise OutsideError(
        "there is no folder in which a socket can be made", hint="set TMPDIR to a folder with a short path"
    )


def _is_ours(channel: socket.socket) -> bool:
    """Whether the asking process belongs to our user; where the system does not tell, the folder is private."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    credentials = channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", credentials)
    return user in (os.geteuid(), 0)


def _send(channel: socket.socket, message: Mapping[str, Any]) -> None:
    content = json.dumps(message).encode()
    channel.sendall(len(content).to_bytes(_HEADER_BYTES, "big") + content)


def _receive(channel: socket.socket) -> dict[str, Any]:
    with channel.makefile("rb") as stream:
        header = stream.read(_HEADER_BYTES)
        content = stream.read(int.from_bytes(header, "big"))
    if not content:
        raise EOFError
    message: dict[str, Any] = json.loads(content)
    return message
