"""One run of a pipeline: plans each step when its turn has come, reuses or executes it, and keeps the record."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
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
from artifactflow.runner.execute import StepExecution
from artifactflow.runner.locks import RunLocks
from artifactflow.runner.options import ChooseExecutor, Options
from artifactflow.runner.planner import PlannedStep, Planner
from artifactflow.runner.recorded_uses import logged_aliases
from artifactflow.runner.scheduler import Scheduler
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
        self.worked: queue.SimpleQueue[_Worked] = queue.SimpleQueue()
        self.running: dict[int, tuple[PlannedStep, float]] = {}
        self.held: dict[int, Callable[[], None]] = {}
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

    def run(self) -> PipelineRun:
        """Run all of it. Raises as `run_pipeline` does."""
        for step in self.bound.steps:
            for source in step.inputs.values():
                if isinstance(source, Stored):
                    self.store.version(source.ref)  # a missing artifact is found before anything runs
        selected = [step for step in self.bound.steps if step.step.name in self.selected]
        self.planner.environments.tell(selected, self.observer)
        try:
            with self._recorded():
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
                    while len(self.running) < jobs and not self.stop.is_set():
                        position = self.scheduler.next_ready()
                        if position is None:
                            break
                        self._start(position, pool)
                    if not self.running:
                        return
                    self._after(self.worked.get(), pool)
            except BaseException:
                self._stop_all(pool)
                raise

    def _stop_all(self, pool: ThreadPoolExecutor) -> None:
        """End what runs and keep the record of each; a second Ctrl-C kills instead of asking."""
        self.stop.set()
        while self.running:
            try:
                self._after(self.worked.get(), pool)
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
        self.running[position] = (planned, clock)
        executor = self.choose_executor(planned.bound)
        if not self.locks.try_acquire(planned.cache_key):
            self.observer.step_printed(planned.name, "another run is doing the same: waiting for it")
            pool.submit(self._wait_for_other, position, planned)
            return
        self.observer.step_started(planned.name, planned.reason)
        execution = StepExecution(
            self.store,
            planned,
            executor,
            self.observer,
            pipeline=self.bound.pipeline.name,
            parent=self.record.id,
            facts=self.source,
            companions=self.companions,
        )
        execution.prepare()
        if executor.in_this_thread:
            self._work(position, execution)
        else:
            pool.submit(self._work, position, execution)

    # in threads

    def _work(self, position: int, execution: StepExecution) -> None:
        error: BaseException | None = None
        try:
            execution.work(self.stop)
        except BaseException as raised:
            error = raised
        self.worked.put(_Worked(position, execution, error))

    def _wait_for_other(self, position: int, planned: PlannedStep) -> None:
        while not self.locks.try_acquire(planned.cache_key):
            if self.stop.wait(LOCK_LOOK_SECONDS):
                self.worked.put(_Worked(position, None, InterruptedRunError(f"step {planned.name} was stopped")))
                return
        self.locks.release(planned.cache_key)
        self.worked.put(_Worked(position, None))

    # back in the thread of `run`

    def _after(self, worked: _Worked, pool: ThreadPoolExecutor) -> None:
        position = worked.position
        planned, clock = self.running.pop(position)
        self.scheduler.release(position)
        if worked.execution is None and worked.error is None:
            self._start(position, pool)
        elif worked.error is not None:
            self._failed(position, planned, worked, clock)
        else:
            execution = worked.execution
            self._settle_in_order(position, lambda: self._finish(position, planned, execution, clock))

    def _finish(self, position: int, planned: PlannedStep, execution: StepExecution | None, clock: float) -> None:
        if execution is None:
            return
        finished = execution.finish()
        self.locks.release(planned.cache_key)
        self.known |= {OutputOf(planned.name, key): version for key, version in finished.outputs.items()}
        self.planner.settled(planned.name, finished.run.id)
        outcome = StepOutcome(planned.name, "RUN", planned.reason, finished.run.id, finished.run.outputs)
        self._ended(position, replace(outcome, seconds=time.monotonic() - clock))

    def _reuse(self, position: int, planned: PlannedStep, clock: float) -> None:
        """Do to names what a RUN would do: `latest` moves to the versions that are reused."""
        run = planned.reused
        if run is None:
            return

        def settle() -> None:
            versions = {key: self.store.version(ref) for key, ref in run.outputs.items()}
            moved = [version for version in versions.values() if self._moves(version)]
            aliases = list(logged_aliases(run))
            if (moved or aliases) and planned.decision is Decision.REUSE:
                with self.store.transaction() as transaction:
                    for version in moved:
                        transaction.point(version.name, version.number)
                    for name, number, alias in aliases:
                        transaction.point(name, number, alias)
            self.planner.settled(planned.name, run.id)
            self.known.update({OutputOf(planned.name, key): version for key, version in versions.items()})
            outcome = StepOutcome(planned.name, planned.decision.value, planned.reason, run.id, run.outputs)
            self._ended(position, replace(outcome, seconds=time.monotonic() - clock))

        self.scheduler.release(position)
        self._settle_in_order(position, settle)

    def _moves(self, version: Version) -> bool:
        return self.store.aliases(version.name).get("latest") != version.number

    def _settle_in_order(self, position: int, settle: Callable[[], None]) -> None:
        """Settle the step, and the cells that waited for it; or hold it until the cells before it are settled."""
        self.held[position] = settle
        self._settle_held()

    def _settle_held(self) -> None:
        found = True
        while found:
            found = False
            for position in sorted(self.held):
                if self.scheduler.may_settle(position):
                    self.held.pop(position)()
                    self.scheduler.settle(position)
                    found = True

    def _failed(self, position: int, planned: PlannedStep, worked: _Worked, clock: float) -> None:
        error = worked.error
        self.locks.release(planned.cache_key)
        stopped = isinstance(error, (InterruptedRunError, KeyboardInterrupt))
        if worked.execution is not None and error is not None:
            worked.execution.fail(error)
        run_id = worked.execution.run.id if worked.execution else None
        decision = "STOPPED" if stopped else "FAILED"
        outcome = StepOutcome(planned.name, decision, planned.reason, run_id)
        self._ended(position, replace(outcome, seconds=time.monotonic() - clock))
        for dropped in self.scheduler.drop(position):
            blocked = StepOutcome(self.bound.steps[dropped].name, "BLOCKED", f"needs {planned.name}")
            self._ended(dropped, blocked)
        self._settle_held()
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
