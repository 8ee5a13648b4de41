"""The catalog: a SQLite index over the journal that keeps itself in step with it, and that can be thrown away.

Only its consistency matters. A process that dies leaves SQLite's own journal, which the next one rolls back; after a
power cut anything may be on the disk, so a catalog that was written before the machine last started is built anew.
"""

from __future__ import annotations

import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from artifactflow.errors import IntegrityError, OutsideError
from artifactflow.runs import now
from artifactflow.store.catalog_file import (
    build,
    connect,
    in_words,
    is_damage,
    position_of,
    put_in_place,
    read_meta,
    replay,
    write_position,
)
from artifactflow.store.catalog_sum import write_sum
from artifactflow.store.draft import Draft
from artifactflow.store.files import os_errors
from artifactflow.store.journal import Journal, Position, encode
from artifactflow.store.layout import FORMAT_VERSION
from artifactflow.store.locks import hold
from artifactflow.store.schema import SCHEMA_VERSION

Result = TypeVar("Result")


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
                if not is_damage(error) or self._draft is not None:
                    raise in_words(error) from error
            with hold(self._lock):
                self._rebuild()
            try:
                return query(self._current())
            except sqlite3.Error as error:
                raise in_words(error) from error

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
                    if not is_damage(error):
                        raise in_words(error) from error
                    self._rebuild()
                    raise IntegrityError(
                        f"the catalog was damaged ({error}) and has been rebuilt from the journal",
                        hint="nothing was stored: do it again",
                    ) from error

    def rebuild(self) -> None:
        """Build the file anew from the whole journal; the old one is kept until the new one is whole.

        Raises IntegrityError where the journal is damaged, or shorter than what the old file had seen of it.
        """
        with self._mutex, hold(self._lock), os_errors("rebuild the catalog"):
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
            write_position(draft.connection, position)
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
                self._position = replay(self._connection, self._journal, self._position)
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
                self._connection = connect(self._path, durable=not self.identity["boot"])
                self._inode = self._path.stat().st_ino
            meta = read_meta(self._connection)
        except sqlite3.Error as error:
            if is_damage(error):
                return False
            raise in_words(error) from error
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
            end = build(new, self.identity, self._journal)
            if reached is not None:
                self._journal.cut_short(reached, end)
            put_in_place(self._path, new)
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


def _boot_id() -> str:
    """What changes whenever the machine starts; empty where the platform has nothing of the kind."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
