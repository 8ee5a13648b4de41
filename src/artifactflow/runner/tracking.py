"""Lets the trackers go along with a run: their processes are started with the first step that is executed."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from artifactflow.contract import Contract
from artifactflow.errors import ArtifactflowError, UsageError
from artifactflow.executors import Stop
from artifactflow.read.command import parse_command
from artifactflow.read.imports import imports_of, local_closure
from artifactflow.runner.binding.bound import BoundPipeline, BoundStep
from artifactflow.runner.mentions import is_mentioned, word_is_in
from artifactflow.runs import Run
from artifactflow.trackers import Settings
from artifactflow.trackers.choice import mlflow_address
from artifactflow.tracking.questions import Questions
from artifactflow.tracking.start import TrackerProcess, folder_of, has_open_runs

ANSWER_SECONDS: Final = 60.0
"""How long a step that logs to MLflow by itself waits for its run; without one it makes a run of its own."""

MLFLOW: Final = "mlflow"


class Tracking:
    """A companion of one pipeline run: starts the tracker processes, and lets go of them when the run is over.

    They outlive it, unless `wait` says that everything is to be told first. `warn` is told what a person should know.
    """

    def __init__(
        self, root: Path, bound: BoundPipeline, settings: Settings, warn: Callable[[str], None], *, wait: bool = False
    ) -> None:
        self.root = root
        self.bound = bound
        self.settings = settings
        self.warn = warn
        self.wait = wait
        self._impossible: set[str] = set()
        self._imports_mlflow: dict[tuple[Path, Contract], bool] = {}
        self._processes: dict[str, TrackerProcess] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in self.settings:
            # What an earlier run left, for a crash or a server that was down, is told though this one has nothing new.
            asked = self.wait or "register" in self.settings[name]
            if name not in self._processes and (asked or has_open_runs(self.root, name)):
                self._begin(name, "", urgent=self.wait)
        for process in self._processes.values():
            process.release()
        if self.wait:
            for process in self._processes.values():
                process.wait()

    def environment(self, run: Run, bound: BoundStep, folder: Path, stop: Stop) -> Mapping[str, str]:
        """What a step needs to log into its own run. One that does not import MLflow does not wait for anything."""
        self._start(run.pipeline_run_id or "")
        if MLFLOW not in self.settings or MLFLOW in run.facts or not self._logs_by_itself(bound):
            return {}  # or it has a run already, of whoever called it
        project = Path(self.settings[MLFLOW]["project"])
        address = {"MLFLOW_TRACKING_URI": mlflow_address(project, os.environ)}
        process = self._processes.get(MLFLOW)
        if process is None:
            return address
        questions = Questions(folder_of(self.root, MLFLOW))
        questions.ask(run)
        process.wake()
        given = questions.wait(run, ANSWER_SECONDS, lambda: process.is_alive() and not stop.is_set())
        return {**address, **(given or {})}

    def left(self, run: Run, bound: BoundStep) -> None:
        """Nothing is to be done: trackers are told from the record."""

    def ended(self, run: Run, bound: BoundStep) -> Run:
        """The record stays as it is; the trackers look at it in a moment."""
        return run

    def _start(self, pipeline_run: str) -> None:
        with self._lock:
            for name in self.settings:
                if name not in self._processes and name not in self._impossible:
                    urgent = self.wait or (name == MLFLOW and any(map(self._logs_by_itself, self.bound.steps)))
                    self._begin(name, pipeline_run, urgent=urgent)

    def _logs_by_itself(self, bound: BoundStep) -> bool:
        key = (bound.component.folder, bound.contract)
        if key not in self._imports_mlflow:
            self._imports_mlflow[key] = imports_mlflow(bound)
        return self._imports_mlflow[key]

    def _begin(self, name: str, pipeline_run: str, *, urgent: bool) -> None:
        try:
            self._processes[name] = TrackerProcess(self.root, name, pipeline_run, urgent=urgent)
        except OSError as error:  # no step is to fail for that
            self._impossible.add(name)
            self.warn(f"{name} is not told of this run: its process cannot be started: {error}")


def imports_mlflow(bound: BoundStep) -> bool:
    """Whether the step's code imports MLflow, or its command names it. Nothing is imported to find out."""
    if bound.component.built_in:
        return False
    if MLFLOW in bound.contract.command:
        return True
    folder = bound.component.folder
    script = parse_command(bound.contract.command).script
    if script is None:
        return is_mentioned(MLFLOW, folder)  # `python -m`, pytest, a shell's commands: any file may be what runs
    return any(word_is_in(MLFLOW, file) and _imports(file) for file in local_closure(folder / script, folder))


def _imports(file: Path) -> bool:
    try:
        return any(use.module == MLFLOW for use in imports_of(file))
    except ArtifactflowError:
        return True  # broken code runs too, up to where it is broken


def registered_models(texts: list[str], bound: BoundPipeline) -> dict[str, str]:
    """Which step's model is registered under which name: `NAME` for the only one, or `STEP=NAME`.

    Raises UsageError where the pipeline has no model, or several and the step is not said.
    """
    with_model = [step.name for step in bound.steps if any(slot.type == "model" for slot in step.outputs)]
    found: dict[str, str] = {}
    for text in texts:
        step, equals, name = text.rpartition("=")
        if not equals:
            if len(with_model) != 1:
                raise UsageError(
                    f"--register {text}: {bound.pipeline.name} has {len(with_model)} outputs of type model",
                    hint="say which: " + " or ".join(f"--register '{one}={text}'" for one in with_model[:3])
                    if with_model
                    else "an output is a model where its component says `type: model`",
                )
            step = with_model[0]
        if step not in with_model or not name:
            raise UsageError(
                f"--register {text}: no step {step!r} has an output of type model",
                hint=f"these have: {', '.join(with_model) or '(none)'}",
            )
        found[step] = name
    return found


def tracking_facts(settings: Settings) -> dict[str, Any]:
    """What the record of a pipeline run says of who is to be told."""
    return {"tracking": {name: dict(values) for name, values in settings.items()}} if settings else {}
