"""Comparing the catalog with what the journal says, row by row.

SQLite's own check finds pages that hang together badly, not a digit that became another one. So the journal is
replayed into a second database, up to where the catalog has got, and the two are read side by side.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from artifactflow.store.journal import Position
from artifactflow.store.schema import TABLES, Event, apply

SHOWN: Final = 20
"""Differences that are spelled out, a table; the rest is counted."""

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """A row, or another property, that is not as the journal has it."""

    what: str
    expected: str
    got: str


class Replay:
    """The journal as a database of its own, in the file `path`, record by record."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode=OFF")
        self.connection.execute("PRAGMA synchronous=OFF")
        self.connection.executescript(TABLES)
        self.connection.execute("BEGIN")
        self.position = Position()

    def add(self, events: Iterable[Event], position: Position) -> None:
        """Enter one record. Raises IntegrityError for events that this artifactflow does not know."""
        for event in events:
            apply(self.connection, event)
        self.position = position

    def end(self, identity: Mapping[str, str | int]) -> None:
        """Enter what a catalog that has got as far says of itself."""
        position = self.position
        reached = {"segment": position.segment, "offset": position.offset, "checksum": position.checksum}
        self.connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", {**identity, **reached}.items())

    def commit(self) -> None:
        """Let others read the file."""
        self.connection.execute("COMMIT")

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()


def copy_database(source: Path, target: Path) -> None:
    """Copy a database page by page, damages and all. Raises sqlite3.Error for what is none, or not of its length."""
    with closing(sqlite3.connect(source)) as original, closing(sqlite3.connect(target)) as copy:
        original.backup(copy)
        (pages,), (page_size,) = (original.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
        size = source.stat().st_size
        if size != pages * page_size and not source.with_name(f"{source.name}-wal").exists():
            raise sqlite3.DatabaseError(f"the file has {size} bytes, expected {pages * page_size}")


def compare(actual: sqlite3.Connection, expected: sqlite3.Connection) -> Iterator[Difference]:
    """What the catalog `actual` has otherwise than the replay `expected`. Raises sqlite3.Error where it is damaged."""
    actual.text_factory = expected.text_factory = bytes  # a damaged text need not be UTF-8
    try:
        schema = "SELECT name, type, tbl_name, sql FROM sqlite_master ORDER BY name"
        yield from _compare_rows("the schema, ", 1, actual.execute(schema), expected.execute(schema))
        for (table,) in expected.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        ).fetchall():
            name = table.decode()
            keys = sum(1 for column in expected.execute(f"PRAGMA table_info({name})") if column[5])
            order = ", ".join(str(number + 1) for number in range(keys))
            rows = f"SELECT * FROM {name} NOT INDEXED ORDER BY {order}"  # noqa: S608 - our own names
            yield from _compare_rows(f"{name}, ", keys, actual.execute(rows), expected.execute(rows))
        for (finding,) in actual.execute(f"PRAGMA integrity_check({SHOWN})"):
            if finding != b"ok":
                yield Difference("SQLite's own check", "ok", _shown(finding))
    finally:
        actual.text_factory = expected.text_factory = str


def _compare_rows(where: str, keys: int, actual: Iterator[Row], expected: Iterator[Row]) -> Iterator[Difference]:
    """Read two sorted tables side by side; `keys` columns at the front tell which row is meant."""
    found = 0
    got, wanted = next(actual, None), next(expected, None)
    while (got is not None or wanted is not None) and found < SHOWN:
        if got == wanted and _types(got) == _types(wanted):
            got, wanted = next(actual, None), next(expected, None)
            continue
        found += 1
        key = _key(got, keys)
        wanted_key = _key(wanted, keys)
        if wanted is None or (got is not None and key < wanted_key):
            yield Difference(where + _spelled(got, keys), "no such row", _spelled(got))
            got = next(actual, None)
        elif got is None or wanted_key < key:
            yield Difference(where + _spelled(wanted, keys), _spelled(wanted), "no such row")
            wanted = next(expected, None)
        else:
            yield Difference(where + _spelled(wanted, keys), _spelled(wanted), _spelled(got))
            got, wanted = next(actual, None), next(expected, None)


def _types(row: Row | None) -> list[type]:
    return [type(value) for value in row or ()]


def _key(row: Row | None, keys: int) -> list[tuple[int, Any]]:
    """Values that compare as SQLite sorts them: nothing, then numbers, then texts."""
    return [
        (
            0 if value is None else 2 if isinstance(value, bytes) else 1,
            value or (b"" if isinstance(value, bytes) else 0),
        )
        for value in (row or ())[:keys]
    ]


def _spelled(row: Row | None, columns: int | None = None) -> str:
    return " ".join(_shown(value) for value in (row or ())[:columns])


def _shown(value: object) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
