"""What the threads of a run tell each other about a step: its turn has come, its work is over, it is committed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from artifactflow.runner.execution.step_execution import Execution, StepExecution
from artifactflow.runner.planning.planned import PlannedStep


@dataclass(frozen=True, slots=True)
class Turn:
    """A step whose turn has come: its position in the order, its plan, and when it began by the monotonic clock."""

    position: int
    planned: PlannedStep
    began: float


@dataclass(frozen=True, slots=True)
class Worked:
    """The work of a step is over; or, with no `execution`, it need not wait for another run any more."""

    turn: Turn
    execution: StepExecution | None
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """A step that can be committed: its execution, or the former one that is reused.

    With a `failure` there is nothing to register, and the failure is what is recorded.
    """

    turn: Turn
    execution: StepExecution | Execution
    failure: BaseException | None = None


Outcome = Execution | BaseException
"""What became of a step of the group: its run and versions, or why it could not be registered."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What the committing thread reports of a group: the outcome of each, or the `error` for which there is none."""

    group: Sequence[Finished]
    outcomes: Sequence[Outcome] = ()
    error: BaseException | None = None
