"""Servers that stay when the run that began them has ended: where they are, who may use them, how they are ended.

Each listens on a Unix socket in a folder that only its user can enter. The socket's name is a digest of everything that
a process of the present run would have in common with the server: whatever has changed meanwhile, the server is not
found. What cannot be trusted is left alone and nobody is told: a run begins a server of its own then.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import tempfile
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from artifactflow.child.messages import peer, receive, send
from artifactflow.executors.identity import identity
from artifactflow.executors.server_process import Server, ServerKey

MOST_KEPT: Final = 8
"""How many servers are kept at once; beyond that the one that was idle longest is ended."""

ANSWER_SECONDS: Final = 2.0
"""How long a server may take to answer before it counts as gone."""

STOP_SECONDS: Final = 8.0
"""How long a server may take to end its steps and itself before it is killed."""

_LONGEST_ADDRESS: Final = 107  # bytes, see unix(7)
_NAME_LENGTH: Final = 24
_OWN_ENDING_LENGTH: Final = 9  # a server binds to its address with its process id behind it first


def kept_folder(*, make: bool) -> Path | None:
    """The folder of this user's servers; None where there is none, and no safe place to `make` it.

    It lies in XDG_RUNTIME_DIR where that belongs to this user alone, else in the system's folder for temporary files.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    candidates = [Path(runtime, "artifactflow")] if runtime and _belongs_to_user_alone(Path(runtime)) else []
    candidates.append(Path(tempfile.gettempdir(), f"artifactflow-{os.geteuid()}"))
    for folder in candidates:
        if not folder.is_absolute() or len(os.fsencode(folder)) + _NAME_LENGTH + _OWN_ENDING_LENGTH > _LONGEST_ADDRESS:
            continue
        if make:
            with contextlib.suppress(OSError):
                folder.mkdir(mode=0o700)
        if _belongs_to_user_alone(folder):
            return folder
    return None


def _belongs_to_user_alone(folder: Path) -> bool:
    """Whether it is a folder, and no link to one, that nobody else can enter."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) & 0o077 == 0


def address_of(key: ServerKey, search_path: Iterable[Path], *, make: bool) -> Path | None:
    """Where a server for this key is reached, if there is one; None where none can be.

    With `make` there may be one soon.
    """
    folder = kept_folder(make=make)
    if folder is None or not (make or any(folder.iterdir())):
        return None
    return folder / identity(key, search_path)[: _NAME_LENGTH - 1]


def find_server(address: Path, seconds: float) -> Server | None:
    """The server at an address, to be kept so many seconds from its last use on; None where there is none."""
    channel = _connect(address)
    if channel is None:
        return None
    try:
        send(channel, {"do": "use", "seconds": seconds})
    except OSError:
        channel.close()
        return None
    return Server(channel)


def _connect(address: Path) -> socket.socket | None:
    """A channel to a server of this user. What lies there and is dead is removed."""
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    channel.settimeout(ANSWER_SECONDS)
    try:
        channel.connect(str(address))
        if peer(channel)[1] == os.geteuid():
            return channel
    except ConnectionRefusedError:
        with contextlib.suppress(OSError):
            address.unlink()
    except OSError:
        pass
    channel.close()
    return None


@dataclass(frozen=True, slots=True)
class KeptServer:
    """A server as it was when it was asked. `memory` is in bytes; `idle_seconds` is None while a run uses it."""

    address: Path
    pid: int
    python: str
    modules: tuple[str, ...]
    memory: int
    steps: int
    running: int
    idle_seconds: float | None
    keep_seconds: float

    @property
    def until(self) -> str | None:
        """When it will end itself, in UTC, if nothing uses it; None while something does."""
        if self.idle_seconds is None:
            return None
        end = datetime.now(UTC) + timedelta(seconds=self.keep_seconds - self.idle_seconds)
        return end.isoformat(timespec="seconds").replace("+00:00", "Z")

    def to_json(self) -> dict[str, Any]:
        """All of it but the address."""
        return {
            "pid": self.pid,
            "python": self.python,
            "modules": list(self.modules),
            "memory": self.memory,
            "steps": self.steps,
            "running": self.running,
            "idle_seconds": self.idle_seconds,
            "keep_seconds": self.keep_seconds,
            "until": self.until,
        }


def kept_servers() -> list[KeptServer]:
    """The servers of this user that can be reached, the one that was used last first."""
    found = [server for address in _addresses() if (server := _ask(address)) is not None]
    return sorted(found, key=lambda server: (server.idle_seconds or 0.0, server.pid))


def _addresses() -> list[Path]:
    folder = kept_folder(make=False)
    if folder is None:
        return []
    return sorted(file for file in folder.iterdir() if file.is_socket())


def _ask(address: Path) -> KeptServer | None:
    channel = _connect(address)
    if channel is None:
        return None
    with channel:
        try:
            send(channel, {"do": "status"})
            answer, _ = receive(channel)
            return KeptServer(address, peer(channel)[0], **{**answer, "modules": tuple(answer["modules"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None  # it has ended this moment, or it is none of ours


def stop_servers(servers: Collection[KeptServer]) -> None:
    """End servers: their steps are asked to end first; all of them at the same time."""
    with contextlib.ExitStack() as stack:
        asked = []
        for server in servers:
            channel = _connect(server.address)
            if channel is not None:
                stack.enter_context(channel)
                with contextlib.suppress(OSError):
                    send(channel, {"do": "stop"})
                asked.append(channel)
        deadline = time.monotonic() + STOP_SECONDS
        for channel in asked:
            channel.settimeout(max(deadline - time.monotonic(), 0.1))
            try:
                channel.recv(1)  # nothing comes but the end
            except TimeoutError:
                os.kill(peer(channel)[0], signal.SIGKILL)
            except OSError:
                pass


def make_room() -> None:
    """End the servers that were idle longest, so that one more can be kept."""
    idle = [server for server in kept_servers() if server.idle_seconds is not None]
    stop_servers(idle[MOST_KEPT - 1 :])
