"""The line to the runner: asks it to do something for the step that this process belongs to.

A request and its answer are JSON after four bytes of length, one pair a connection: so threads and forks need no care.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import Any

LINE_VARIABLE = "ARTIFACTFLOW_LINE"
TOKEN_VARIABLE = "ARTIFACTFLOW_TOKEN"  # noqa: S105 - the name of a variable
HEADER_BYTES = 4

_greeted: dict[int, dict[str, Any]] = {}  # process id → what the runner answered to hello


class RefusedError(Exception):
    """The runner did not do what it was asked for; the text says why, and what would help."""


def is_open() -> bool:
    """Whether this process belongs to a step. Read anew each time: a forked process gets its variables late."""
    return LINE_VARIABLE in os.environ and TOKEN_VARIABLE in os.environ


def ask(operation: str, **arguments: Any) -> Any:
    """What the runner answers. Raises RefusedError where it refuses, or where it is gone."""
    request = {"token": os.environ[TOKEN_VARIABLE], "operation": operation, "arguments": arguments}
    try:
        with socket.socket(socket.AF_UNIX) as channel:
            channel.connect(os.environ[LINE_VARIABLE])
            send(channel, request)
            answer = receive(channel)
    except (OSError, EOFError) as error:
        raise RefusedError(f"artifactflow does not answer any more ({error}): the run of this step is over") from error
    if "error" in answer:
        raise RefusedError(answer["error"])
    return answer["answer"]


def greet(**facts: Any) -> dict[str, Any]:
    """Say hello, once in each process; returns what the runner says about the step: `folder` is the run's own."""
    process = os.getpid()
    if process not in _greeted:
        python = ".".join(map(str, sys.version_info[:3]))
        _greeted.clear()  # a forked process has its parent's
        _greeted[process] = ask("hello", process=process, python=python, **facts)
    return _greeted[process]


def send(channel: socket.socket, message: Any) -> None:
    """Send a message."""
    content = json.dumps(message).encode()
    channel.sendall(len(content).to_bytes(HEADER_BYTES, "big") + content)


def receive(channel: socket.socket) -> Any:
    """The next message. Raises EOFError where the other end was closed before it was whole."""
    left = int.from_bytes(_read(channel, HEADER_BYTES), "big")
    return json.loads(_read(channel, left))


def _read(channel: socket.socket, left: int) -> bytes:
    parts = []
    while left:
        part = channel.recv(min(left, 1 << 20))
        if not part:
            raise EOFError("the connection was closed")
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
