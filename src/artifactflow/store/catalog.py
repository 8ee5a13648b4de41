"""The catalog: a SQLite index over the journal that keeps itself in step with it, and that can be thrown away.

Only its consistency matters. A process that dies leaves SQLite's own journal, which the next one rolls back; after a
power cut anything may be on the disk, so a catalog that was written before the machine last started is built anew.
"""

from __future__ import annotations

import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from artifactflow.errors import IntegrityError, OutsideError
from artifactflow.runs import now
from artifactflow.store.catalog_sum import sum_path, write_sum
from artifactflow.store.files import os_errors
from artifactflow.store.journal import Journal, Position, encode
from artifactflow.store.layout import FORMAT_VERSION
from artifactflow.store.locks import hold
from artifactflow.store.schema import SCHEMA_VERSION, TABLES, Event, apply

Result = TypeVar("Result")

_BUSY_SECONDS: Final = 60.0
_SAFE_WAL: Final = (3, 51, 3)
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


@dataclass(frozen=True, slots=True)
class Draft:
    """A transaction in the making: what `add` enters, `connection` sees at once, and nobody else before the commit.

    `events` has them as they will stand in the journal, so that what JSON cannot hold is refused where it is added.
    """

    connection: sqlite3.Connection
    events: list[str] = field(default_factory=list)

    def add(self, event: Event) -> None:
        """Let something happen. Raises TypeError, ValueError or RecursionError for what JSON cannot hold."""
        text = encode(event)
        apply(self.connection, event)
        self.events.append(text)

    @contextmanager
    def part(self) -> Iterator[None]:
        """Undo what the body has added where it raises, and nothing else."""
        before = len(self.events)
        self.connection.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK TO part")
            del self.events[before:]
            raise
        finally:
            self.connection.execute("RELEASE part")


class Catalog:
    """The index in the file `path` over `journal`, whose lock is the file `lock`. Threads may share it."""

    def __init__(self, path: Path, journal: Journal, lock: Path, store_id: str) -> None:
        self._path = path
        self._journal = journal
        self._lock = lock
        self.identity: dict[str, str | int] = {
            "format": FORMAT_VERSION,
            "schema": SCHEMA_VERSION,
            "store": store_id,
            "boot": _boot_id(),
        }
        self._mutex = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._inode = -1
        self._position = Position()
        self._draft: Draft | None = None
        self._is_unsummed = False

    def read(self, query: Callable[[sqlite3.Connection], Result]) -> Result:
        """The answer to a query over everything in the journal. A catalog found damaged is rebuilt and asked again.

        Raises OutsideError where it cannot be read, IntegrityError where the journal cannot.
        """
        with self._mutex:
            try:
                return query(self._current())
            except sqlite3.Error as error:
                if not _is_damage(error) or self._draft is not None:
                    raise _in_words(error) from error
            with hold(self._lock):
                self._rebuild()
            try:
                return query(self._current())
            except sqlite3.Error as error:
                raise _in_words(error) from error

    @contextmanager
    def write(self) -> Iterator[Draft]:
        """One record of the journal and one commit, made when the body ends; neither where it raises or adds nothing.

        Everybody else who writes waits meanwhile, so keep the body short.
        """
        with self._mutex:
            if self._draft is not None:
                raise RuntimeError("transactions of a store cannot be nested")
            with hold(self._lock):
                try:
                    connection = self._caught_up()
                    connection.execute("BEGIN IMMEDIATE")
                    self._draft = Draft(connection)
                    try:
                        yield self._draft
                        self._commit(self._draft)
                    finally:
                        self._draft = None
                        if connection.in_transaction:
                            connection.rollback()
                except sqlite3.Error as error:
                    if not _is_damage(error):
                        raise _in_words(error) from error
                    self._rebuild()
                    raise IntegrityError(
                        f"the catalog was damaged ({error}) and has been rebuilt from the journal",
                        hint="nothing was stored: do it again",
                    ) from error

    def rebuild(self) -> None:
        """Build the file anew from the whole journal; the old one is kept until the new one is whole.

        Raises IntegrityError where the journal is damaged, or shorter than what the old file had seen of it.
        """
        with self._mutex, hold(self._lock):
            self._open()
            self._rebuild()

    def close(self) -> None:
        """Let go of the file, and leave its digest where it was written to."""
        with self._mutex:
            self._disconnect()
            if self._is_unsummed:
                self._is_unsummed = False
                # Nothing depends on it but that a changed byte is found sooner.
                with suppress(OSError, OutsideError), hold(self._lock, patience=0.05):
                    if self._journal.ends_at(self._position):
                        write_sum(self._path, self._position.checksum)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __del__(self) -> None:
        # A store that nobody closed lets go of its file when it is forgotten; Python 3.13 warns where it does not.
        if sys.is_finalizing():
            self._disconnect()  # too little of Python is left to write a file
        else:
            self.close()

    def _commit(self, draft: Draft) -> None:
        if not draft.events:
            return
        text = f'{{"time":{encode(now())},"events":[{",".join(draft.events)}]}}'
        position = self._journal.append_text(self._position, text)
        try:
            _write_position(draft.connection, position)
            draft.connection.execute("COMMIT")
        except sqlite3.Error:
            # It has happened all the same: it is in the journal, and whoever looks next replays it from there.
            return
        self._position = position
        self._is_unsummed = True

    def _current(self) -> sqlite3.Connection:
        """A connection that knows the whole journal."""
        if self._draft is not None:
            return self._draft.connection
        with os_errors("read the catalog"):
            if self._connection is not None and self._is_in_place() and self._journal.ends_at(self._position):
                return self._connection
            if self._open() and self._journal.ends_at(self._position) and self._connection is not None:
                return self._connection
        # Either a writer stands between its append and its commit, or one died there.
        with hold(self._lock):
            return self._caught_up()

    def _caught_up(self) -> sqlite3.Connection:
        """The same, with the lock held: what is missing is replayed, or all of it."""
        with os_errors("read the catalog"):
            if not self._open() or self._connection is None:
                return self._rebuild()
            if not self._journal.ends_at(self._position):
                self._position = _replay(self._connection, self._journal, self._position)
                self._is_unsummed = True
            return self._connection

    def _is_in_place(self) -> bool:
        """Whether the file that we have open is still the one under its name."""
        try:
            return self._path.stat().st_ino == self._inode
        except FileNotFoundError:
            return False

    def _open(self) -> bool:
        """Open the file and read the position that it has reached; False where it has to be rebuilt."""
        try:
            if self._connection is None or not self._is_in_place():
                self._disconnect()
                if not self._path.is_file():
                    return False
                self._connection = _connect(self._path, durable=not self.identity["boot"])
                self._inode = self._path.stat().st_ino
            meta = read_meta(self._connection)
        except sqlite3.Error as error:
            if _is_damage(error):
                return False
            raise _in_words(error) from error
        if any(meta.get(name) != value for name, value in self.identity.items()):
            return False
        position = position_of(meta)
        if position is None:
            return False
        self._position = position
        return True

    def _rebuild(self) -> sqlite3.Connection:
        """Replay the whole journal into a new file and put it in the old one's place. The lock is held."""
        reached = self._reached()
        self._disconnect()
        new = self._path.with_name(f"{self._path.name}.new")
        with os_errors("rebuild the catalog"):
            _remove_database(new)
            connection = sqlite3.connect(new, isolation_level=None)
            try:
                connection.execute("PRAGMA journal_mode=OFF")
                connection.execute("PRAGMA synchronous=OFF")
                connection.executescript(TABLES)
                connection.executemany("INSERT INTO meta VALUES (?, ?)", list(self.identity.items()))
                end = _replay(connection, self._journal, Position())
            except sqlite3.Error as error:
                raise _in_words(error) from error
            finally:
                connection.close()
            if reached is not None:
                self._journal.cut_short(reached, end)
            _replace_database(self._path, new)
            self._is_unsummed = True
        self._open()
        if self._connection is None:
            raise OutsideError(f"the catalog {self._path} was removed while it was built", hint="do it again")
        return self._connection

    def _reached(self) -> Position | None:
        """What the old catalog had seen of this store's journal, which must not have become shorter since."""
        if self._connection is None:
            return None
        try:
            meta = read_meta(self._connection)
        except sqlite3.Error:
            return None
        return position_of(meta) if meta.get("store") == self.identity["store"] else None


def _connect(path: Path, *, durable: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    # Without synchronising, only a power cut can harm the file, and after one it is rebuilt; where the platform does
    # not tell us about a restart, SQLite has to take care itself.
    try:
        connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'OFF'}")
        if sqlite3.sqlite_version_info >= _SAFE_WAL:
            connection.execute("PRAGMA journal_mode=WAL")
    except BaseException:
        connection.close()
        raise
    return connection


def read_meta(connection: sqlite3.Connection) -> dict[str, str | int]:
    """What a catalog says of itself: which store's it is, and how far it has read."""
    return dict(connection.execute("SELECT name, value FROM meta"))


def position_of(meta: Mapping[str, str | int]) -> Position | None:
    """How far the catalog has read, or None where it does not say so in order."""
    try:
        return Position(int(meta["segment"]), int(meta["offset"]), str(meta["checksum"]))
    except (KeyError, ValueError):
        return None


def _write_position(connection: sqlite3.Connection, position: Position) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO meta VALUES (?, ?)",
        [("segment", position.segment), ("offset", position.offset), ("checksum", position.checksum)],
    )


def _replay(connection: sqlite3.Connection, journal: Journal, position: Position) -> Position:
    connection.execute("BEGIN IMMEDIATE")
    try:
        end = position
        for record, end in journal.records(position):  # noqa: B007 - used after the loop
            for event in record.get("events", ()):
                apply(connection, event)
        _write_position(connection, end)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.rollback()
        raise
    return end


def _replace_database(path: Path, new: Path) -> None:
    """Put `new` in the place of the database at `path`, which is kept until then.

    An old rollback journal must never be played into the new file; nor may the old file stand without it.
    """
    sum_path(path).unlink(missing_ok=True)
    aside = path.with_name(f"{path.name}.old")
    with suppress(FileNotFoundError):
        path.rename(aside)
    _remove_database(path)
    new.rename(path)
    aside.unlink(missing_ok=True)


def _remove_database(path: Path) -> None:
    for ending in ("-journal", "-wal", "-shm", ""):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def _is_damage(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    return isinstance(error, sqlite3.DatabaseError) and code & 0xFF not in _OUTSIDE


def _in_words(error: sqlite3.Error) -> OutsideError:
    return OutsideError(f"the catalog cannot be used: {error}", hint="free some space, or let other commands finish")


def _boot_id() -> str:
    """What changes whenever the machine starts; empty where the platform has nothing of the kind."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
