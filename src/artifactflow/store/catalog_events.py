"""What a catalog knows, told as the events of a journal that would make one like it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator

from artifactflow.store.schema import Event


def events_of(connection: sqlite3.Connection) -> Iterator[Event]:
    """The events, each behind those that it builds on. How things came about, what is left of which, is not among them.

    Raises sqlite3.Error or ValueError where the database is damaged.
    """
    for digest, packages in connection.execute("SELECT digest, record FROM environments ORDER BY digest"):
        yield {"environment": {"digest": digest, "packages": json.loads(packages)}}
    for (version,) in connection.execute("SELECT record FROM versions ORDER BY name, number"):
        yield {"version": json.loads(version)}
    removed = "SELECT name, number, time, reason, record FROM removed ORDER BY name, number"
    for name, number, time, reason, version in connection.execute(removed):
        yield {"version": json.loads(version)}
        yield {"removal": {"name": name, "version": number, "time": time, "reason": reason}}
    unknown = (
        "SELECT name, highest FROM artifacts WHERE NOT EXISTS "
        "(SELECT 1 FROM versions WHERE versions.name = artifacts.name AND number = highest) AND NOT EXISTS "
        "(SELECT 1 FROM removed WHERE removed.name = artifacts.name AND number = highest) ORDER BY name"
    )
    for name, highest in connection.execute(unknown):
        yield {"numbers": {"name": name, "highest": highest}}
    aliases = "SELECT name, alias, number, generation FROM aliases ORDER BY name, alias"
    for name, alias, number, generation in connection.execute(aliases):
        yield {"alias": {"name": name, "alias": alias, "version": number, "generation": generation}}
    for (run,) in connection.execute("SELECT record FROM runs ORDER BY sequence"):
        yield {"run": json.loads(run)}
    for (run,) in connection.execute("SELECT record FROM pipeline_runs ORDER BY sequence"):
        yield {"pipeline_run": json.loads(run)}
