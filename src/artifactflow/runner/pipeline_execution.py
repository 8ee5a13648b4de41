"""One run of a pipeline: plans each step when its turn has come, reuses or executes it, and keeps the record."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

from artifactflow.artifact import Version
from artifactflow.errors import ArtifactflowError, InterruptedRunError, StepFailedError
from artifactflow.executors import Stop
from artifactflow.fetch.git import working_state
from artifactflow.pipeline import OutputOf, Stored
from artifactflow.plan import Decision
from artifactflow.runner.binding import BoundPipeline, shown_value
from artifactflow.runner.companions import Companion
from artifactflow.runner.events import Observer
from artifactflow.runner.execute import Execution, StepExecution
from artifactflow.runner.group_commit import Finished, GroupCommit, Placed, moved_aliases
from artifactflow.runner.locks import RunLocks
from artifactflow.runner.options import ChooseExecutor, Options
from artifactflow.runner.planner import PlannedStep, Planner
from artifactflow.runner.scheduler import Scheduler
from artifactflow.runner.space import RunSpace
from artifactflow.runner.tracking import tracking_facts
from artifactflow.runs import PipelineRun, RunStatus, StepOutcome, new_run_id, now
from artifactflow.store import Store

LOCK_LOOK_SECONDS = 0.1
"""How often a step looks whether another run has finished what it would do itself."""


@dataclass(frozen=True, slots=True)
class _Worked:
    """What a worker thread reports: the work of a step is over, or another run has made its result meanwhile."""

    position: int
    execution: StepExecution | None
    error: BaseException | None = None


class PipelineExecution:
    """One run. Only the thread that calls `run` plans, registers and tells the observer of starts and ends."""

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
        companions: Sequence[Companion] = (),
    ) -> None:
        self.bound = bound
        self.store = store
        self.locks = locks
        self.options = options
        self.selected = selected
        self.observer = observer
        self.choose_executor = choose_executor
        self.companions = companions
        self.planner = planner
        self.scheduler = Scheduler(bound.steps)
        self.stop = Stop()
        self.known: dict[OutputOf, Version] = {}
        self.outcomes: dict[int, StepOutcome] = {}
        self.errors: list[ArtifactflowError] = []
        self.reports: queue.SimpleQueue[_Worked | Placed] = queue.SimpleQueue()
        self.running: dict[int, tuple[PlannedStep, float]] = {}
        self.held: dict[int, Finished | None] = {}
        self.commits = GroupCommit(store, self.reports.put)
        self.source = options.source or working_state(bound.pipeline.folder)
        self.record = PipelineRun(
            id=new_run_id(),
            pipeline=bound.pipeline.name,
            parameters={
                parameter.name: shown_value(parameter, bound.parameters[parameter.name][0])
                for parameter in bound.pipeline.parameters
            },
            sources={name: str(source) for name, (_, source) in bound.parameters.items()},
            started=now(),
            facts={
                "pid": os.getpid(),
                **({"source": self.source} if self.source else {}),
                **tracking_facts(options.tracking),
            },
        )
        self.space = RunSpace(store, self.record.id)
        # As they are now: a step that runs in this process may change them while another is started.
        self.variables = dict(os.environ)

    def run(self) -> PipelineRun:
        """Run all of it. Raises as `run_pipeline` does."""
        for step in self.bound.steps:
            for source in step.inputs.values():
                if isinstance(source, Stored):
                    self.store.version(source.ref)  # a missing artifact is found before anything runs
        selected = [step for step in self.bound.steps if step.step.name in self.selected]
        self.planner.environments.tell(selected, self.observer)
        try:
            with closing(self.space), closing(self.commits), self._recorded():
                self._run_steps()
                self._raise_errors()
        except KeyboardInterrupt as error:
            raise InterruptedRunError(
                "the run was stopped", hint=f"what is finished is kept; go on with: {self._rerun()}"
            ) from error
        return self.record

    def _rerun(self) -> str:
        return self.options.rerun or "the same command again"

    @contextmanager
    def _recorded(self) -> Iterator[None]:
        clock = time.monotonic()
        self.locks.try_acquire(self.record.id)
        self._keep_record()
        status, message = RunStatus.FAILED, "a bug of artifactflow"
        try:
            yield
            status, message = RunStatus.FINISHED, ""
        except KeyboardInterrupt:
            status, message = RunStatus.INTERRUPTED, "stopped by the user"
            raise
        except ArtifactflowError as error:
            message = error.message
            raise
        finally:
            self.record = replace(
                self.record,
                status=status,
                message=message,
                steps=tuple(outcome for _, outcome in sorted(self.outcomes.items())),
                ended=now(),
                seconds=round(time.monotonic() - clock, 3),
            )
            self._keep_record()

    def _keep_record(self) -> None:
        with self.store.transaction() as transaction:
            transaction.record_pipeline_run(self.record)

    # the loop

    def _run_steps(self) -> None:
        jobs = self.options.jobs or os.cpu_count() or 1
        with ThreadPoolExecutor(jobs, thread_name_prefix="step") as pool:
            try:
                while True:
                    idle = self.stop.is_set()
                    while len(self.running) < jobs and not idle and self.reports.empty():
                        position = self.scheduler.next_ready()
                        if position is not None:
                            self._start(position, pool)
                            self._commit_if_due(idle=False)
                        idle = position is None or self.stop.is_set()
                    self._commit_if_due(idle=idle)
                    if not self.running and self.commits.is_empty():
                        return
                    self._await_report(pool)
            except BaseException:
                self._stop_all(pool)
                raise

    def _commit_if_due(self, *, idle: bool) -> None:
        if self.commits.is_due(idle=idle):
            self.commits.begin()

    def _await_report(self, pool: ThreadPoolExecutor) -> None:
        """Wait until a step's work is over, a group is in place, or one is due."""
        try:
            report = self.reports.get(timeout=self.commits.seconds_left())
        except queue.Empty:
            return
        if isinstance(report, Placed):
            self._commit(report)
        else:
            self._after(report, pool)

    def _stop_all(self, pool: ThreadPoolExecutor) -> None:
        """End what runs, keep what is finished and the record of each; a second Ctrl-C kills instead of asking."""
        self.stop.set()
        while self.running or not self.commits.is_empty():
            try:
                self._commit_if_due(idle=True)
                self._await_report(pool)
            except KeyboardInterrupt:
                self.stop.kill()

    def _start(self, position: int, pool: ThreadPoolExecutor) -> None:
        step = self.bound.steps[position]
        clock = time.monotonic()
        if step.step.name not in self.selected:
            self._reuse(position, self.planner.skip(step), clock)
            return
        planned = self.planner.plan(step, self.known)
        if planned.decision is Decision.REUSE:
            self._reuse(position, planned, clock)
        else:
            self._execute(position, planned, clock, pool)

    def _execute(self, position: int, planned: PlannedStep, clock: float, pool: ThreadPoolExecutor) -> None:
        executor = self.choose_executor(planned.bound)
        if not self.locks.try_acquire(planned.cache_key):
            self.running[position] = (planned, clock)
            self.observer.step_printed(planned.name, "another run is doing the same: waiting for it")
            pool.submit(self._wait_for_other, position, planned)
            return
        self.observer.step_started(planned.name, planned.reason)
        execution = StepExecution(
            self.store,
            self.space,
            planned,
            executor,
            self.observer,
            pipeline=self.bound.pipeline.name,
            parent=self.record.id,
            facts=self.source,
            variables=self.variables,
            companions=self.companions,
        )
        execution.prepare()
        self.running[position] = (planned, clock)
        if executor.in_this_thread:
            self._after(self._worked(position, execution), pool)
        else:
            pool.submit(lambda: self.reports.put(self._worked(position, execution)))

    # in threads

    def _worked(self, position: int, execution: StepExecution) -> _Worked:
        error: BaseException | None = None
        try:
            execution.work(self.stop)
        except BaseException as raised:
            error = raised
        return _Worked(position, execution, error)

    def _wait_for_other(self, position: int, planned: PlannedStep) -> None:
        while not self.locks.try_acquire(planned.cache_key):
            if self.stop.wait(LOCK_LOOK_SECONDS):
                self.reports.put(_Worked(position, None, InterruptedRunError(f"step {planned.name} was stopped")))
                return
        self.locks.release(planned.cache_key)
        self.reports.put(_Worked(position, None))

    # back in the thread of `run`

    def _after(self, worked: _Worked, pool: ThreadPoolExecutor) -> None:
        position = worked.position
        planned, clock = self.running.pop(position)
        self.scheduler.release(position)
        if worked.execution is None and worked.error is None:
            self._start(position, pool)
        elif worked.error is not None or worked.execution is None:
            self._failed(position, planned, worked.execution, worked.error, clock)
        else:
            worked.execution.pack_log()
            self._number_in_order(position, Finished(position, planned, clock, worked.execution))

    def _reuse(self, position: int, planned: PlannedStep, clock: float) -> None:
        if planned.reused is None:
            return
        self.scheduler.release(position)
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

    def _commit(self, placed: Placed) -> None:
        try:
            outcomes = self.commits.commit(placed)
        except BaseException:
            if self.commits.group:
                self.reports.put(placed)  # an interrupted commit is made again before the run ends
            raise
        for finished, outcome in outcomes:
            if isinstance(outcome, Execution):
                self._settled(finished, outcome)
            elif isinstance(finished.execution, StepExecution):
                self._failed(finished.position, finished.planned, finished.execution, outcome, finished.clock)

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
        self._ended(finished.position, replace(outcome, seconds=time.monotonic() - finished.clock))
        self.scheduler.settle(finished.position)

    def _failed(
        self,
        position: int,
        planned: PlannedStep,
        execution: StepExecution | None,
        error: BaseException | None,
        clock: float,
    ) -> None:
        self.locks.release(planned.cache_key)
        stopped = isinstance(error, (InterruptedRunError, KeyboardInterrupt))
        if execution is not None and error is not None:
            execution.fail(error)
        run_id = execution.run.id if execution else None
        decision = "STOPPED" if stopped else "FAILED"
        outcome = StepOutcome(planned.name, decision, planned.reason, run_id)
        self._ended(position, replace(outcome, seconds=time.monotonic() - clock))
        for dropped in self.scheduler.drop(position):
            blocked = StepOutcome(self.bound.steps[dropped].name, "BLOCKED", f"needs {planned.name}")
            self._ended(dropped, blocked)
            self._number_in_order(dropped, None)
        self._number_in_order(position, None)
        if isinstance(error, ArtifactflowError) and not stopped:
            self.errors.append(error)
            if not self.options.keep_going:
                self.stop.set()
        elif error is not None and not isinstance(error, InterruptedRunError):
            raise error

    def _ended(self, position: int, outcome: StepOutcome) -> None:
        self.outcomes[position] = outcome
        self.observer.step_ended(outcome)

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
