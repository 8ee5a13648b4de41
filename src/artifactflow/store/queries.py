"""Questions to the catalog. Each takes an open connection and answers with values."""

from __future__ import annotations

import functools
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from artifactflow.artifact import LATEST, ArtifactRef, Digest, Version
from artifactflow.errors import NotFoundError, near_matches
from artifactflow.runs import PipelineRun, Run, RunStatus


@dataclass(frozen=True, slots=True)
class ArtifactSummary:
    """An artifact in one line: how many versions it has, the latest of them, and where its aliases point."""

    name: str
    type: str
    versions: int
    latest: Version
    aliases: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class AliasState:
    """Where an alias points and how often it has been set; generation 0 is an alias that does not exist yet.

    The alias of a removed version points nowhere: it has a generation and no number.
    """

    number: int | None = None
    generation: int = 0


@dataclass(frozen=True, slots=True)
class RemovedVersion:
    """A version that is gone: what it was, when it was removed (UTC, ISO 8601) and by what."""

    version: Version
    time: str
    reason: str


def versions(connection: sqlite3.Connection, name: str | None = None) -> list[Version]:
    """All versions, or those of one name, ordered by name and number."""
    rows = (
        connection.execute("SELECT record FROM versions ORDER BY name, number")
        if name is None
        else connection.execute("SELECT record FROM versions WHERE name = ? ORDER BY number", (name,))
    )
    return [_version(text) for (text,) in rows]


def latest_versions(connection: sqlite3.Connection) -> list[Version]:
    """Of every artifact the version that `latest` names, ordered by name. The others are not read."""
    rows = connection.execute(
        "SELECT record FROM aliases JOIN versions USING (name, number) WHERE alias = ? ORDER BY name", (LATEST,)
    )
    return [_version(text) for (text,) in rows]


def version(connection: sqlite3.Connection, ref: ArtifactRef) -> Version:
    """The version that `ref` names. Raises NotFoundError with near names, or with the versions that there are."""
    number = ref.number
    if number is None:
        number = alias_state(connection, ref.name, ref.selector).number
    row = connection.execute("SELECT record FROM versions WHERE name = ? AND number = ?", (ref.name, number)).fetchone()
    if row is None:
        raise _no_version(connection, ref)
    return _version(row[0])


def _no_version(connection: sqlite3.Connection, ref: ArtifactRef) -> NotFoundError:
    gone = removed_version(connection, ref.name, ref.number) if ref.number is not None else None
    if gone is not None:
        return NotFoundError(
            f"{ref} was removed on {gone.time[:10]} by {gone.reason}",
            hint=f"artifactflow artifacts ls {ref.name} shows what there is",
        )
    names = [name for (name,) in connection.execute("SELECT DISTINCT name FROM versions ORDER BY name")]
    if ref.name not in names:
        known = "artifactflow artifacts ls shows what there is" if names else "nothing is stored yet"
        return NotFoundError(f"there is no artifact {ref.name!r}", hint=near_matches(ref.name, names) or known)
    numbers = [
        f"v{number}"
        for (number,) in connection.execute("SELECT number FROM versions WHERE name = ? ORDER BY number", (ref.name,))
    ]
    shown = numbers if len(numbers) <= 5 else [*numbers[:2], "…", *numbers[-2:]]
    return NotFoundError(
        f"{ref.name} has no version {ref.selector!r}",
        hint=f"it has {', '.join([*shown, *aliases(connection, ref.name)])}",
    )


def version_with(connection: sqlite3.Connection, name: str, digest: Digest) -> Version | None:
    """The version of `name` that holds this content; the newest, should there be several."""
    row = connection.execute(
        "SELECT record FROM versions WHERE name = ? AND digest = ? ORDER BY number DESC", (name, str(digest))
    ).fetchone()
    return _version(row[0]) if row else None


def removed_version(connection: sqlite3.Connection, name: str, number: int) -> RemovedVersion | None:
    """What a removed version was, or None for one that is there or never was."""
    row = connection.execute(
        "SELECT record, time, reason FROM removed WHERE name = ? AND number = ?", (name, number)
    ).fetchone()
    return RemovedVersion(_version(row[0]), row[1], row[2]) if row else None


def made_from(connection: sqlite3.Connection, ref: str) -> list[str]:
    """The versions that are there and that a run made from `ref`, written `name:v3`; sorted."""
    made = {output for run in runs_using(connection, ref) for output in run.outputs.values()} - {ref}
    return sorted(output for output in made if is_there(connection, output))


def is_there(connection: sqlite3.Connection, ref: str) -> bool:
    """Whether the version `ref`, written `name:v3`, exists and has not been removed."""
    parsed = ArtifactRef.parse(ref)
    of_version = (parsed.name, parsed.number)
    return connection.execute("SELECT 1 FROM versions WHERE name = ? AND number = ?", of_version).fetchone() is not None


def highest_number(connection: sqlite3.Connection, name: str) -> int:
    """The highest number that a version of `name` ever had, 0 where there was none."""
    row = connection.execute("SELECT highest FROM artifacts WHERE name = ?", (name,)).fetchone()
    return int(row[0]) if row else 0


def highest_present(connection: sqlite3.Connection, name: str) -> int | None:
    """The highest number of the versions that are there, None where there is none."""
    (number,) = connection.execute("SELECT max(number) FROM versions WHERE name = ?", (name,)).fetchone()
    return None if number is None else int(number)


def aliases(connection: sqlite3.Connection, name: str) -> dict[str, int]:
    """The aliases of an artifact, sorted, and the numbers that they point to."""
    rows = connection.execute(
        "SELECT alias, number FROM aliases WHERE name = ? AND number IS NOT NULL ORDER BY alias", (name,)
    )
    return dict(rows)


def alias_state(connection: sqlite3.Connection, name: str, alias: str) -> AliasState:
    """Where an alias points, with its generation for compare-and-swap."""
    row = connection.execute(
        "SELECT number, generation FROM aliases WHERE name = ? AND alias = ?", (name, alias)
    ).fetchone()
    return AliasState(*row) if row else AliasState()


def artifacts(connection: sqlite3.Connection) -> list[ArtifactSummary]:
    """Every artifact, by name."""
    counts = connection.execute("SELECT name, count(*) FROM versions GROUP BY name ORDER BY name").fetchall()
    found = []
    for name, count in counts:
        latest = version(connection, ArtifactRef(name, LATEST))
        found.append(ArtifactSummary(name, latest.type, count, latest, aliases(connection, name)))
    return found


def run(connection: sqlite3.Connection, run_id: str) -> Run:
    """The run of that id or of the only id that begins so. Raises NotFoundError."""
    return _run(connection, _by_id(connection, _RUN_BY_ID, "run", run_id))


def runs(connection: sqlite3.Connection, limit: int | None = None) -> list[Run]:
    """The runs, newest first, `limit` of them at the most."""
    rows = connection.execute("SELECT record FROM runs ORDER BY started DESC, sequence DESC LIMIT ?", (_limit(limit),))
    return [_run(connection, _record(text)) for (text,) in rows]


def runs_using(connection: sqlite3.Connection, ref: str) -> list[Run]:
    """The runs that took `ref`, written `name:v3`, as an input; newest first."""
    rows = connection.execute(
        "SELECT record FROM run_inputs JOIN runs ON id = run_id WHERE ref = ? ORDER BY started DESC, sequence DESC",
        (ref,),
    )
    return [_run(connection, _record(text)) for (text,) in rows]


def cached_run(connection: sqlite3.Connection, cache_key: str) -> Run | None:
    """The last run with this cache key that finished. An empty key stands for no caching and finds nothing."""
    row = connection.execute(
        "SELECT record FROM runs WHERE cache_key = ? AND cache_key != '' AND status = ? ORDER BY sequence DESC LIMIT 1",
        (cache_key, RunStatus.FINISHED.value),
    ).fetchone()
    return _run(connection, _record(row[0])) if row else None


def cached_runs(connection: sqlite3.Connection, cache_key: str, limit: int = 20) -> list[Run]:
    """The last runs with this cache key that finished, newest first."""
    rows = connection.execute(
        "SELECT record FROM runs WHERE cache_key = ? AND cache_key != '' AND status = ? ORDER BY sequence DESC LIMIT ?",
        (cache_key, RunStatus.FINISHED.value, limit),
    )
    return [_run(connection, _record(text)) for (text,) in rows]


def last_run(connection: sqlite3.Connection, pipeline: str, step: str) -> Run | None:
    """The last run of a pipeline's step that finished."""
    row = connection.execute(
        "SELECT record FROM runs WHERE pipeline = ? AND step = ? AND status = ? ORDER BY sequence DESC LIMIT 1",
        (pipeline, step, RunStatus.FINISHED.value),
    ).fetchone()
    return _run(connection, _record(row[0])) if row else None


def pipeline_run(connection: sqlite3.Connection, run_id: str) -> PipelineRun:
    """The pipeline run of that id or of the only id that begins so. Raises NotFoundError."""
    return PipelineRun.from_json(_by_id(connection, _PIPELINE_RUN_BY_ID, "pipeline run", run_id))


def pipeline_runs(connection: sqlite3.Connection, limit: int | None = None) -> list[PipelineRun]:
    """The pipeline runs, newest first, `limit` of them at the most."""
    rows = connection.execute(
        "SELECT record FROM pipeline_runs ORDER BY started DESC, sequence DESC LIMIT ?", (_limit(limit),)
    )
    return [PipelineRun.from_json(_record(text)) for (text,) in rows]


_RUN_BY_ID = (
    "SELECT id, record FROM runs WHERE id >= ?1 AND substr(id, 1, length(?1)) = ?1 AND ?1 != '' ORDER BY id LIMIT 4"
)
_PIPELINE_RUN_BY_ID = _RUN_BY_ID.replace("FROM runs", "FROM pipeline_runs")


def _by_id(connection: sqlite3.Connection, query: str, what: str, run_id: str) -> dict[str, Any]:
    candidates = connection.execute(query, (run_id,)).fetchall()
    # The whole id of one run may begin that of another, and sorts before it.
    if candidates and candidates[0][0] == run_id:
        return _record(candidates[0][1])
    if len(candidates) == 1:
        return _record(candidates[0][1])
    if candidates:
        ids = ", ".join(candidate for candidate, _ in candidates[:3]) + (", …" if len(candidates) > 3 else "")
        raise NotFoundError(f"more than one {what} begins with {run_id!r}: {ids}", hint="give more of the id")
    raise NotFoundError(f"there is no {what} {run_id!r}")


def _limit(limit: int | None) -> int:
    return -1 if limit is None else limit


def _version(text: str) -> Version:
    return Version.from_json(_record(text))


def has_environment(connection: sqlite3.Connection, digest: str) -> bool:
    """Whether a list of packages has been entered."""
    return connection.execute("SELECT 1 FROM environments WHERE digest = ?", (digest,)).fetchone() is not None


def _run(connection: sqlite3.Connection, record: dict[str, Any]) -> Run:
    """The run of a record, with the list of packages that it names by its digest."""
    ingredients = record["ingredients"]
    if isinstance(digest := ingredients.get("environment"), str):
        row = connection.execute("SELECT record FROM environments WHERE digest = ?", (digest,)).fetchone()
        if row is None:
            raise sqlite3.DatabaseError(f"the packages {digest} of the run {record['id']} are not there")
        ingredients["environment"] = _packages(row[0])
    return Run.from_json(record)


@functools.lru_cache(maxsize=16)
def _packages(text: str) -> Mapping[str, str]:
    """A list of packages: one for all the runs that share it, thousands may be in memory."""
    return _record(text)


def _record(text: str) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(text)
    except ValueError as error:
        # SQLite has no checksums. The catalog treats this like any page that it finds damaged: it rebuilds.
        raise sqlite3.DatabaseError(f"a record cannot be read: {error}") from error
    return record
