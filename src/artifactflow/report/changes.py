"""What another run is measured against, and which artifacts came out differently."""

from __future__ import annotations

import subprocess
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from artifactflow.artifact import ArtifactRef, Version
from artifactflow.errors import NotFoundError
from artifactflow.report.collect import previous_run
from artifactflow.report.drift import content_change
from artifactflow.runs import PipelineRun, RunStatus
from artifactflow.store import Store


@dataclass(frozen=True, slots=True)
class ArtifactChange:
    """An output of a step in two runs, None where that run did not make it, and what changed inside, in words."""

    step: str
    key: str
    before: Version | None
    now: Version | None
    content: str = ""


def baseline(store: Store, record: PipelineRun, against: str | None, folder: Path) -> PipelineRun | None:
    """The run to compare with: the last one that finished before `record`, or the one that `against` names.

    `against` is a run's id or the beginning of one, or a git revision of the repository around `folder`: then the
    newest run of a commit that is part of it. Raises NotFoundError where it names neither, or nothing ran there.
    """
    if against is None:
        return previous_run(store, record)
    try:
        return store.pipeline_run(against)
    except NotFoundError:
        commits = _commits(against, folder)
    if not commits:
        raise NotFoundError(
            f"{against!r} is neither a pipeline's run nor a git revision here",
            hint="artifactflow runs ls lists the runs; in CI, check out the history too (fetch-depth: 0)",
        )
    for candidate in store.pipeline_runs():
        source = candidate.facts.get("source") or {}
        there = source.get("commit") in commits and not source.get("dirty")
        another = candidate.pipeline == record.pipeline and candidate.id != record.id
        if there and another and candidate.status is RunStatus.FINISHED:
            return candidate
    raise NotFoundError(
        f"no run of {record.pipeline} at {against} has finished in this store",
        hint="run the pipeline there with the same store, or leave --against out for the previous run",
    )


def changed_artifacts(store: Store, before: PipelineRun, now: PipelineRun) -> tuple[ArtifactChange, ...]:
    """The outputs that are other versions than before, for the steps that both runs have, and those of new steps."""
    outputs_before, outputs_now = _outputs(before), _outputs(now)
    steps = {outcome.step for outcome in now.steps if outcome.outputs}
    keys = [key for key in dict.fromkeys([*outputs_now, *outputs_before]) if key[0] in steps]
    changes = []
    for key in keys:
        if outputs_before.get(key) != outputs_now.get(key):
            old, new = _version(store, outputs_before.get(key)), _version(store, outputs_now.get(key))
            content = content_change(store, old, new) if old and new else ""
            changes.append(ArtifactChange(*key, old, new, content))
    return tuple(changes)


def _outputs(record: PipelineRun) -> dict[tuple[str, str], str]:
    return {(outcome.step, key): ref for outcome in record.steps for key, ref in outcome.outputs.items()}


def _version(store: Store, ref: str | None) -> Version | None:
    if ref is None:
        return None
    try:
        return store.version(ArtifactRef.parse(ref))
    except NotFoundError:
        return None


def _commits(revision: str, folder: Path) -> Collection[str]:
    """The commit that a revision names and all before it; none where it names none."""
    found = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    return set(_git(folder, "rev-list", found[0])) if found else set()


def _git(folder: Path, *arguments: str) -> list[str]:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.split() if done.returncode == 0 else []
