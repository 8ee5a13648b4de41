"""What a tracker has been told, kept durably: nothing is lost in a crash, and nothing told twice."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from artifactflow.errors import IntegrityError, Place

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS entries (
    kind TEXT NOT NULL, id TEXT NOT NULL, pipeline_run TEXT NOT NULL, tracked TEXT NOT NULL, state TEXT NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entries_by_pipeline_run ON entries (pipeline_run, state);
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


class Kind(StrEnum):
    """What an entry is about."""

    PIPELINE = "pipeline"
    STEP = "step"


class State(StrEnum):
    """How far the telling has come. Between OPENING and OPEN the other side may or may not know of it."""

    OPENING = "opening"
    OPEN = "open"
    TOLD = "told"


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one record: `tracked` is its id on the other side, empty while it is OPENING."""

    id: str
    tracked: str
    state: State
    failures: int = 0


class Ledger:
    """One file for one tracker; one process at a time writes to it. Raises IntegrityError where it is damaged."""

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None, timeout=60)
        try:
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.executescript(_TABLES)
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise IntegrityError(
                f"the record of what was told cannot be read: {error}",
                place=Place(str(file)),
                hint="remove it: then all runs of the store are told again, as new ones",
            ) from error

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def entry(self, kind: Kind, record_id: str) -> Entry | None:
        """The entry of a record, or None where nothing of it was ever told."""
        row = self._connection.execute(
            "SELECT id, tracked, state, failures FROM entries WHERE kind = ? AND id = ?", (kind, record_id)
        ).fetchone()
        return Entry(row[0], row[1], State(row[2]), row[3]) if row else None

    def opening(self, kind: Kind, record_id: str, pipeline_run: str) -> bool:
        """Note that the record is about to be told; whether that was noted before."""
        added = self._connection.execute(
            "INSERT OR IGNORE INTO entries VALUES (?, ?, ?, '', ?, 0)", (kind, record_id, pipeline_run, State.OPENING)
        )
        return added.rowcount == 0

    def opened(self, kind: Kind, record_id: str, tracked: str) -> None:
        """Note the id that the other side gave it."""
        self._update(kind, record_id, tracked, State.OPEN)

    def told(self, kind: Kind, record_id: str, tracked: str) -> None:
        """Note that nothing is left to tell of it."""
        self._update(kind, record_id, tracked, State.TOLD)

    def failed(self, kind: Kind, record_id: str) -> None:
        """Count a failure."""
        self._connection.execute(
            "UPDATE entries SET failures = failures + 1 WHERE kind = ? AND id = ?", (kind, record_id)
        )

    def forgive(self) -> None:
        """Forget all failures."""
        self._connection.execute("UPDATE entries SET failures = 0 WHERE failures > 0")

    def open_steps(self, pipeline_run: str) -> list[Entry]:
        """The steps of a pipeline run that the other side knows of and that have not been told to the end."""
        rows = self._connection.execute(
            "SELECT id, tracked, state, failures FROM entries WHERE kind = ? AND pipeline_run = ? AND state = ?",
            (Kind.STEP, pipeline_run, State.OPEN),
        )
        return [Entry(row[0], row[1], State(row[2]), row[3]) for row in rows]

    @property
    def told_before(self) -> str:
        """A time: of runs that were started earlier, nothing is left to tell."""
        row = self._connection.execute("SELECT value FROM meta WHERE name = 'told_before'").fetchone()
        return row[0] if row else ""

    @told_before.setter
    def told_before(self, time: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('told_before', ?)", (time,))

    def _update(self, kind: Kind, record_id: str, tracked: str, state: State) -> None:
        self._connection.execute(
            "UPDATE entries SET tracked = ?, state = ? WHERE kind = ? AND id = ?", (tracked, state, kind, record_id)
        )
