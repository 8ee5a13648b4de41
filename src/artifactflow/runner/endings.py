"""What becomes of a step once its work is over: it is committed, then told, and those that waited for it may start."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from artifactflow.artifact import Version
from artifactflow.errors import ArtifactflowError, InterruptedRunError
from artifactflow.executors import Stop
from artifactflow.pipeline import OutputOf
from artifactflow.plan import Decision
from artifactflow.runner.binding.bound import BoundStep
from artifactflow.runner.execution.step_execution import Execution, StepExecution
from artifactflow.runner.group_commit import GroupCommit, moved_aliases
from artifactflow.runner.means import Means
from artifactflow.runner.nested.steps import CalledSteps
from artifactflow.runner.numbering import Numbering
from artifactflow.runner.reports import Committed, Finished, Turn
from artifactflow.runner.scheduler import Scheduler
from artifactflow.runs import StepOutcome


class Endings:
    """Keeps the books of one run, in the thread that coordinates it.

    `known` are the outputs that steps may take by now, `outcomes` what became of the steps, by what sorts them, and
    `errors` why the run has failed. Where a failed step ends the run, `stop` is set, unless it is to `keep_going`.
    """

    def __init__(
        self,
        steps: Sequence[BoundStep],
        means: Means,
        scheduler: Scheduler,
        called: CalledSteps,
        commits: GroupCommit,
        stop: Stop,
        *,
        keep_going: bool,
    ) -> None:
        self.known: dict[OutputOf, Version] = {}
        self.outcomes: dict[tuple[int, ...], StepOutcome] = {}
        self.errors: list[ArtifactflowError] = []
        self._means = means
        self._scheduler = scheduler
        self._called = called
        self._commits = commits
        self._stop = stop
        self._keep_going = keep_going
        self._numbering = Numbering(steps)

    def succeeded(self, turn: Turn, execution: StepExecution) -> None:
        """A step did what its contract says: have it committed."""
        execution.pack_log()
        self._pass_on(turn.position, Finished(turn, execution))

    def reused(self, turn: Turn) -> None:
        """A step is not executed: the outputs of a former run serve, if it has any."""
        planned = turn.planned
        if planned.reused is None:
            self._end(turn.position, StepOutcome(planned.name, planned.decision.value, planned.reason))
            self._pass_on(turn.position, None)
            self._scheduler.settle(turn.position)
            return
        versions = {key: self._means.store.version(ref) for key, ref in planned.reused.outputs.items()}
        self._pass_on(turn.position, Finished(turn, Execution(planned.reused, versions)))

    def failed(self, turn: Turn, execution: StepExecution, error: BaseException) -> None:
        """Have it recorded that a step failed, and stop at once where that ends the run.

        Raises the error where it is a bug of ours.
        """
        execution.fail(error)
        self._commits.add(Finished(turn, execution, error))
        if isinstance(error, InterruptedRunError):
            return
        if not isinstance(error, ArtifactflowError):
            raise error
        told = self._called.error_of(turn.position, error)
        if told is None:
            return
        self.errors.append(told)
        if not self._keep_going:
            self._stop.set()

    def stopped(self, turn: Turn) -> None:
        """A step was stopped before it was executed."""
        self._ended_badly(turn, InterruptedRunError(f"step {turn.planned.name} was stopped"), None)

    def committed(self, committed: Committed) -> None:
        """A group is in the store, or part of it. Raises the error for which nothing of it is."""
        self._commits.settled(committed)
        if committed.error is not None:
            raise committed.error
        for finished, outcome in zip(committed.group, committed.outcomes, strict=True):
            if isinstance(outcome, Execution):
                self._settled(finished, outcome)
            elif not isinstance(finished.execution, StepExecution):
                continue  # the record of what is reused is there already
            elif finished.failure is None:
                self.failed(finished.turn, finished.execution, outcome)
            else:
                finished.execution.settle()
                self._ended_badly(finished.turn, outcome, finished.execution.run.id)

    def _pass_on(self, position: int, finished: Finished | None) -> None:
        """Let the step be committed, and the cells that waited for it; or hold it until those before it are."""
        for free in self._numbering.pass_on(position, finished):
            if isinstance(free.execution, Execution) and not self._moves_names(free.turn, free.execution):
                self._settled(free, free.execution)
            else:
                self._commits.add(free)

    def _moves_names(self, turn: Turn, reused: Execution) -> bool:
        """Whether reusing moves `latest`, as running would: it may have moved on, or be about to with a cell before."""
        return turn.planned.decision is Decision.REUSE and (
            (bool(turn.planned.bound.cell) and not self._commits.is_empty())
            or any(
                self._means.store.alias_state(name, alias).number != number
                for name, number, alias in moved_aliases(reused)
            )
        )

    def _settled(self, finished: Finished, execution: Execution) -> None:
        """What the step made is in the store: tell the observer and those that waited for it."""
        turn, planned = finished.turn, finished.turn.planned
        if isinstance(finished.execution, StepExecution):
            finished.execution.settle()
            self._means.locks.release(planned.cache_key)
        self.known |= {OutputOf(planned.name, key): version for key, version in execution.outputs.items()}
        self._means.planner.settled(planned.name, execution.run.id)
        outcome = StepOutcome(
            planned.name, planned.decision.value, planned.reason, execution.run.id, execution.run.outputs
        )
        self._end(turn.position, replace(outcome, seconds=time.monotonic() - turn.began))
        self._scheduler.settle(turn.position)

    def _ended_badly(self, turn: Turn, error: BaseException, run_id: str | None) -> None:
        """That the step failed, or was stopped, is in the store: tell the observer, and of all that needs it."""
        position, planned = turn.position, turn.planned
        self._means.locks.release(planned.cache_key)
        stopped = isinstance(error, (InterruptedRunError, KeyboardInterrupt))
        outcome = StepOutcome(planned.name, "STOPPED" if stopped else "FAILED", planned.reason, run_id)
        self._end(position, replace(outcome, seconds=time.monotonic() - turn.began))
        for dropped in self._scheduler.drop(position):
            name = self._scheduler.steps[dropped].name
            self._end(dropped, StepOutcome(name, "BLOCKED", f"needs {planned.name}"))
            self._pass_on(dropped, None)
        self._pass_on(position, None)

    def _end(self, position: int, outcome: StepOutcome) -> None:
        self.outcomes[self._scheduler.order(position)] = outcome
        self._means.observer.step_ended(outcome)
        self._called.ended(position, outcome)
