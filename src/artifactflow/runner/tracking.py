"""Lets the trackers go along with a run: their processes are started with the first step that is executed."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from artifactflow.errors import ArtifactflowError, UsageError
from artifactflow.read.command import parse_command
from artifactflow.read.imports import imports_of, local_closure
from artifactflow.runner.binding import BoundPipeline, BoundStep
from artifactflow.runs import Run
from artifactflow.trackers import Settings
from artifactflow.trackers.choice import mlflow_address
from artifactflow.tracking import TrackerProcess, folder_of, has_open_runs
from artifactflow.tracking.questions import Questions

ANSWER_SECONDS: Final = 60.0
"""How long a step that logs to MLflow by itself waits for its run; without one it makes a run of its own."""

MLFLOW: Final = "mlflow"
MOST_FILES: Final = 200
_mentions = re.compile(rb"\bmlflow\b")


class Tracking:
    """A companion of one pipeline run: starts the tracker processes, and lets go of them when the run is over.

    They outlive it, unless `wait` says that everything is to be told first.
    """

    def __init__(self, root: Path, bound: BoundPipeline, settings: Settings, *, wait: bool = False) -> None:
        self.root = root
        self.bound = bound
        self.settings = settings
        self.wait = wait
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
                self._processes[name] = TrackerProcess(self.root, name, urgent=self.wait)
        for process in self._processes.values():
            process.release()
        if self.wait:
            for process in self._processes.values():
                process.wait()

    def environment(self, run: Run, bound: BoundStep, folder: Path) -> Mapping[str, str]:
        """What a step needs to log into its own run. One that does not import MLflow does not wait for anything."""
        self._start(run.pipeline_run_id or "")
        if MLFLOW not in self.settings or not imports_mlflow(bound):
            return {}
        process = self._processes[MLFLOW]
        questions = Questions(folder_of(self.root, MLFLOW))
        questions.ask(run)
        process.wake()
        given = questions.wait(run, ANSWER_SECONDS, process.is_alive) or {}
        project = Path(self.settings[MLFLOW]["project"])
        return {"MLFLOW_TRACKING_URI": mlflow_address(project, os.environ), **given}

    def left(self, run: Run, bound: BoundStep) -> None:
        """Nothing is to be done: trackers are told from the record."""

    def ended(self, run: Run, bound: BoundStep) -> Run:
        """The record stays as it is; the trackers look at it in a moment."""
        return run

    def _start(self, pipeline_run: str) -> None:
        with self._lock:
            for name in self.settings:
                if name not in self._processes:
                    urgent = self.wait or (name == MLFLOW and any(map(imports_mlflow, self.bound.steps)))
                    self._processes[name] = TrackerProcess(self.root, name, pipeline_run, urgent=urgent)


def imports_mlflow(bound: BoundStep) -> bool:
    """Whether the step's code imports MLflow, or its command names it. Nothing is imported to find out."""
    if bound.component.built_in:
        return False
    folder = bound.component.folder
    template = parse_command(bound.contract.command)
    if "mlflow" in bound.contract.command:
        return True
    mentioning = [file for file in _scripts(folder) if _mentions.search(_content(file))]
    if not mentioning:
        return False
    if template.script is None:
        return True  # `python -m`, pytest, a shell's commands: any of the files may be what runs
    try:
        return any(
            use.module == MLFLOW for file in local_closure(folder / template.script, folder) for use in imports_of(file)
        )
    except ArtifactflowError:
        return True  # broken code runs too, up to where it is broken


def _scripts(folder: Path) -> list[Path]:
    found = []
    for file in folder.rglob("*.py"):
        found.append(file)
        if len(found) == MOST_FILES:
            break
    return found


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


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
