"""The catalog's file: opening it, building it from the journal, putting another in its place, telling its damages."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from artifactflow.errors import OutsideError
from artifactflow.store.catalog_sum import sum_path
from artifactflow.store.journal import Journal, Position
from artifactflow.store.schema import TABLES, apply

_BUSY_SECONDS: Final = 60.0
SAFE_WAL: Final = (3, 51, 3)
"""Before this version SQLite could corrupt a database in WAL mode."""

_OUTSIDE: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_INTERRUPT,
    }
)
"""Primary result codes that say nothing about the file's content."""


def connect(path: Path, *, durable: bool) -> sqlite3.Connection:
    """Open the database at `path` for several threads, of which one at a time may use it."""
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    # Without synchronising, only a power cut can harm the file, and after one it is rebuilt; where the platform does
    # not tell us about a restart, SQLite has to take care itself.
    try:
        connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'OFF'}")
        if sqlite3.sqlite_version_info >= SAFE_WAL:
            connection.execute("PRAGMA journal_mode=WAL")
    except BaseException:
        connection.close()
        raise
    return connection


def build(path: Path, identity: Mapping[str, str | int], journal: Journal) -> Position:
    """Make a database at `path` that says what the whole journal says; returns how far that is.

    Raises IntegrityError where the journal is damaged, OutsideError where the file cannot be written.
    """
    remove_database(path)
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=OFF")
            connection.execute("PRAGMA synchronous=OFF")
            connection.executescript(TABLES)
            connection.executemany("INSERT INTO meta VALUES (?, ?)", list(identity.items()))
            return replay(connection, journal, Position())
    except sqlite3.Error as error:
        raise in_words(error) from error


def read_meta(connection: sqlite3.Connection) -> dict[str, str | int]:
    """What a catalog says of itself: which store's it is, and how far it has read."""
    return dict(connection.execute("SELECT name, value FROM meta"))


def position_of(meta: Mapping[str, str | int]) -> Position | None:
    """How far the catalog has read, or None where it does not say so in order."""
    try:
        return Position(int(meta["segment"]), int(meta["offset"]), str(meta["checksum"]))
    except (KeyError, ValueError):
        return None


def write_position(connection: sqlite3.Connection, position: Position) -> None:
    """Enter how far the catalog has read."""
    connection.executemany(
        "INSERT OR REPLACE INTO meta VALUES (?, ?)",
        [("segment", position.segment), ("offset", position.offset), ("checksum", position.checksum)],
    )


def replay(connection: sqlite3.Connection, journal: Journal, position: Position) -> Position:
    """Enter what the journal says after `position`, in one transaction; returns the position behind it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        end = position
        for record, end in journal.records(position):  # noqa: B007 - used after the loop
            for event in record.get("events", ()):
                apply(connection, event)
        write_position(connection, end)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.rollback()
        raise
    return end


def put_in_place(path: Path, new: Path) -> None:
    """Put `new` in the place of the database at `path`, which is kept until then.

    An old rollback journal must never be played into the new file; nor may the old file stand without it.
    """
    sum_path(path).unlink(missing_ok=True)
    aside = path.with_name(f"{path.name}.old")
    with suppress(FileNotFoundError):
        path.rename(aside)
    remove_database(path)
    new.rename(path)
    aside.unlink(missing_ok=True)


def remove_database(path: Path) -> None:
    """Remove a database and what SQLite keeps beside it."""
    for ending in ("-journal", "-wal", "-shm", ""):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def is_damage(error: sqlite3.Error) -> bool:
    """Whether an error says that the file's content is damaged."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    return isinstance(error, sqlite3.DatabaseError) and code & 0xFF not in _OUTSIDE


@contextmanager
def database_errors() -> Iterator[None]:
    """Turn whatever SQLite raises in the body into an OutsideError: for databases that are made and thrown away."""
    try:
        yield
    except sqlite3.Error as error:
        raise in_words(error) from error


def in_words(error: sqlite3.Error) -> OutsideError:
    """The error to raise for any other."""
    return OutsideError(f"the catalog cannot be used: {error}", hint="free some space, or let other commands finish")
