"""One call of `mlflow.run` by a step: the component that is to run, and what its thread is told."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from artifactflow.executors import Stop
from artifactflow.plan import Decision
from artifactflow.runner.binding.bound import BoundStep
from artifactflow.runner.execution.step_execution import StepExecution
from artifactflow.runner.planning.planned import PlannedStep
from artifactflow.runner.tracking import MLFLOW
from artifactflow.runs import StepOutcome

LOOK_SECONDS: Final = 0.05


class CallStop(Stop):
    """Asks one call to end; so does the `Stop` of the whole run."""

    def __init__(self, outer: Stop) -> None:
        super().__init__()
        self._outer = outer

    def is_killing(self) -> bool:
        """Whether the time of asking is over."""
        return super().is_killing() or self._outer.is_killing()

    def is_set(self) -> bool:
        """Whether it was asked."""
        return super().is_set() or self._outer.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep, but not beyond being asked to stop; says whether it was."""
        deadline = time.monotonic() + seconds
        while not self.is_set() and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, LOOK_SECONDS))
        return self.is_set()


class Call:
    """One call: the step that it became, and what its thread is told.

    First it is planned, `agreed` being None. Then it is reused or run, as `agreed` says; `because` is the reason to run
    what the plan would reuse. `mlflow` is the run of MLflow's that was made for it.
    """

    def __init__(self, bound: BoundStep, caller: StepExecution, position: int, stop: Stop, notes: list[str]) -> None:
        self.bound = bound
        self.caller = caller
        self.caller_position = position
        self.stop = CallStop(stop)
        self.notes = notes
        self.planned: PlannedStep | None = None
        self.agreed: Decision | None = None
        self.because = ""
        self.mlflow: dict[str, str] = {}
        self.variables: dict[str, str] = {}
        self.told: queue.SimpleQueue[Callable[[], object] | BaseException | StepOutcome | None] = queue.SimpleQueue()

    def facts(self) -> dict[str, Any]:
        """What the record of its run says from the beginning: who called, and its run in MLflow."""
        run = self.caller.run
        return {"called_by": {"step": run.step, "run": run.id}, **({MLFLOW: self.mlflow} if self.mlflow else {})}

    def decided(self, planned: PlannedStep) -> PlannedStep:
        """The plan of the moment, with what was agreed on meanwhile."""
        if planned.decision is Decision.REUSE and self.because:
            return replace(planned, decision=Decision.RUN, reason=self.because, reused=None)
        return planned
