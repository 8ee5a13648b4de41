"""A transaction of the catalog in the making."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from artifactflow.store.journal import encode
from artifactflow.store.schema import Event, apply


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
            del self.events[before:]
            # A full disk makes SQLite undo the whole transaction by itself, and this savepoint with it.
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK TO part")
                self.connection.execute("RELEASE part")
            raise
        self.connection.execute("RELEASE part")
