"""What goes along with the executions of a run: a companion gives a step's process something, or learns from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from artifactflow.executors import Stop
from artifactflow.runner.binding.bound import BoundStep
from artifactflow.runs import Run


class Companion(Protocol):
    """Accompanies every execution of one pipeline run; never a step that is reused."""

    def environment(self, run: Run, bound: BoundStep, folder: Path, stop: Stop) -> Mapping[str, str]:
        """Environment variables for the step's process; `folder` is the run's own.

        Called before each attempt in the step's own thread, several at once, and may wait there until `stop` is set.
        """

    def left(self, run: Run, bound: BoundStep) -> None:
        """The process is gone, and its files are still there. Called after each attempt in the step's own thread."""

    def ended(self, run: Run, bound: BoundStep) -> Run:
        """The record as it will be kept, with what the companion knows of the execution.

        Called once in the thread that commits, within the transaction that writes the record: so it may neither wait
        nor open another.
        """
