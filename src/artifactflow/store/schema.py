"""The tables of the catalog, and what each event of the journal does to them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any, Final

from artifactflow.errors import IntegrityError

SCHEMA_VERSION: Final = 3
"""Raised with every change of the tables: a catalog of another version is rebuilt."""

TABLES: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE artifacts (name TEXT PRIMARY KEY, highest INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE versions (
    name TEXT NOT NULL, number INTEGER NOT NULL, digest TEXT NOT NULL, record TEXT NOT NULL,
    PRIMARY KEY (name, number)
) WITHOUT ROWID;
CREATE INDEX versions_by_digest ON versions (name, digest);
CREATE TABLE removed (
    name TEXT NOT NULL, number INTEGER NOT NULL, time TEXT NOT NULL, reason TEXT NOT NULL, record TEXT NOT NULL,
    PRIMARY KEY (name, number)
) WITHOUT ROWID;
CREATE TABLE aliases (
    name TEXT NOT NULL, alias TEXT NOT NULL, number INTEGER, generation INTEGER NOT NULL,
    PRIMARY KEY (name, alias)
) WITHOUT ROWID;
CREATE TABLE runs (
    sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, started TEXT NOT NULL, status TEXT NOT NULL,
    pipeline TEXT NOT NULL, step TEXT NOT NULL, cache_key TEXT NOT NULL, record TEXT NOT NULL
);
CREATE INDEX runs_by_time ON runs (started, sequence);
CREATE INDEX runs_by_cache_key ON runs (cache_key, status);
CREATE INDEX runs_by_step ON runs (pipeline, step, status);
CREATE TABLE run_inputs (ref TEXT NOT NULL, run_id TEXT NOT NULL, PRIMARY KEY (ref, run_id)) WITHOUT ROWID;
CREATE INDEX run_inputs_by_run ON run_inputs (run_id);
CREATE TABLE environments (digest TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE pipeline_runs (
    sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, started TEXT NOT NULL, record TEXT NOT NULL
);
CREATE INDEX pipeline_runs_by_time ON pipeline_runs (started, sequence);
"""

Event = Mapping[str, Any]
"""One thing that happened.

`{"version": …}`, `{"removal": …}`, `{"alias": …}`, `{"run": …}`, `{"pipeline_run": …}`, `{"environment": …}` or
`{"numbers": …}`. An alias whose version is null points nowhere any more; its generation still counts on. An environment
is a list of packages that the runs after it name by its digest; older runs have the list itself. Numbers say how far
those of an artifact have been used, by versions whose record is lost too.
"""


def apply(connection: sqlite3.Connection, event: Event) -> None:
    """Enter one event into the tables. Raises IntegrityError for a kind that a newer artifactflow wrote."""
    match event:
        case {"version": version}:
            _apply_version(connection, version)
        case {"removal": removal}:
            _apply_removal(connection, removal)
        case {"numbers": numbers}:
            _use_numbers(connection, numbers["name"], numbers["highest"])
        case {"alias": alias}:
            connection.execute(
                "INSERT OR REPLACE INTO aliases VALUES (?, ?, ?, ?)",
                (alias["name"], alias["alias"], alias["version"], alias["generation"]),
            )
        case {"environment": environment}:
            connection.execute(
                "INSERT OR IGNORE INTO environments VALUES (?, ?)",
                (environment["digest"], json.dumps(environment["packages"])),
            )
        case {"run": run}:
            _apply_run(connection, run)
        case {"pipeline_run": run}:
            connection.execute(
                "INSERT OR REPLACE INTO pipeline_runs (id, started, record) VALUES (?, ?, ?)",
                (run["id"], run["started"], json.dumps(run)),
            )
        case _:
            raise IntegrityError(
                f"the journal holds a record that this artifactflow does not know: {', '.join(event)}",
                hint="a newer artifactflow wrote it: upgrade this one",
            )


def _apply_version(connection: sqlite3.Connection, version: Mapping[str, Any]) -> None:
    name, number = version["name"], version["version"]
    connection.execute(
        "INSERT INTO versions VALUES (?, ?, ?, ?)", (name, number, version["digest"], json.dumps(version))
    )
    _use_numbers(connection, name, number)


def _use_numbers(connection: sqlite3.Connection, name: str, highest: int) -> None:
    # Kept apart from the versions, because numbers outlive them.
    connection.execute(
        "INSERT INTO artifacts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET highest = max(highest, excluded.highest)",
        (name, highest),
    )


def _apply_removal(connection: sqlite3.Connection, removal: Mapping[str, Any]) -> None:
    of_version = (removal["name"], removal["version"])
    connection.execute(
        "INSERT INTO removed SELECT name, number, ?, ?, record FROM versions WHERE name = ? AND number = ?",
        (removal["time"], removal["reason"], *of_version),
    )
    connection.execute("DELETE FROM versions WHERE name = ? AND number = ?", of_version)


def _apply_run(connection: sqlite3.Connection, run: Mapping[str, Any]) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO runs (id, started, status, pipeline, step, cache_key, record) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            run["id"],
            run["started"],
            run["status"],
            run["pipeline"],
            run["step"],
            run["cache_key"],
            json.dumps(run),
        ),
    )
    connection.execute("DELETE FROM run_inputs WHERE run_id = ?", (run["id"],))
    connection.executemany(
        "INSERT INTO run_inputs VALUES (?, ?)", [(ref, run["id"]) for ref in sorted(set(run["inputs"].values()))]
    )
