"""Goes along with the executions of a run, so that their processes find the local store behind W&B's interface."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from artifactflow.contract import Contract
from artifactflow.executors import Stop
from artifactflow.runner.binding.bound import BoundPipeline, BoundStep
from artifactflow.runner.bridge.line import LINE_VARIABLE, TOKEN_VARIABLE, Caller, Line, Operation
from artifactflow.runner.bridge.reach import Reach, reach_of, steps_that_log
from artifactflow.runner.bridge.uses import STAGING_FOLDER, Uses
from artifactflow.runner.bridge.variables import step_variables
from artifactflow.runs import Run, RunStatus
from artifactflow.store import Store
from artifactflow.trackers.choice import has_wandb_key

UNREACHED = (
    "it imports wandb, but its interpreter was started so that it does not see the local store "
    "(python -I, -E or -S, or env -i, or another PYTHONPATH in its command)"
)


class Bridge:
    """The companion (see `Companion`) of one pipeline run; close it when the run is over.

    `operations` are further ones, beside those on artifacts. `warn` is told what a person should know.
    """

    def __init__(
        self,
        store: Store,
        pipeline: BoundPipeline,
        warn: Callable[[str], None],
        operations: Mapping[str, Operation] | None = None,
    ) -> None:
        self.store = store
        self.warn = warn
        self._pipeline = pipeline
        self._operations: dict[str, Operation] = {
            "hello": self._hello,
            "note_run": self._note_run,
            "not_repeatable": self._not_repeatable,
            **(operations or {}),
        }
        self._lock = threading.Lock()
        self._line: Line | None = None
        self._tokens: dict[str, str] = {}  # by run
        self._left: dict[str, Uses] = {}
        self._reaches: dict[tuple[Path, Contract], Reach] = {}

    def environment(self, run: Run, bound: BoundStep, folder: Path, stop: Stop) -> Mapping[str, str]:
        """The socket, a token, our `sitecustomize` and places for W&B's files; nothing for a step without wandb."""
        if self._reach(bound) is Reach.NO:
            return {}
        with self._lock:
            if self._line is None:
                self._line = self._opened()
            if run.id in self._tokens:  # an attempt that failed
                self._line.dismiss(self._tokens[run.id])
            token = self._tokens[run.id] = self._line.admit(Caller(run, bound, folder))
        variables = {LINE_VARIABLE: str(self._line.path), TOKEN_VARIABLE: token}
        return variables | step_variables(os.environ, self.store.root, folder)

    def left(self, run: Run, bound: BoundStep) -> None:
        """Answer what is left of the step no more, and look at what it did to what it used."""
        with self._lock:
            token = self._tokens.pop(run.id, None)
            line = self._line
        caller = line.dismiss(token) if line is not None and token is not None else None
        if line is None or token is None or caller is None:
            return
        shutil.rmtree(caller.folder / STAGING_FOLDER, ignore_errors=True)
        uses = caller.uses
        with uses.lock:
            uses.not_repeatable += [f"it changed {path}, which it used" for path in uses.changed_inputs()]
            uses.was_reached = bool(uses.processes) or line.was_reached(token)
        self._left[run.id] = uses

    def ended(self, run: Run, bound: BoundStep) -> Run:
        """The record with what the step has used and logged; without a cache key where it must not be reused."""
        uses = self._left.pop(run.id, None)
        if uses is None:
            return run
        with uses.lock:
            reasons = uses.not_repeatable
            was_reached = uses.was_reached or run.facts.get("process") == "warm"
            if not was_reached and self._reach(bound) is Reach.YES:
                reasons.append(UNREACHED)
            if not (uses.processes or uses.logged or uses.resolved or reasons):
                return run
            if reasons and run.status is RunStatus.FINISHED:
                self.warn(f"step {run.step} cannot be reused: {reasons[0]}")
            return replace(
                run,
                inputs={**run.inputs, **uses.inputs},
                outputs={**uses.outputs, **run.outputs},
                cache_key="" if reasons else run.cache_key,
                facts={**run.facts, "wandb": uses.to_json()},
            )

    def close(self) -> None:
        """Answer no more."""
        with self._lock:
            if self._line is not None:
                self._line.close()
                self._line = None

    def _opened(self) -> Line:
        # Where nothing is executed, or nothing with wandb, nobody is to wait until it is imported.
        from artifactflow.runner.bridge.artifacts import ArtifactOperations

        artifacts = ArtifactOperations(self.store, lambda name: steps_that_log(self._pipeline.steps, name))
        return Line({**artifacts.table(), **self._operations}, self.store.root / "tmp")

    def _reach(self, bound: BoundStep) -> Reach:
        key = (bound.component.folder, bound.contract)
        if key not in self._reaches:
            self._reaches[key] = reach_of(bound.component, bound.contract)
        return self._reaches[key]

    # operations

    def _hello(self, caller: Caller, asked: Mapping[str, Any]) -> dict[str, Any]:
        """A process has imported wandb: who it is, and what it should know."""
        with caller.uses.lock:
            caller.uses.processes.append(dict(asked))
        return {"staging": str(caller.folder / STAGING_FOLDER), "account": has_wandb_key(os.environ)}

    def _note_run(self, caller: Caller, asked: Mapping[str, Any]) -> None:
        """An offline W&B run was begun in `folder`."""
        with caller.uses.lock:
            caller.uses.runs.append(dict(asked))

    def _not_repeatable(self, caller: Caller, asked: Mapping[str, Any]) -> None:
        """Something happened that a plan cannot know of: the step is not to be reused, for that `reason`."""
        with caller.uses.lock:
            caller.uses.not_repeatable.append(str(asked["reason"]))
