"""Tells one tracker all that it does not know yet, so that a crash at any moment loses and doubles nothing."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import Any, Final

from artifactflow.errors import ArtifactflowError, OutsideError
from artifactflow.runs import PipelineRun, Run, RunStatus
from artifactflow.store import Store
from artifactflow.trackers import Tracker, new_tracker
from artifactflow.tracking.feed import Feed
from artifactflow.tracking.ledger import Entry, Kind, Ledger, State
from artifactflow.tracking.questions import Questions
from artifactflow.tracking.start import LEDGER

PAUSE_SECONDS: Final = 30.0
"""How long somebody who could not be reached is left in peace."""

_log = logging.getLogger(__name__)


class Teller:
    """Tells one tracker of the runs in one store; `folder` is where it keeps what it has to remember."""

    def __init__(self, store: Store, name: str, folder: Path) -> None:
        self.store = store
        self.name = name
        self.ledger = Ledger(folder / LEDGER)
        self.feed = Feed(store, name, self.ledger)
        self.questions = Questions(folder)
        self.told = 0
        self.error = ""
        self._trackers: dict[str, Tracker] = {}
        self._unreachable: dict[str, tuple[float, OutsideError]] = {}
        self._failed: set[str] = set()

    def tell(self, gone: str = "") -> None:
        """Tell what there is to tell now. `gone` is a pipeline run whose process is known to have ended."""
        self.answer_questions()
        for record in self.feed.untold():
            if record.id in self._failed:
                continue
            try:
                self._tell_pipeline(record, gone=record.id == gone)
            except OutsideError as error:
                self._note(error)
            except Exception as error:  # a library's errors are of any kind, and one run must not keep back the others
                _log.exception("%s could not be told of %s", self.name, record.id)
                self._note(error)
                self._failed.add(record.id)
                self.ledger.failed(Kind.PIPELINE, record.id)

    def answer_questions(self) -> None:
        """Give the steps that log by themselves their runs: they wait for it."""
        for run in self.questions.open():
            try:
                self.questions.answer(run.id, self._begin(run))
            except Exception as error:
                _log.exception("%s has no run for step %s", self.name, run.step)
                self._note(error)
                self.questions.answer(run.id, None)

    def waiting(self) -> int:
        """How many pipeline runs are left to tell."""
        return len(self.feed.untold())

    def close(self) -> None:
        """Say goodbye, and remember where everything is told."""
        self.feed.settle()
        for tracker in self._trackers.values():
            try:
                tracker.close()
            except Exception as error:  # what was told is told, however its library ends
                _log.exception("%s did not end well", self.name)
                self._note(error)
        self.ledger.close()

    def _note(self, error: Exception) -> None:
        if isinstance(error, ArtifactflowError):
            self.error = error.message
        else:
            said = str(error).strip().splitlines() or [""]
            self.error = f"{type(error).__name__}: {said[0]}"

    # one pipeline run

    def _tell_pipeline(self, record: PipelineRun, *, gone: bool) -> None:
        tracker = self._tracker(record)
        tracked = self._opened(tracker, record)
        for run in self.feed.untold_steps(record):
            self.answer_questions()
            self._tell_step(tracker, run, tracked)
        if record.status is RunStatus.RUNNING and not gone:
            return
        for entry in self.ledger.open_steps(record.id):
            tracker.abandon_step(entry.tracked)
            self.ledger.told(Kind.STEP, entry.id, entry.tracked)
            self.questions.forget(entry.id)
        tracker.close_pipeline(tracked, self.feed.pipeline(record))
        self.ledger.told(Kind.PIPELINE, record.id, tracked)
        self.told += 1

    def _opened(self, tracker: Tracker, record: PipelineRun) -> str:
        entry = self.ledger.entry(Kind.PIPELINE, record.id)
        if entry is not None and entry.state is not State.OPENING:
            return entry.tracked
        again = self.ledger.opening(Kind.PIPELINE, record.id, record.id)
        tracked = tracker.open_pipeline(record, again=again)
        self.ledger.opened(Kind.PIPELINE, record.id, tracked)
        return tracked

    def _tell_step(self, tracker: Tracker, run: Run, pipeline: str) -> None:
        entry = self.ledger.entry(Kind.STEP, run.id)
        again = self.ledger.opening(Kind.STEP, run.id, run.pipeline_run_id or "")
        tracked = tracker.tell_step(self.feed.step(run), pipeline, _begun(entry), again=again)
        self.ledger.told(Kind.STEP, run.id, tracked)
        self.questions.forget(run.id)

    def _begin(self, run: Run) -> dict[str, str] | None:
        record = self.store.pipeline_run(run.pipeline_run_id or "")
        if record.status is not RunStatus.RUNNING:
            return None  # whoever asked is gone
        tracker = self._tracker(record)
        pipeline = self._opened(tracker, record)
        again = self.ledger.opening(Kind.STEP, run.id, record.id)
        begun = tracker.begin_step(run, pipeline, again=again)
        if begun is None:
            return None
        self.ledger.opened(Kind.STEP, run.id, begun.tracked)
        return dict(begun.variables)

    def _tracker(self, record: PipelineRun) -> Tracker:
        """The connected tracker for the settings of a run. Raises OutsideError where it cannot be reached."""
        settings: dict[str, Any] = dict(record.facts["tracking"][self.name])
        settings.pop("register", None)
        key = json.dumps(settings, sort_keys=True)
        if key in self._trackers:
            return self._trackers[key]
        since, error = self._unreachable.get(key, (0.0, None))
        if error is not None and time.monotonic() - since < PAUSE_SECONDS:
            raise error
        tracker = new_tracker(self.name, settings, self.store.root)
        try:
            tracker.connect()
        except OutsideError as raised:
            self._unreachable[key] = (time.monotonic(), raised)
            raise
        self._trackers[key] = tracker
        return tracker


def _begun(entry: Entry | None) -> str | None:
    return entry.tracked if entry is not None and entry.state is State.OPEN else None
