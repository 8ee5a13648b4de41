"""The journal: what happened to the store, one line a transaction, only ever appended to. It is the truth.

A line is a checksum, a space, a JSON object. The checksum is the SHA-256 of the checksum before it and of the JSON
text, so that a line that was changed, dropped or moved is found. The journal is cut into segments; each opens with
a line that names the store, its own number and the last checksum of the segment before.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from artifactflow.errors import IntegrityError, Place
from artifactflow.store.files import no_follow, os_errors, sync_descriptor, write_durably

SEGMENT_BYTES: Final = 64 * 1024 * 1024
NO_CHECKSUM: Final = "0" * 64
_LOST_SECTOR: Final = bytes(512)

MEND_JOURNAL: Final = (
    "restore it from a backup, or write a new one of what is left: artifactflow artifacts rebuild --journal"
)
"""What to do about a damaged journal."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place between two records: the segment's number, the offset in bytes, the checksum of the record before."""

    segment: int = 0
    offset: int = 0
    checksum: str = NO_CHECKSUM


class Journal:
    """The segments in one folder. Everything but `ends_at` is to be called with the journal's lock held."""

    def __init__(self, folder: Path, store_id: str, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder = folder
        self._store_id = store_id
        self._segment_bytes = segment_bytes
        self._paths: dict[int, Path] = {}  # every read looks at two of them

    def ends_at(self, position: Position) -> bool:
        """Whether nothing comes after `position`. Two looks at the file system, cheap enough for every read."""
        return self._size(position.segment) == position.offset and self._size(position.segment + 1) == 0

    def records(self, position: Position) -> Iterator[tuple[Mapping[str, Any], Position]]:
        """The records after `position`, the segments' first lines among them, each with the position behind it.

        A last line that a crash left incomplete was never acknowledged to anybody and is passed over.
        Raises IntegrityError for any other damage, with its file and line.
        """
        numbers = self._numbers()
        if numbers != list(range(1, len(numbers) + 1)) or position.segment > len(numbers):
            raise IntegrityError(
                f"the journal {self._folder} has lost a segment: it has {_spelled(numbers)}",
                hint=MEND_JOURNAL,
            )
        if self._size(position.segment) < position.offset:
            raise self._cut_short(position)
        end = position
        for number in range(max(position.segment, 1), len(numbers) + 1):
            start = position if number == position.segment else Position(number, 0, end.checksum)
            for record, end in self._segment_records(start, last=number == len(numbers)):
                yield record, end

    def append(self, position: Position, record: Mapping[str, Any]) -> Position:
        """Add a record behind `position`, the end of what `records` gave, and return when it is durable.

        Raises OutsideError where it cannot be written; nothing is left of it then.
        """
        return self.append_text(position, encode(record))

    def append_text(self, position: Position, text: str) -> Position:
        """The same for a record that `encode` has written."""
        with os_errors("write the journal"):
            if position.segment == 0 or position.offset >= self._segment_bytes:
                position = self._start_segment(position)
            line, checksum = _line(position.checksum, text)
            descriptor = os.open(self._path(position.segment), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                if os.fstat(descriptor).st_size != position.offset:
                    os.ftruncate(descriptor, position.offset)  # what a crash left incomplete
                try:
                    _write_all_at(descriptor, line, position.offset)
                    sync_descriptor(descriptor)
                except BaseException:
                    with suppress(OSError):
                        os.ftruncate(descriptor, position.offset)
                        sync_descriptor(descriptor)
                    raise
            finally:
                os.close(descriptor)
        return Position(position.segment, position.offset + len(line), checksum)

    def cut_short(self, position: Position, end: Position) -> None:
        """Raise IntegrityError where the journal's `end` comes before `position`, which a catalog has seen."""
        if (end.segment, end.offset) < (position.segment, position.offset):
            raise self._cut_short(position)

    def _cut_short(self, position: Position) -> IntegrityError:
        path = self._path(position.segment)
        return IntegrityError(
            f"the journal has been cut short: the catalog has seen {position.offset} bytes of {path.name}, "
            f"it has {self._size(position.segment)}",
            hint=MEND_JOURNAL,
            place=Place(str(path)),
        )

    def _start_segment(self, position: Position) -> Position:
        """The position behind the first line of a new segment, which appears with that line or not at all."""
        number = position.segment + 1
        header = {"journal": 1, "store": self._store_id, "segment": number, "previous": position.checksum}
        line, checksum = _line(position.checksum, encode(header))
        path = self._path(number)
        write_durably(path, line, aside=path.with_suffix(".new"))
        return Position(number, len(line), checksum)

    def _segment_records(self, start: Position, *, last: bool) -> Iterator[tuple[Mapping[str, Any], Position]]:
        path = self._path(start.segment)
        position = start
        with os_errors("read the journal"), open(path, "rb", opener=no_follow) as stream:
            stream.seek(position.offset)
            for line in stream:
                record = read_line(line, position.checksum)
                if record is None:
                    if last and is_torn(line, position.checksum) and not stream.read(1):
                        return
                    raise _damage(path, position.offset, "its checksum does not fit")
                if position.offset == 0:
                    self._check_header(path, record, position)
                position = Position(position.segment, position.offset + len(line), line[:64].decode())
                yield record, position
        if position.offset == 0:
            raise _damage(path, 0, "it is empty")

    def _check_header(self, path: Path, record: Mapping[str, Any], position: Position) -> None:
        expected = {"journal": 1, "store": self._store_id, "segment": position.segment, "previous": position.checksum}
        if record != expected:
            raise _damage(path, 0, f"expected the header {encode(expected)}, got {encode(record)}")

    def _numbers(self) -> list[int]:
        with os_errors("read the journal"):
            return sorted(int(path.stem) for path in self._folder.glob("*.log") if path.stem.isdecimal())

    def _path(self, number: int) -> Path:
        if number not in self._paths:
            self._paths[number] = self._folder / f"{number:06}.log"
        return self._paths[number]

    def _size(self, number: int) -> int:
        try:
            return self._path(number).stat().st_size
        except FileNotFoundError:
            return 0


def encode(record: Mapping[str, Any] | str) -> str:
    """JSON, one line of ASCII. NaN and the infinities are written as Python's `json` writes and reads them."""
    return json.dumps(record, separators=(",", ":"))


def _line(previous: str, text: str) -> tuple[bytes, str]:
    checksum = _checksum(previous, text.encode())
    return f"{checksum} {text}\n".encode(), checksum


def _checksum(previous: str, content: bytes) -> str:
    return hashlib.sha256(previous.encode() + content).hexdigest()


def read_line(line: bytes, previous: str) -> Mapping[str, Any] | None:
    """What a line says, or None where it is not whole."""
    if line[64:65] != b" " or line[-1:] != b"\n" or line[:64] != _checksum(previous, line[65:-1]).encode():
        return None
    record: Mapping[str, Any] = json.loads(line[65:])
    return record


def is_torn(line: bytes, previous: str) -> bool:
    """Whether a crash can explain a bad last line: it ends too early, or sectors of it never reached the disk.

    Anything else is a byte that somebody changed, of a record that may have been acknowledged.
    """
    if line.endswith(b"\n"):
        return line.startswith(b"\0") or _LOST_SECTOR in line
    return read_line(line[:-1] + b"\n", previous) is None


def _damage(path: Path, offset: int, why: str) -> IntegrityError:
    with path.open("rb") as stream:
        number = stream.read(offset).count(b"\n") + 1
    return IntegrityError(
        f"the journal is damaged: {why}",
        hint=f"nothing has been changed; {MEND_JOURNAL}",
        place=Place(str(path), number),
    )


def _write_all_at(descriptor: int, content: bytes, offset: int) -> None:
    view = memoryview(content)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


def _spelled(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers)) or "none"
