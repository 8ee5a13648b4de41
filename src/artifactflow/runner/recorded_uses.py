"""What steps used of the store while they ran, and whether that still holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from artifactflow.errors import NotFoundError
from artifactflow.runner.bridge.names import ALL_VERSIONS, parse_reference
from artifactflow.runs import Run
from artifactflow.store import Store


def reusable_run(store: Store, cache_key: str) -> tuple[Run | None, list[str]]:
    """The newest finished run with the key whose uses hold.

    Where none holds: the newest of all, with what has changed. `(None, [])` where nothing has run with that key.
    """
    newest: Run | None = None
    changes: list[str] = []
    for run in store.cached_runs(cache_key):
        found = changed_uses(run, store)
        if not found:
            return run, []
        if newest is None:
            newest, changes = run, found
    return newest, changes


def changed_uses(run: Run, store: Store) -> list[str]:
    """What a run asked for by name that means something else by now: `input sample.csv:latest: v3 → v4`."""
    return [
        f"input {asked}: {_shown(before)} → {_shown(now)}"
        for asked, before in _recorded(run).get("resolved", {}).items()
        if (now := resolve(store, asked)) != before
    ]


def why_not_reused(run: Run | None) -> str:
    """What a run did that a plan cannot find out about, so that it is never reused; empty where it did nothing such."""
    if run is None:
        return ""
    reasons = _recorded(run).get("not_repeatable", ())
    return str(reasons[0] if reasons else run.facts.get("not_reused", ""))


def resolve(store: Store, asked: str) -> str:
    """What a reference means now: `name:v3`, or "" where there is no such version; of `name:*`, all its versions."""
    ref = parse_reference(asked)
    if asked.endswith(f":{ALL_VERSIONS}"):
        return " ".join(version.ref for version in store.versions(ref.name))
    try:
        return store.version(ref).ref
    except NotFoundError:
        return ""


def logged_aliases(run: Run) -> Iterator[tuple[str, int, str]]:
    """The aliases that a run has set by itself: the artifact, the version's number, the alias."""
    yield from (tuple(alias) for alias in _recorded(run).get("aliases", ()))


def _recorded(run: Run) -> Mapping[str, Any]:
    recorded: Mapping[str, Any] = run.facts.get("wandb", {})
    return recorded


def _shown(refs: str) -> str:
    return " ".join(ref.partition(":")[2] for ref in refs.split()) or "(none)"
