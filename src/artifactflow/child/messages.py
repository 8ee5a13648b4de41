"""Messages between processes on a Unix socket: JSON after four bytes of length, with descriptors beside it."""

from __future__ import annotations

import json
import socket
import sys

TYPE_CHECKING = False  # what type checkers know without typing being imported
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

HEADER_BYTES = 4
MOST_DESCRIPTORS = 2
_CREDENTIALS_BYTES = 12  # three integers: process, user, group


def send(channel: socket.socket, message: Mapping[str, Any], *descriptors: int) -> None:
    """Send a message. Raises OSError where the other end is gone, TimeoutError where the channel has a time limit."""
    content = json.dumps(message).encode()
    content = len(content).to_bytes(HEADER_BYTES, "big") + content
    sent = socket.send_fds(channel, [content], descriptors) if descriptors else 0
    channel.sendall(content[sent:])


def receive(channel: socket.socket) -> tuple[Any, list[int]]:
    """The next message, with the descriptors that came with it; None where the other end is closed."""
    header, descriptors, _, _ = socket.recv_fds(channel, HEADER_BYTES, MOST_DESCRIPTORS)
    if len(header) < HEADER_BYTES:
        return None, descriptors
    left = int.from_bytes(header, "big")
    parts = []
    while left:
        part = channel.recv(left)
        if not part:
            return None, descriptors
        parts.append(part)
        left -= len(part)
    return json.loads(b"".join(parts)), descriptors


def peer(channel: socket.socket) -> tuple[int, int]:
    """The process and the user at the other end, as the kernel knows them: who called `connect`, or `listen`. Linux."""
    found = channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS_BYTES)
    return int.from_bytes(found[:4], sys.byteorder), int.from_bytes(found[4:8], sys.byteorder)
