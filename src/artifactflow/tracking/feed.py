"""Reads from the store what trackers are told, as values: they never see the store itself."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from artifactflow.errors import ArtifactflowError
from artifactflow.runs import PipelineRun, Run, RunStatus
from artifactflow.store import Store
from artifactflow.store.logs import log_place
from artifactflow.trackers import StoredFile, ToldPipeline, ToldStep, ToldVersion
from artifactflow.tracking.ledger import Kind, Ledger, State

SLACK: Final = timedelta(minutes=10)
"""A run is recorded a moment after the time that it says it started."""

MOST_FAILURES: Final = 5
"""After so many a run is left alone, so that the others are told; `artifactflow sync` tries it again."""

_PORTIONS: Final = (32, 1024, None)
_RECENT_RUNS: Final = 100
_LONGEST_LOG: Final = 4 * 1024 * 1024


class Feed:
    """What one tracker has still to be told of the runs in one store."""

    def __init__(self, store: Store, tracker: str, ledger: Ledger) -> None:
        self.store = store
        self.tracker = tracker
        self.ledger = ledger

    def mark(self) -> tuple[str, int]:
        """Where the journal ends: another answer means that something has happened."""
        segments = sorted((self.store.root / "journal").glob("*.log"))
        return (segments[-1].name, segments[-1].stat().st_size) if segments else ("", 0)

    def untold(self) -> list[PipelineRun]:
        """The pipeline runs that the tracker has not been told to the end, oldest first."""
        return [record for record in self._recent() if self._is_untold(record)]

    def settle(self) -> None:
        """Remember that nothing before the oldest untold run is left, so that it is not looked at again."""
        recent = self._recent()
        open_runs = [record for record in recent if self._concerns(record) and not self._is_told(record)]
        for oldest in (open_runs or recent[-1:])[:1]:
            self.ledger.told_before = (datetime.fromisoformat(oldest.started) - SLACK).isoformat()

    def _recent(self) -> list[PipelineRun]:
        """Those not known to be told, oldest first."""
        start = self.ledger.told_before
        for limit in _PORTIONS:
            records = self.store.pipeline_runs(limit)
            if limit is None or len(records) < limit or _before(records[-1].started, start):
                break
        return [record for record in reversed(records) if not _before(record.started, start)]

    def _concerns(self, record: PipelineRun) -> bool:
        return self.tracker in record.facts.get("tracking", {})

    def _is_told(self, record: PipelineRun) -> bool:
        entry = self.ledger.entry(Kind.PIPELINE, record.id)
        return entry is not None and entry.state is State.TOLD

    def _is_untold(self, record: PipelineRun) -> bool:
        if not self._concerns(record):
            return False
        entry = self.ledger.entry(Kind.PIPELINE, record.id)
        return entry is None or (entry.state is not State.TOLD and entry.failures < MOST_FAILURES)

    def untold_steps(self, record: PipelineRun) -> Iterator[Run]:
        """The steps of a pipeline run that were executed and have ended, and of which nothing was told yet."""
        for run in self._executed(record):
            entry = self.ledger.entry(Kind.STEP, run.id)
            if run.status is not RunStatus.RUNNING and (entry is None or entry.state is not State.TOLD):
                yield run

    def _executed(self, record: PipelineRun) -> list[Run]:
        if record.status is RunStatus.FINISHED or record.steps:
            own = [outcome.run_id for outcome in record.steps if outcome.decision in ("RUN", "FAILED", "STOPPED")]
            return [run for run in map(self._run, own) if run is not None]
        # The record lists its steps when it ends; one that was killed never does.
        recent = self.store.runs(_RECENT_RUNS if record.status is RunStatus.RUNNING else None)
        return sorted(
            (run for run in recent if run.pipeline_run_id == record.id), key=lambda run: (run.started, run.id)
        )

    def _run(self, run_id: str | None) -> Run | None:
        try:
            return self.store.run(run_id) if run_id else None
        except ArtifactflowError:
            return None  # of a step that was stopped before it had begun, or a store that was cleaned

    def step(self, run: Run) -> ToldStep:
        """The run with its versions and files. What is no longer in the store is left out."""
        return ToldStep(
            run,
            inputs=self._versions(run.inputs),
            outputs=self._versions(run.outputs),
            log=self._log(run.log),
        )

    def _log(self, log: str) -> bytes | None:
        """The log, of a long one the end."""
        try:
            with log_place(self.store.root, log).open() as (stream, size):
                stream.seek(max(size - _LONGEST_LOG, 0), os.SEEK_CUR)
                return stream.read(min(size, _LONGEST_LOG))
        except (OSError, ArtifactflowError):
            return None

    def _versions(self, refs: Mapping[str, str]) -> dict[str, ToldVersion]:
        told = {key: self._version(ref) for key, ref in refs.items() if ":v" in ref}
        return {key: version for key, version in told.items() if version is not None}

    def _version(self, ref: str) -> ToldVersion | None:
        try:
            version = self.store.version(ref)
            entries = self.store.tree(version.digest).entries
        except ArtifactflowError:
            return None
        files = tuple(
            StoredFile(entry.path, path, entry.size)
            for entry in entries
            if (path := self.store.object_path(entry.digest)).is_file()
        )
        return ToldVersion(version, files, self._aliases(ref)) if len(files) == len(entries) else None

    def _aliases(self, ref: str) -> tuple[str, ...]:
        name, _, number = ref.partition(":v")
        return tuple(alias for alias, at in self.store.aliases(name).items() if f"{at}" == number)

    def pipeline(self, record: PipelineRun) -> ToldPipeline:
        """The pipeline run with what the tracker calls the runs of its steps, as far as it was told of them."""
        links = {}
        for outcome in record.steps:
            entry = self.ledger.entry(Kind.STEP, outcome.run_id) if outcome.run_id else None
            if entry is not None and entry.tracked:
                links[outcome.step] = entry.tracked
            elif run_id := self._made_before(record, outcome.run_id):
                links[outcome.step] = run_id
        refs = [ref for outcome in record.steps for ref in outcome.outputs.values()]
        return ToldPipeline(record, links, {ref: self._aliases(ref) for ref in refs})

    def _made_before(self, record: PipelineRun, run_id: str | None) -> str:
        """The tracker's id of a run that a step made which called another by `mlflow.run`, in the same place."""
        run = self._run(run_id)
        made = run.facts.get(self.tracker, {}) if run is not None else {}
        same = made and made.get("address") == record.facts["tracking"][self.tracker].get("address")
        return str(made.get("run_id", "")) if same else ""


def _before(time: str, start: str) -> bool:
    return bool(start) and datetime.fromisoformat(time) < datetime.fromisoformat(start)
