"""Writing a new journal, of what is left of a damaged one and of the catalog.

The journal is the truth, so which of its records are given up is for a person to say: nothing comes here unasked. What
was there is put aside whole. A catalog whose bytes are as they were written knows all that the journal said up to where
it has got; the rest comes from the records of the journal that are whole. Of a catalog that has changed, only versions
are believed whose files are there: those it cannot have made up.
"""

from __future__ import annotations

import json
import re
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from artifactflow.artifact import Digest, Tree
from artifactflow.errors import IntegrityError, NotFoundError
from artifactflow.runs import new_run_id, now
from artifactflow.store import queries
from artifactflow.store.blobs import Blobs
from artifactflow.store.catalog import Catalog
from artifactflow.store.catalog_check import Replay, copy_database
from artifactflow.store.catalog_events import events_of
from artifactflow.store.catalog_file import database_errors, is_damage, position_of, read_meta
from artifactflow.store.catalog_sum import read_sum
from artifactflow.store.files import hash_file, os_errors, remove
from artifactflow.store.journal import Journal, Position
from artifactflow.store.journal_scan import Damage, Torn, Whole, scan, segment_sizes
from artifactflow.store.layout import Layout, open_layout
from artifactflow.store.migrate import alone, back_up, exchange, sync_below
from artifactflow.store.schema import Event, apply

_EVENTS_A_RECORD: Final = 200

_version_in_text: Final = re.compile(rb'"name":"([^"\\]+)","version":([0-9]{1,15})[,}]')
"""What records call a version: also in a line that is damaged elsewhere."""


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What became of a journal. Without `put_aside`, where the old one is, it was whole and there was nothing to do.

    `lost` says what could not be had again, a line each; `taken` where the rest came from.
    """

    put_aside: Path | None = None
    taken: str = ""
    lost: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """What became of it, for `--json`."""
        put_aside = None if self.put_aside is None else str(self.put_aside)
        return {"put_aside": put_aside, "taken": self.taken, "lost": list(self.lost)}


def rebuild_journal(root: Path, *, patience: float = 5.0) -> Salvaged:
    """Write the journal of the store in `root` anew where it is damaged, or shorter than what the catalog has seen.

    The old one is put into `quarantine/` with the catalog. All of it or nothing, like a migration.
    Raises OutsideError where somebody uses the store for `patience` seconds, or the disk cannot be written;
    IntegrityError for a journal that a newer artifactflow wrote. Nothing has happened then.
    """
    layout = Layout(Path(root).absolute())
    store_id = open_layout(layout, create=False)
    with os_errors("rebuild the journal"), database_errors(), alone(layout, patience):
        aside = Path(tempfile.mkdtemp(prefix="salvage-", dir=layout.temporary))
        try:
            return _rebuild(layout, store_id, aside)
        finally:
            remove(aside)


def _rebuild(layout: Layout, store_id: str, aside: Path) -> Salvaged:
    copied, reached = _catalog(layout, store_id, aside / "catalog.db")
    with closing(Replay(aside / "known.db")) as replay:
        known = _Known(replay.connection)
        if reached is not None and copied is not None:
            known.add_all(copied)
        is_sound = known.read(layout, store_id, reached or Position())
        if is_sound and not known.lost:
            return Salvaged()
        taken = "the catalog, and what came after it in the journal" if reached else "the records that are whole"
        if reached is None and copied is not None:
            found = known.add_proven(copied, Blobs(layout.objects))
            taken += f", and {found} of the versions that a changed catalog has" if found else ""
        known.settle()
        new = aside / "new"
        (new / "journal").mkdir(parents=True)
        _write(Journal(new / "journal", store_id), replay.connection, {"taken": taken, "lost": known.lost})
    (new / "format").write_bytes(layout.format.read_bytes())
    sync_below(new)
    layout.quarantine.mkdir(mode=0o700, exist_ok=True)
    put_aside = layout.quarantine / f"journal-{new_run_id()}"
    back_up(layout, put_aside)
    exchange(layout, new)
    return Salvaged(put_aside, taken, tuple(known.lost))


def _catalog(layout: Layout, store_id: str, target: Path) -> tuple[Path | None, Position | None]:
    """A copy of the catalog where it can be read, and how far it has got where its bytes are as they were written.

    They are where its digest was kept and is the same; where none was kept since, SQLite's own check has to do, and the
    machine must not have been started again, because a power cut tears what nobody made durable.
    """
    if not layout.catalog.is_file():
        return None, None
    identity = Catalog(layout.catalog, Journal(layout.journal, store_id), layout.locks / "journal", store_id).identity
    try:
        copy_database(layout.catalog, target)
        with closing(sqlite3.connect(target)) as copy:
            meta = read_meta(copy)
            position = position_of(meta)
            if position is None or any(meta.get(name) != identity[name] for name in ("store", "schema", "format")):
                return target, None
            kept = read_sum(layout.catalog)
            if kept is not None and kept.reached == position.checksum:
                is_as_written = str(hash_file(layout.catalog)) == kept.digest
            else:
                sound = copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                is_as_written = sound and meta.get("boot") == identity["boot"]
            return target, position if is_as_written else None
    except (sqlite3.Error, UnicodeDecodeError) as error:
        if isinstance(error, sqlite3.Error) and not is_damage(error):
            raise  # a disk that cannot be read now must not have us do without the catalog
        return (target if target.exists() else None), None


class _Known:
    """What has been put together so far, in a catalog of its own, and what is `lost`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.lost: list[str] = []
        self._connection = connection

    def add_all(self, catalog: Path) -> None:
        """Enter everything that a catalog knows."""
        with closing(sqlite3.connect(catalog)) as connection:
            for event in events_of(connection):
                apply(self._connection, event)

    def read(self, layout: Layout, store_id: str, reached: Position) -> bool:
        """Enter the records behind `reached` that are whole; whether all are, and `reached` is one's end.

        What is damaged behind it is lost.
        """
        is_whole, met = True, reached == Position()
        for found in scan(layout.journal, store_id, segment_sizes(layout.journal)):
            match found:
                case Whole(record, position):
                    met |= position == reached
                    if (position.segment, position.offset) > (reached.segment, reached.offset):
                        for event in record.get("events", ()):
                            self._add(event)
                case Damage(path, line, what, segment=segment, end=end, content=content):
                    is_whole = False
                    is_known = segment < reached.segment or (segment == reached.segment and 0 <= end <= reached.offset)
                    if not is_known and line != 1:  # the first line of a segment says nothing but that it is one
                        self._lose(f"{path}:{line}" if line else str(path), what, content)
                case Torn():
                    pass  # nobody was told of it
        return is_whole and met

    def _add(self, event: Event) -> None:
        match event:
            case {"version": {"name": name, "version": number}} if self._has(name, number):
                self.lost.append(f"{name}:v{number} of the journal: the catalog has another one under this number")
                return
            case {"alias": {"name": name, "alias": alias, "version": number, "generation": generation}}:
                self._use(name, number or 0)
                if generation <= queries.alias_state(self._connection, name, alias).generation:
                    return
            case {"removal": {"name": name, "version": number}}:
                self._use(name, number)
            case {"run": run}:
                for ref in (*run["inputs"].values(), *run["outputs"].values()):
                    name, _, number = str(ref).rpartition(":v")
                    if name and number.isdecimal():
                        self._use(name, int(number))
        apply(self._connection, event)

    def _lose(self, place: str, what: str, content: bytes) -> None:
        """Something is damaged. Versions that it seems to speak of are named, and their numbers not used again."""
        speaks = sorted({(name.decode("utf-8", "replace"), int(number)) for name, number in _named_in(content)})
        for name, number in speaks:
            self._use(name, number)
        refs = ", ".join(f"{name}:v{number}" for name, number in speaks)
        self.lost.append(f"{place}: {what}" + (f"; it seems to speak of {refs}" if refs else ""))

    def add_proven(self, catalog: Path, blobs: Blobs) -> int:
        """Enter the versions that only a catalog has which has changed, if their files are there; how many they are."""
        added = 0
        try:
            with closing(sqlite3.connect(catalog)) as connection:
                for version in queries.versions(connection):
                    if not self._has(version.name, version.number) and _is_there(blobs, version.digest):
                        apply(self._connection, {"version": version.to_json()})
                        added += 1
        except (sqlite3.Error, ValueError, KeyError, TypeError, IntegrityError) as error:
            if isinstance(error, sqlite3.Error) and not is_damage(error):
                raise
            # From here on it cannot be read.
        return added

    def settle(self) -> None:
        """Let nothing name what is lost, and every artifact have a `latest`."""
        self._settle_environments()
        ask = self._connection.execute
        nowhere = ask(
            "SELECT name, alias, number, generation FROM aliases WHERE number IS NOT NULL AND NOT EXISTS "
            "(SELECT 1 FROM versions WHERE versions.name = aliases.name AND versions.number = aliases.number)"
        ).fetchall()
        for name, alias, number, generation in nowhere:
            self.lost.append(f"{name}:{alias} named v{number}, which is not there")
            self._point(name, alias, None, generation + 1)
        unnamed = ask(
            "SELECT DISTINCT name FROM versions WHERE name NOT IN "
            "(SELECT name FROM aliases WHERE alias = 'latest' AND number IS NOT NULL)"
        ).fetchall()
        for (name,) in unnamed:
            number = queries.highest_present(self._connection, name)
            self._point(name, "latest", number, queries.alias_state(self._connection, name, "latest").generation + 1)
            self.lost.append(f"{name}:latest: it names v{number} now, the highest that is left")

    def _settle_environments(self) -> None:
        gone: dict[str, list[str]] = {}
        for (text,) in self._connection.execute("SELECT record FROM runs ORDER BY sequence").fetchall():
            run = json.loads(text)
            digest = run["ingredients"].get("environment")
            if isinstance(digest, str) and not queries.has_environment(self._connection, digest):
                gone.setdefault(digest, []).append(run["id"])
                del run["ingredients"]["environment"]
                apply(self._connection, {"run": run})
        self.lost += [f"the list of packages of {len(runs)} runs, {runs[0]} the first" for runs in gone.values()]

    def _point(self, name: str, alias: str, number: int | None, generation: int) -> None:
        event = {"name": name, "alias": alias, "version": number, "generation": generation}
        apply(self._connection, {"alias": event})

    def _has(self, name: str, number: int) -> bool:
        """Whether there is such a version, or was."""
        rows = self._connection.execute(
            "SELECT 1 FROM versions WHERE name = :name AND number = :number "
            "UNION ALL SELECT 1 FROM removed WHERE name = :name AND number = :number",
            {"name": name, "number": number},
        )
        return rows.fetchone() is not None

    def _use(self, name: str, number: int) -> None:
        if number > 0:
            apply(self._connection, {"numbers": {"name": name, "highest": number}})


def _named_in(content: bytes) -> list[tuple[bytes, bytes]]:
    found: list[tuple[bytes, bytes]] = _version_in_text.findall(content)
    return found


def _is_there(blobs: Blobs, digest: Digest) -> bool:
    try:
        tree = Tree.from_bytes(blobs.read(digest))
    except (IntegrityError, NotFoundError):
        return False
    return all(blobs.size(entry.digest) == entry.size for entry in tree.entries)


def _write(journal: Journal, known: sqlite3.Connection, why: Mapping[str, Any]) -> None:
    position = journal.append(Position(), {"time": now(), "rebuilt": why, "events": []})
    for events in _batches(events_of(known)):
        position = journal.append(position, {"time": now(), "events": events})


def _batches(events: Iterator[Event]) -> Iterator[list[Event]]:
    while batch := list(islice(events, _EVENTS_A_RECORD)):
        yield batch
