"""Verifying what a store says has happened: the journal by its checksums, the catalog by the journal."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from artifactflow.store import queries
from artifactflow.store.catalog_check import Replay, compare, copy_database
from artifactflow.store.catalog_file import position_of, read_meta
from artifactflow.store.catalog_sum import CatalogSum, read_sum
from artifactflow.store.files import hash_file
from artifactflow.store.findings import Fault
from artifactflow.store.journal import MEND_JOURNAL, Position
from artifactflow.store.journal_scan import Damage, Torn, Whole, scan, segment_sizes
from artifactflow.store.locks import hold
from artifactflow.store.parts import Parts


@dataclass(slots=True)
class History:
    """What was found out: a database of what is `known`, how many records say so, and what is wrong."""

    known: Path
    records: int = 0
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def catalog_fault(self, path: Path, what: str, expected: str, got: str) -> None:
        """Add a fault of the catalog, which can always be built again."""
        mend = "artifactflow artifacts rebuild, or verify --repair"
        self.faults.append(Fault("catalog", str(path), what, expected, got, mend=mend))


def verify_history(parts: Parts, aside: Path) -> History:
    """Read the journal, and compare the catalog with it. `aside` is an empty folder.

    Who writes waits for the catalog to be copied, no longer. Raises IntegrityError for a journal that a newer
    artifactflow wrote.
    """
    history = History(known=aside / "replay.db")
    with hold(parts.layout.locks / "journal"):
        sizes = segment_sizes(parts.layout.journal)
        copied = _copy_catalog(parts.layout.catalog, aside / "catalog.db", history)
        kept = read_sum(parts.layout.catalog)
        found = str(hash_file(parts.layout.catalog)) if kept is not None and copied is not None else ""
    with closing(Replay(history.known)) as replay, closing(_Comparison(parts, copied, history)) as comparison:
        if kept is not None and found:
            comparison.look_at_digest(kept, found)
        comparison.look_at(replay)
        whole = True
        for line_found in scan(parts.layout.journal, parts.store_id, sizes):
            match line_found:
                case Whole(record, position):
                    history.records += 1
                    if whole:
                        replay.add(record.get("events", ()), position)
                        comparison.look_at(replay)
                case Torn(path, line, size):
                    history.notes.append(f"{path}:{line} is {size} bytes of a transaction that was never finished")
                case Damage(path, line, what, expected, got):
                    whole = False
                    place = f"{path}:{line}" if line else str(path)
                    history.faults.append(Fault("journal", place, what, expected, got, mend=MEND_JOURNAL))
        comparison.end(replay, whole=whole)
        replay.commit()
    return history


def _copy_catalog(path: Path, target: Path, history: History) -> Path | None:
    if not path.is_file():
        history.notes.append(f"{path} is not there: it is built when it is needed")
        return None
    try:
        copy_database(path, target)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        history.catalog_fault(path, "it cannot be read", "a SQLite database", str(error))
        return None
    return target


class _Comparison:
    """The catalog's copy, waiting for the replay to get as far as it is."""

    def __init__(self, parts: Parts, copied: Path | None, history: History) -> None:
        self._path = parts.layout.catalog
        self._copied = copied
        self._identity = parts.catalog.identity
        self._history = history
        self._connection = None if copied is None else sqlite3.connect(copied)
        self._reached = ""
        self._position = self._read_position() if self._connection is not None else None
        self._done = self._position is None

    def look_at_digest(self, kept: CatalogSum, found: str) -> None:
        """Compare the file with the digest that was kept, unless it has been written to since."""
        if kept.reached in ("", self._reached) and kept.digest != found:
            self._history.catalog_fault(self._path, "its bytes have changed", kept.digest or "a digest", found)

    def look_at(self, replay: Replay) -> None:
        """Compare, where the replay is just as far."""
        if self._done or self._connection is None or replay.position != self._position:
            return
        self._done = True
        replay.end(self._identity)
        try:
            for difference in compare(self._connection, replay.connection):
                self._history.catalog_fault(self._path, difference.what, difference.expected, difference.got)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            self._history.catalog_fault(self._path, "it cannot be read", "every row", str(error))

    def end(self, replay: Replay, *, whole: bool) -> None:
        """Say where the replay did not get as far; of a damaged journal, rather believe the catalog."""
        if whole:
            if not self._done and self._position is not None:
                self._history.faults.append(self._cut_short(self._position, replay.position))
        elif self._copied is not None and self._is_readable():
            self._history.known = self._copied
            self._history.notes.append("the journal is damaged: the versions read are those of the catalog")
        else:
            self._history.notes.append("the journal is damaged: the versions read are those before the damage")

    def _is_readable(self) -> bool:
        try:
            return self._connection is not None and bool(queries.versions(self._connection))
        except sqlite3.Error:
            return False

    def close(self) -> None:
        """Let go of the copy."""
        if self._connection is not None:
            self._connection.close()

    def _read_position(self) -> Position | None:
        """How far the catalog has got; None where it is not to be compared, which has been said then."""
        if self._connection is None:
            return None
        try:
            meta = read_meta(self._connection)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            self._history.catalog_fault(self._path, "it cannot be read", "what it says of itself", str(error))
            return None
        position = position_of(meta)
        self._reached = position.checksum if position is not None else ""
        if meta.get("store") != self._identity["store"]:
            self._history.catalog_fault(
                self._path, "it belongs to another store", str(self._identity["store"]), str(meta.get("store"))
            )
        elif any(meta.get(name) != value for name, value in self._identity.items()):
            self._history.notes.append(
                f"{self._path} is of another version or of before the last start: it is built again when it is needed"
            )
        elif position is None:
            self._history.catalog_fault(self._path, "it does not say how far it has got", "a position", "none")
        else:
            return position
        return None

    def _cut_short(self, seen: Position, end: Position) -> Fault:
        return Fault(
            "journal",
            str(self._path.parent / "journal"),
            "the journal has been cut short, or the catalog does not say where it is",
            f"{seen.offset} bytes of segment {seen.segment}, ending with {seen.checksum}",
            f"{end.offset} bytes of segment {end.segment}, ending with {end.checksum}",
            mend=MEND_JOURNAL,
        )
