"""W&B's offline runs: which wait to be sent, what they say of themselves, and the bytes that are kept for them."""

from __future__ import annotations

import shutil
import struct
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

RUNS_FOLDER: Final = "wandb"
KEPT_FOLDER: Final = "kept"
"""In an offline run's folder: links to the store's bytes that the run has logged or used, until it is sent. The bridge
in the steps makes them too (`child/site`)."""

_MARK: Final = ".synced"
"""What `wandb sync` appends to the name of a run's file, for an empty file beside it."""

_HEADER_BYTES: Final = 7
"""Of the file, and of each piece of a record in it; a file without records is as long."""

_BLOCK_BYTES: Final = 32 * 1024
_WHOLE, _LAST = 1, 4


@dataclass(frozen=True, slots=True)
class OfflineRun:
    """What an offline run is called. The server has an entity for one that names none, and a project."""

    id: str
    project: str = ""
    entity: str = ""


def waiting_runs(root: Path) -> list[Path]:
    """The folders of runs that were kept offline and not sent yet, oldest first.

    One whose process was killed at its very beginning has a file with nothing in it: there is nothing to send.
    """
    folders = (root / RUNS_FOLDER).glob("offline-run-*")
    return sorted(folder for folder in folders if _file_of(folder) is not None and not any(folder.glob(f"*{_MARK}")))


def described(folder: Path) -> OfflineRun | None:
    """What the file of a run says; None where it was cut off before it said anything."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library, to whoever imports it by hand
        from google.protobuf.message import DecodeError
        from wandb.proto.wandb_internal_pb2 import Record
    file = _file_of(folder)
    for content in _records(file.read_bytes()) if file is not None else ():
        try:
            record: Any = Record.FromString(content)
        except DecodeError:
            return None
        if record.WhichOneof("record_type") == "run":
            return OfflineRun(record.run.run_id, record.run.project, record.run.entity)
    return None


def forget_sent(sent: Iterable[Path]) -> None:
    """Let go of the bytes that were kept for these runs."""
    for folder in sent:
        shutil.rmtree(folder / KEPT_FOLDER, ignore_errors=True)


def wait_again(folder: Path) -> None:
    """Take away the mark by which W&B remembers that a run was sent: it was not."""
    for mark in folder.glob(f"*{_MARK}"):
        mark.unlink()


def _file_of(folder: Path) -> Path | None:
    return next((file for file in folder.glob("*.wandb") if file.stat().st_size > _HEADER_BYTES), None)


def _records(content: bytes) -> Iterator[bytes]:
    """The records of a LevelDB log: blocks with pieces, each a checksum, a length and which piece it is."""
    position, pieces = _HEADER_BYTES, b""
    while position + _HEADER_BYTES <= len(content):
        left = _BLOCK_BYTES - position % _BLOCK_BYTES
        if left < _HEADER_BYTES:
            position += left
            continue
        _, length, kind = struct.unpack_from("<IHB", content, position)
        position += _HEADER_BYTES
        if position + length > len(content):
            return  # cut off here
        pieces += content[position : position + length]
        position += length
        if kind in (_WHOLE, _LAST):
            yield pieces
            pieces = b""
