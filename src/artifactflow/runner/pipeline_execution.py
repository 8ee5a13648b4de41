"""One run of a pipeline: plans each step when its turn has come, and reuses or executes it."""

from __future__ import annotations

import os
import queue
import time
from contextlib import closing, suppress

from artifactflow.errors import ArtifactflowError, InterruptedRunError, StepFailedError
from artifactflow.executors import Stop
from artifactflow.fetch.git import working_state
from artifactflow.forks import cores
from artifactflow.pipeline import Stored
from artifactflow.plan import Decision
from artifactflow.runner.binding.bound import BoundPipeline
from artifactflow.runner.endings import Endings
from artifactflow.runner.execution.context import RunContext
from artifactflow.runner.execution.space import RunSpace
from artifactflow.runner.execution.step_execution import StepExecution
from artifactflow.runner.group_commit import GroupCommit
from artifactflow.runner.interrupts import Interrupts
from artifactflow.runner.means import Means
from artifactflow.runner.nested.call import Call
from artifactflow.runner.nested.steps import CalledSteps
from artifactflow.runner.options import Options
from artifactflow.runner.planning.planned import PlannedStep
from artifactflow.runner.planning.planner import needed_by
from artifactflow.runner.record import RecordKeeper
from artifactflow.runner.reports import Committed, Turn, Worked
from artifactflow.runner.scheduler import Scheduler
from artifactflow.runner.workers import Workers
from artifactflow.runs import PipelineRun


class PipelineExecution:
    """One run. The thread that calls `run` starts the steps and takes the reports of all other threads.

    It plans, and tells the observer of starts and ends; see also `Endings`, `Workers` and `GroupCommit`.
    """

    def __init__(self, bound: BoundPipeline, options: Options, means: Means) -> None:
        self._bound = bound
        self._options = options
        self._means = means
        self._selected = options.selection.chosen(bound.pipeline.steps)
        self._left_out: dict[int, PlannedStep] = {}
        self._running: set[int] = set()
        self._stop = Stop()
        self._reports: queue.SimpleQueue[Worked | Committed | Call | None] = queue.SimpleQueue()
        self._interrupts = Interrupts(lambda: self._reports.put(None))
        self._jobs = options.jobs or cores()
        means.nested.connect(self._reports.put, self._stop)
        source = options.source or working_state(bound.pipeline.folder)
        self._scheduler = Scheduler(bound.steps)
        self._commits = GroupCommit(means.store, self._reports.put)
        self._keeper = RecordKeeper(bound, means.store, options.tracking, source)
        self._called = CalledSteps(self._jobs, self._scheduler, means.planner, means.observer, self._keeper)
        self._endings = Endings(
            bound.steps,
            means,
            self._scheduler,
            self._called,
            self._commits,
            self._stop,
            keep_going=options.keep_going,
        )
        self._workers = Workers(
            self._jobs,
            self._reports.put,
            called=self._called,
            locks=means.locks,
            stop=self._stop,
            interrupts=self._interrupts,
        )
        self._context = RunContext(
            store=means.store,
            space=RunSpace(means.store, self._keeper.record.id),
            observer=means.observer,
            companions=means.companions,
            pipeline=bound.pipeline.name,
            run_id=self._keeper.record.id,
            source=source,
            # As they are now: a step that runs in this process may change them while another is started.
            variables=dict(os.environ),
        )

    def run(self) -> PipelineRun:
        """Run all of it. Raises as `run_pipeline` does."""
        self._refuse_what_is_missing()
        selected = [step for step in self._bound.steps if step.step.name in self._selected]
        self._means.planner.environments.tell(selected, self._means.observer)
        try:
            with (
                self._interrupts,
                closing(self._context.space),
                closing(self._commits),
                self._keeper.kept(self._means.locks, self._endings.outcomes),
            ):
                self._run_steps()
                if self._endings.errors:
                    raise self._failure()
        except KeyboardInterrupt as error:
            raise InterruptedRunError("the run was stopped", hint=self._how_to_go_on()) from error
        return self._keeper.record

    def _refuse_what_is_missing(self) -> None:
        """Raise NotFoundError for a stored artifact, or for the outputs of a step left out, before anything runs."""
        needed = needed_by(self._bound.steps, self._selected)
        for position, step in enumerate(self._bound.steps):
            if step.step.name not in self._selected:
                self._left_out[position] = self._means.planner.skip(step, needed=step.name in needed)
                continue
            for source in step.inputs.values():
                if isinstance(source, Stored):
                    self._means.store.version(source.ref)

    def _failure(self) -> ArtifactflowError:
        """What is to be raised where steps have failed: their error, or one that names them all."""
        errors = self._endings.errors
        if len(errors) > 1:
            messages = "\n".join(f"- {error.message}" for error in errors)
            return StepFailedError(f"{len(errors)} steps failed:\n{messages}", hint=self._how_to_go_on())
        (error,) = errors
        if isinstance(error, StepFailedError):
            error.hint = f"{error.hint}\nhint: {self._how_to_go_on()}"
        return error

    def _how_to_go_on(self) -> str:
        return f"what is finished is kept; go on with: {self._options.rerun or 'the same command again'}"

    # the loop

    def _run_steps(self) -> None:
        with closing(self._workers):
            try:
                while True:
                    idle = self._stop.is_set()
                    self._called.start_ready(self._start, self._running)
                    while not idle and self._reports.empty() and self._called.has_place(self._running):
                        position = self._scheduler.next_ready()
                        if position is not None:
                            self._start(position)
                        idle = position is None or self._stop.is_set()
                    if idle or self._called:  # who has called waits
                        self._commits.hurry()
                    if not self._running and self._commits.is_empty():
                        return
                    self._take_report()
            except BaseException:
                self._stop_all()
                raise

    def _take_report(self) -> None:
        """Wait until a step's work is over, a group is committed, or somebody wants to stop."""
        report = self._reports.get()
        if isinstance(report, Committed):
            self._endings.committed(report)
        elif isinstance(report, Call):
            self._called.serve(report, self._endings.known, self._reuse)
        elif report is not None:
            self._after(report)
        self._interrupts.check()

    def _stop_all(self) -> None:
        """End what runs, keep what is finished and the record of each; a second Ctrl-C kills instead of asking."""
        self._stop.set()
        while self._running or not self._commits.is_empty():
            self._commits.hurry()
            try:
                # An error has been raised before; what the others did still has to be kept.
                with suppress(Exception):
                    self._called.start_ready(self._start, self._running)
                    self._take_report()
            except KeyboardInterrupt:
                self._stop.kill()

    # one step

    def _start(self, position: int) -> None:
        began = time.monotonic()
        if position in self._left_out:
            self._reuse(position, self._left_out[position], began)
            return
        with self._interrupts.allowed():
            planned = self._means.planner.plan(self._scheduler.steps[position], self._endings.known)
            planned = self._called.decided(position, planned)
        if planned.decision is Decision.REUSE:
            self._reuse(position, planned, began)
        else:
            self._execute(Turn(position, planned, began))

    def _reuse(self, position: int, planned: PlannedStep, began: float) -> None:
        self._scheduler.release(position)
        if planned.reused is not None:
            self._context.space.keep(planned.reused.outputs.values())
        self._endings.reused(Turn(position, planned, began))

    def _execute(self, turn: Turn) -> None:
        position, planned = turn.position, turn.planned
        with self._interrupts.allowed():
            executor = self._means.choose_executor(planned.bound)
        if not self._means.locks.try_acquire(planned.cache_key):
            self._running.add(position)
            self._means.observer.step_printed(planned.name, "another run is doing the same: waiting for it")
            self._workers.wait_for_other(turn)
            return
        self._means.observer.step_started(planned.name, planned.reason)
        execution = StepExecution(self._context, planned, executor, self._called.facts(position))
        self._means.nested.serve(position, execution, self._called.of(position))
        self._running.add(position)
        try:
            execution.prepare()
        except ArtifactflowError as error:
            self._after(Worked(turn, execution, error))
            return
        except BaseException:
            self._running.remove(position)  # nobody would report its end
            raise
        if executor.in_this_thread:
            self._after(self._workers.execute_here(turn, execution))
        else:
            self._workers.execute(turn, execution)

    def _after(self, worked: Worked) -> None:
        position = worked.turn.position
        self._running.remove(position)
        self._scheduler.release(position)
        if worked.execution is None:
            if self._stop.is_set():
                self._endings.stopped(worked.turn)
            else:
                self._start(position)
        elif worked.error is not None:
            self._endings.failed(worked.turn, worked.execution, worked.error)
        else:
            self._endings.succeeded(worked.turn, worked.execution)
