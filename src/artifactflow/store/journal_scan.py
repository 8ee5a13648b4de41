"""Reading a journal that may be damaged: every record that is whole, and every line that is not.

`Journal.records` stops at the first damage, because nothing may be built on what comes after it. Here reading goes
on, so that all that is wrong can be told, and all that is left.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from artifactflow.store.files import no_follow
from artifactflow.store.journal import NO_CHECKSUM, Position, encode, is_torn, read_line

_checksum: Final = re.compile(rb"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Whole:
    """A record that is as it was written, and the position behind it."""

    record: Mapping[str, Any]
    position: Position


@dataclass(frozen=True, slots=True)
class Damage:
    """A line that is not as it was written; line 0 stands for a whole segment.

    It is in the segment number `segment`, which goes on after its first `end` bytes, -1 where it does not; `content`
    is the line.
    """

    path: Path
    line: int
    what: str
    expected: str
    got: str
    segment: int
    end: int = -1
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class Torn:
    """A last line that a crash left incomplete. Nobody was told of it; the next transaction cuts it off."""

    path: Path
    line: int
    size: int


def segment_sizes(folder: Path) -> dict[int, int]:
    """The segments that there are and their bytes, to be asked with the journal's lock held."""
    return {int(path.stem): path.stat().st_size for path in sorted(folder.glob("*.log")) if path.stem.isdecimal()}


def scan(folder: Path, store_id: str, sizes: Mapping[int, int]) -> Iterator[Whole | Damage | Torn]:
    """Read the segments in `folder` up to `sizes`; what was appended since is left aside.

    After a damage each record is held against the checksum that stands before it, so that one changed byte is told
    as one damage, or two where it hit a checksum.
    """
    previous: bytes | None = NO_CHECKSUM.encode()
    highest = max(sizes, default=0)
    for number in range(1, highest + 1):
        path = folder / f"{number:06}.log"
        if number in sizes:
            header = {"journal": 1, "store": store_id, "segment": number}
            previous = yield from _scan_segment(path, header, previous, sizes[number], last=number == highest)
        else:
            yield Damage(path, 0, "the segment is missing", "a file", "none", number)
            previous = None


def _scan_segment(
    path: Path, header: Mapping[str, Any], previous: bytes | None, size: int, *, last: bool
) -> Generator[Whole | Damage | Torn, None, bytes | None]:
    """Read one segment; `previous` is the checksum before it, None where it is not known. Gives its last checksum."""
    offset, number = 0, int(header["segment"])
    with open(path, "rb", opener=no_follow) as stream:
        for count, whole_line in enumerate(stream, 1):
            line = whole_line[: size - offset]
            if not line:
                break
            if previous is None and count == 1:
                previous = _stated_previous(line)
            before = (previous or b"").decode()
            record = read_line(line, before)
            offset += len(line)
            if record is None and last and offset == size and previous is not None and is_torn(line, before):
                yield Torn(path, count, len(line))
                return previous
            expected_header = {**header, "previous": before}
            if record is None:
                yield Damage(path, count, "a record is damaged", *_checksums(line, previous), number, offset, line)
            elif count == 1 and record != expected_header:
                expected, got = encode(expected_header), encode(record)
                yield Damage(path, 1, "the segment is another one's", expected, got, number, offset, line)
            else:
                yield Whole(record, Position(number, offset, line[:64].decode()))
            previous = line[:64] if _checksum.match(line) else None
    if offset < size or size == 0:
        yield Damage(path, 0, "the segment is cut short", f"{max(size, 1)} bytes", f"{offset} bytes", number)
    return previous


def _stated_previous(line: bytes) -> bytes | None:
    """What a segment's first line says of the segment before, to go on from where that one is gone."""
    try:
        stated = json.loads(line[65:])["previous"].encode()
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return stated if _checksum.fullmatch(stated) else None


def _checksums(line: bytes, previous: bytes | None) -> tuple[str, str]:
    """The checksum that a line states, and the one that its bytes have."""
    stated = line[:64].decode("ascii", "replace") if line.endswith(b"\n") else "a whole line"
    if previous is None:
        return stated, "unknown, because the record before it is damaged"
    found = hashlib.sha256(previous + line[65:].removesuffix(b"\n")).hexdigest()
    return stated, found if line.endswith(b"\n") else f"{len(line)} bytes without an end"
