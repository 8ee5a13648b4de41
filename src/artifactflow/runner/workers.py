"""The threads in which steps are executed, or wait for another run that executes the same."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from artifactflow.executors import Stop
from artifactflow.runner.execution.step_execution import StepExecution
from artifactflow.runner.interrupts import Interrupts
from artifactflow.runner.locks import RunLocks
from artifactflow.runner.nested.steps import CalledSteps
from artifactflow.runner.reports import Turn, Worked

LOCK_LOOK_SECONDS: Final = 0.1
"""How often a step looks whether another run has finished what it would do itself."""


class Workers:
    """As many threads as steps of the pipeline may run side by side; a called step has the thread of its call.

    `report` is called in these threads with what they have done. Close it when nothing runs any more.
    """

    def __init__(
        self,
        jobs: int,
        report: Callable[[Worked], None],
        *,
        called: CalledSteps,
        locks: RunLocks,
        stop: Stop,
        interrupts: Interrupts,
    ) -> None:
        self._pool = ThreadPoolExecutor(jobs, thread_name_prefix="step")
        self._report = report
        self._called = called
        self._locks = locks
        self._stop = stop
        self._interrupts = interrupts

    def close(self) -> None:
        """Let the threads end."""
        self._pool.shutdown()

    def execute(self, turn: Turn, execution: StepExecution) -> None:
        """Have a step executed in a thread, and reported."""
        self._called.submit(turn.position, lambda: self._report(self._executed(turn, execution)), self._pool)

    def execute_here(self, turn: Turn, execution: StepExecution) -> Worked:
        """Execute a step in this thread, where it may be interrupted."""
        try:
            with self._interrupts.allowed():
                return self._executed(turn, execution)
        except BaseException as error:
            return Worked(turn, execution, error)

    def wait_for_other(self, turn: Turn) -> None:
        """Have it reported when no other run executes the same any more."""
        self._called.submit(turn.position, lambda: self._waited(turn), self._pool)

    def _executed(self, turn: Turn, execution: StepExecution) -> Worked:
        try:
            execution.work(self._called.stop_of(turn.position, self._stop))
        except BaseException as error:
            return Worked(turn, execution, error)
        return Worked(turn, execution)

    def _waited(self, turn: Turn) -> None:
        cache_key = turn.planned.cache_key
        while not self._locks.try_acquire(cache_key):
            if self._called.stop_of(turn.position, self._stop).wait(LOCK_LOOK_SECONDS):
                break
        else:
            self._locks.release(cache_key)
        self._report(Worked(turn, None))
