"""Which versions may go: those that no rule keeps, no alias names, and nothing that is kept was made from.

A version that is kept keeps what it was made from directly, so that it can always be opened beside it. What that in
turn was made from may go: its lineage still names it, as removed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from artifactflow.artifact import Version
from artifactflow.runs import RunStatus
from artifactflow.store import queries
from artifactflow.store.at_work import at_work, kept_versions
from artifactflow.store.transaction import Transaction

REASON: Final = "artifacts gc"


@dataclass(frozen=True, slots=True)
class Rules:
    """Keep the newest `keep` versions of each artifact and those registered `since` (UTC, ISO 8601).

    Without either, every version is kept; those that came after `young` are, whatever the rules say.
    """

    keep: int | None = None
    since: str | None = None
    young: str | None = None

    def kept(self, versions: Sequence[Version]) -> list[Version]:
        """Of the versions of one artifact, ordered by number, those that a rule keeps."""
        if self.keep is None and self.since is None:
            return list(versions)
        newest = versions[-self.keep :] if self.keep else ()
        moments = [moment for moment in (self.since, self.young) if moment is not None]
        return [
            version for version in versions if version in newest or any(version.created >= moment for moment in moments)
        ]


@dataclass(frozen=True, slots=True)
class Retirement:
    """The versions to retire, and those that may be made from them all the same."""

    versions: tuple[Version, ...]
    not_protecting: frozenset[str]


def plan_retirement(connection: sqlite3.Connection, rules: Rules, running: Iterable[Path] = ()) -> Retirement:
    """What the rules retire; `running` are the folders of the pipeline runs that run now."""
    by_name: dict[str, list[Version]] = {}
    for version in queries.versions(connection):
        by_name.setdefault(version.name, []).append(version)
    kept: set[str] = set()
    for folder in running:
        kept |= {ref for run in at_work(folder) for ref in run.inputs.values()}
        kept.update(_made_by(connection, folder.name))
        kept |= kept_versions(folder)
    for name, versions in by_name.items():
        kept |= {version.ref for version in rules.kept(versions)}
        kept |= {f"{name}:v{number}" for number in queries.aliases(connection, name).values()}
    parents = _parents(connection, kept) if len(kept) else set()
    retired = [version for versions in by_name.values() for version in versions if version.ref not in kept | parents]
    return Retirement(tuple(retired), frozenset({version.ref for version in retired} | (parents - kept)))


def _made_by(connection: sqlite3.Connection, pipeline_run: str) -> Iterator[str]:
    """What the steps of a pipeline run have made: those that come may need it, though nobody has it as an input yet."""
    rows = connection.execute(
        "SELECT runs.record FROM pipeline_runs AS around JOIN runs ON runs.started >= around.started "
        "WHERE around.id = ? AND runs.status = ?",
        (pipeline_run, RunStatus.FINISHED.value),
    )
    for (text,) in rows:
        run = json.loads(text)
        if run["pipeline_run"] == pipeline_run:
            yield from run["outputs"].values()


def _parents(connection: sqlite3.Connection, kept: set[str]) -> set[str]:
    """What the versions in `kept` were made from, by any run that made them."""
    found: set[str] = set()
    rows = connection.execute("SELECT record FROM runs WHERE status = ?", (RunStatus.FINISHED.value,))
    for (text,) in rows:
        run = json.loads(text)
        if run["inputs"] and not kept.isdisjoint(run["outputs"].values()):
            found |= set(run["inputs"].values())
    return found


def retire(change: Transaction, versions: Iterable[Version], plan: Retirement) -> list[Version]:
    """Remove versions in one transaction, but for those that came to be needed since the plan was made."""
    removed = []
    for version in versions:
        needed_by = set(change.needed_by(version.name, version.number)) - plan.not_protecting
        if not needed_by and change.has(version.name, version.number):
            removed.append(change.remove(version.name, version.number, reason=REASON))
    return removed
