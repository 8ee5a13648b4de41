"""One run of a pipeline: plans each step when its turn has come, and reuses or executes it."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, replace

from artifactflow.artifact import Version
from artifactflow.errors import ArtifactflowError, InterruptedRunError, StepFailedError
from artifactflow.executors import Stop
from artifactflow.fetch.git import working_state
from artifactflow.pipeline import OutputOf, Stored
from artifactflow.plan import Decision
from artifactflow.runner.binding import BoundPipeline
from artifactflow.runner.companions import Companion
from artifactflow.runner.events import Observer
from artifactflow.runner.execute import Execution, StepExecution
from artifactflow.runner.group_commit import Committed, Finished, GroupCommit, moved_aliases
from artifactflow.runner.interrupts import Interrupts
from artifactflow.runner.locks import RunLocks
from artifactflow.runner.nested import Call, NestedCalls
from artifactflow.runner.nested_steps import CalledSteps
from artifactflow.runner.options import ChooseExecutor, Options
from artifactflow.runner.planner import PlannedStep, Planner, needed_by
from artifactflow.runner.record import RecordKeeper
from artifactflow.runner.scheduler import Scheduler
from artifactflow.runner.space import RunSpace
from artifactflow.runs import PipelineRun, StepOutcome
from artifactflow.store import Store

LOCK_LOOK_SECONDS = 0.1
"""How often a step looks whether another run has finished what it would do itself."""


@dataclass(frozen=True, slots=True)
class _Worked:
    """What a worker thread reports: the work of a step is over, or it need not wait for another run any more."""

    position: int
    execution: StepExecution | None
    error: BaseException | None = None


class PipelineExecution:
    """One run. The thread that calls `run` plans, and tells the observer of starts and ends; see also `GroupCommit`."""

    def __init__(
        self,
        bound: BoundPipeline,
        store: Store,
        locks: RunLocks,
        options: Options,
        selected: Collection[str],
        observer: Observer,
        *,
        planner: Planner,
        choose_executor: ChooseExecutor,
        nested: NestedCalls,
        companions: Sequence[Companion] = (),
    ) -> None:
        self.bound = bound
        self.store = store
        self.locks = locks
        self.options = options
        self.selected = selected
        self.observer = observer
        self.choose_executor = choose_executor
        self.nested = nested
        self.companions = companions
        self.planner = planner
        self.scheduler = Scheduler(bound.steps)
        self.stop = Stop()
        self.known: dict[OutputOf, Version] = {}
        self.outcomes: dict[tuple[int, ...], StepOutcome] = {}
        self.errors: list[ArtifactflowError] = []
        self.reports: queue.SimpleQueue[_Worked | Committed | Call | None] = queue.SimpleQueue()
        nested.connect(self.reports.put, self.stop)
        self.interrupts = Interrupts(lambda: self.reports.put(None))
        self.running: dict[int, tuple[PlannedStep, float]] = {}
        self.left_out: dict[int, PlannedStep] = {}
        self.held: dict[int, Finished | None] = {}
        self.commits = GroupCommit(store, self.reports.put)
        self.source = options.source or working_state(bound.pipeline.folder)
        self.keeper = RecordKeeper(bound, store, options.tracking, self.source)
        self.called = CalledSteps(self.scheduler, planner, observer, self.keeper)
        self.space = RunSpace(store, self.keeper.record.id)
        # As they are now: a step that runs in this process may change them while another is started.
        self.variables = dict(os.environ)

    def run(self) -> PipelineRun:
        """Run all of it. Raises as `run_pipeline` does."""
        self._refuse_what_is_missing()
        selected = [step for step in self.bound.steps if step.step.name in self.selected]
        self.planner.environments.tell(selected, self.observer)
        try:
            with (
                self.interrupts,
                closing(self.space),
                closing(self.commits),
                self.keeper.kept(self.locks, self.outcomes),
            ):
                self._run_steps()
                self._raise_errors()
        except KeyboardInterrupt as error:
            raise InterruptedRunError(
                "the run was stopped", hint=f"what is finished is kept; go on with: {self._rerun()}"
            ) from error
        return self.keeper.record

    def _refuse_what_is_missing(self) -> None:
        """Raise NotFoundError for a stored artifact, or for the outputs of a step left out, before anything runs."""
        needed = needed_by(self.bound.steps, self.selected)
        for position, step in enumerate(self.bound.steps):
            if step.step.name not in self.selected:
                self.left_out[position] = self.planner.skip(step, needed=step.name in needed)
                continue
            for source in step.inputs.values():
                if isinstance(source, Stored):
                    self.store.version(source.ref)

    def _rerun(self) -> str:
        return self.options.rerun or "the same command again"

    # the loop

    def _run_steps(self) -> None:
        jobs = self.options.jobs or os.cpu_count() or 1
        with ThreadPoolExecutor(jobs, thread_name_prefix="step") as pool:
            try:
                while True:
                    idle = self.stop.is_set()
                    self.called.start_ready(lambda position: self._start(position, pool))
                    while self.called.places_taken(self.running) < jobs and not idle and self.reports.empty():
                        position = self.scheduler.next_ready()
                        if position is not None:
                            self._start(position, pool)
                        idle = position is None or self.stop.is_set()
                    if idle or self.called:  # who has called waits
                        self.commits.hurry()
                    if not self.running and self.commits.is_empty():
                        return
                    self._take_report(pool)
            except BaseException:
                self._stop_all(pool)
                raise

    def _take_report(self, pool: ThreadPoolExecutor) -> None:
        """Wait until a step's work is over, a group is committed, or somebody wants to stop."""
        report = self.reports.get()
        if isinstance(report, Committed):
            self._committed(report)
        elif isinstance(report, Call):
            self.called.serve(report, self.known, lambda position: self._start(position, pool), self._reuse)
        elif report is not None:
            self._after(report, pool)
        self.interrupts.check()

    def _stop_all(self, pool: ThreadPoolExecutor) -> None:
        """End what runs, keep what is finished and the record of each; a second Ctrl-C kills instead of asking."""
        self.stop.set()
        while self.running or not self.commits.is_empty():
            self.commits.hurry()
            try:
                # An error has been raised before; what the others did still has to be kept.
                with suppress(Exception):
                    self.called.start_ready(lambda position: self._start(position, pool))
                    self._take_report(pool)
            except KeyboardInterrupt:
                self.stop.kill()

    def _start(self, position: int, pool: ThreadPoolExecutor) -> None:
        step = self.scheduler.steps[position]
        clock = time.monotonic()
        if position in self.left_out:
            self._reuse(position, self.left_out[position], clock)
            return
        with self.interrupts.allowed():
            planned = self.called.decided(position, self.planner.plan(step, self.known))
        if planned.decision is Decision.REUSE:
            self._reuse(position, planned, clock)
        else:
            self._execute(position, planned, clock, pool)

    def _execute(self, position: int, planned: PlannedStep, clock: float, pool: ThreadPoolExecutor) -> None:
        with self.interrupts.allowed():
            executor = self.choose_executor(planned.bound)
        if not self.locks.try_acquire(planned.cache_key):
            self.running[position] = (planned, clock)
            self.observer.step_printed(planned.name, "another run is doing the same: waiting for it")
            self.called.submit(position, lambda: self._wait_for_other(position, planned), pool)
            return
        self.observer.step_started(planned.name, planned.reason)
        execution = StepExecution(
            self.store,
            self.space,
            planned,
            executor,
            self.observer,
            pipeline=self.bound.pipeline.name,
            parent=self.keeper.record.id,
            facts=self.source,
            variables=self.variables,
            companions=self.companions,
            known=self.called.facts(position),
        )
        self.nested.serve(position, execution, self.called.of(position))
        self.running[position] = (planned, clock)
        try:
            execution.prepare()
        except ArtifactflowError as error:
            self._after(_Worked(position, execution, error), pool)
            return
        if executor.in_this_thread:
            self._after(self._worked(position, execution), pool)
        else:
            self.called.submit(position, lambda: self.reports.put(self._worked(position, execution)), pool)

    # in threads

    def _worked(self, position: int, execution: StepExecution) -> _Worked:
        error: BaseException | None = None
        stop = self.called.stop_of(position, self.stop)
        try:
            if execution.executor.in_this_thread:
                with self.interrupts.allowed():
                    execution.work(stop)
            else:
                execution.work(stop)
        except BaseException as raised:
            error = raised
        return _Worked(position, execution, error)

    def _wait_for_other(self, position: int, planned: PlannedStep) -> None:
        while not self.locks.try_acquire(planned.cache_key):
            if self.called.stop_of(position, self.stop).wait(LOCK_LOOK_SECONDS):
                break
        else:
            self.locks.release(planned.cache_key)
        self.reports.put(_Worked(position, None))

    # back in the thread of `run`

    def _after(self, worked: _Worked, pool: ThreadPoolExecutor) -> None:
        position = worked.position
        planned, clock = self.running.pop(position)
        self.scheduler.release(position)
        if worked.execution is None and not self.stop.is_set():
            self._start(position, pool)
        elif worked.execution is None:
            stopped = InterruptedRunError(f"step {planned.name} was stopped")
            self._ended_badly(position, planned, stopped, None, clock)
        elif worked.error is not None:
            self._fail(position, planned, worked.execution, worked.error, clock)
        else:
            worked.execution.pack_log()
            self._number_in_order(position, Finished(position, planned, clock, worked.execution))

    def _reuse(self, position: int, planned: PlannedStep, clock: float) -> None:
        self.scheduler.release(position)
        if planned.reused is None:
            self._end(position, StepOutcome(planned.name, planned.decision.value, planned.reason))
            self._number_in_order(position, None)
            self.scheduler.settle(position)
            return
        versions = {key: self.store.version(ref) for key, ref in planned.reused.outputs.items()}
        self._number_in_order(position, Finished(position, planned, clock, Execution(planned.reused, versions)))

    def _number_in_order(self, position: int, finished: Finished | None) -> None:
        """Let the step be committed, and the cells that waited for it; or hold it until those before it are.

        None stands for one that failed: it has no versions to number, and nobody has to wait for them.
        """
        if not self.scheduler.may_number(position):
            self.held[position] = finished
            return
        while True:
            if finished is not None:
                self._number(finished)
            following = self.scheduler.number(position)
            if following is None or following not in self.held:
                return
            position, finished = following, self.held.pop(following)

    def _number(self, finished: Finished) -> None:
        if isinstance(finished.execution, Execution) and not self._moves_names(finished, finished.execution):
            self._settled(finished, finished.execution)
        else:
            self.commits.add(finished)

    def _moves_names(self, finished: Finished, reused: Execution) -> bool:
        """Whether reusing moves `latest`, as running would: it may have moved on, or be about to with a cell before."""
        return finished.planned.decision is Decision.REUSE and (
            (bool(finished.planned.bound.cell) and not self.commits.is_empty())
            or any(
                self.store.alias_state(name, alias).number != number for name, number, alias in moved_aliases(reused)
            )
        )

    def _committed(self, committed: Committed) -> None:
        self.commits.settled(committed)
        if committed.error is not None:
            raise committed.error
        for finished, outcome in zip(committed.group, committed.outcomes, strict=True):
            if isinstance(outcome, Execution):
                self._settled(finished, outcome)
            elif not isinstance(finished.execution, StepExecution):
                continue  # the record of what is reused is there already
            elif finished.failure is None:
                self._fail(finished.position, finished.planned, finished.execution, outcome, finished.clock)
            else:
                finished.execution.settle()
                self._ended_badly(
                    finished.position, finished.planned, outcome, finished.execution.run.id, finished.clock
                )

    def _settled(self, finished: Finished, execution: Execution) -> None:
        """What the step made is in the store: tell the observer and those that waited for it."""
        planned = finished.planned
        if isinstance(finished.execution, StepExecution):
            finished.execution.settle()
            self.locks.release(planned.cache_key)
        self.known |= {OutputOf(planned.name, key): version for key, version in execution.outputs.items()}
        self.planner.settled(planned.name, execution.run.id)
        outcome = StepOutcome(
            planned.name, planned.decision.value, planned.reason, execution.run.id, execution.run.outputs
        )
        self._end(finished.position, replace(outcome, seconds=time.monotonic() - finished.clock))
        self.scheduler.settle(finished.position)

    def _fail(
        self, position: int, planned: PlannedStep, execution: StepExecution, error: BaseException, clock: float
    ) -> None:
        """Have it recorded that a step failed, and stop at once where that ends the run."""
        execution.fail(error)
        self.commits.add(Finished(position, planned, clock, execution, error))
        if isinstance(error, InterruptedRunError):
            return
        if not isinstance(error, ArtifactflowError):
            raise error
        told = self.called.error_of(position, error)
        if told is None:
            return
        self.errors.append(told)
        if not self.options.keep_going:
            self.stop.set()

    def _ended_badly(
        self, position: int, planned: PlannedStep, error: BaseException | None, run_id: str | None, clock: float
    ) -> None:
        """That the step failed, or was stopped, is in the store: tell the observer, and of all that needs it."""
        self.locks.release(planned.cache_key)
        stopped = isinstance(error, (InterruptedRunError, KeyboardInterrupt))
        outcome = StepOutcome(planned.name, "STOPPED" if stopped else "FAILED", planned.reason, run_id)
        self._end(position, replace(outcome, seconds=time.monotonic() - clock))
        for dropped in self.scheduler.drop(position):
            self._end(dropped, StepOutcome(self.bound.steps[dropped].name, "BLOCKED", f"needs {planned.name}"))
            self._number_in_order(dropped, None)
        self._number_in_order(position, None)

    def _end(self, position: int, outcome: StepOutcome) -> None:
        self.outcomes[self.scheduler.order(position)] = outcome
        self.observer.step_ended(outcome)
        self.called.ended(position, outcome)

    def _raise_errors(self) -> None:
        if not self.errors:
            return
        first, *more = self.errors
        if not more:
            if isinstance(first, StepFailedError):
                first.hint = f"{first.hint}\nhint: what is finished is kept; go on with: {self._rerun()}"
            raise first
        messages = "\n".join(f"- {error.message}" for error in self.errors)
        raise StepFailedError(
            f"{len(self.errors)} steps failed:\n{messages}",
            hint=f"what is finished is kept; go on with: {self._rerun()}",
        )
