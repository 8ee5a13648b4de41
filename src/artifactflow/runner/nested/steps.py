"""The called components of a run, as the thread sees them that coordinates it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from artifactflow.artifact import Version
from artifactflow.errors import ArtifactflowError, InterruptedRunError
from artifactflow.executors import Stop
from artifactflow.pipeline import OutputOf
from artifactflow.plan import Decision
from artifactflow.runner.events import Observer
from artifactflow.runner.nested.call import Call
from artifactflow.runner.planning.planned import PlannedStep
from artifactflow.runner.planning.planner import Planner
from artifactflow.runner.record import RecordKeeper
from artifactflow.runner.scheduler import Scheduler
from artifactflow.runs import StepOutcome

Start = Callable[[int], None]
Reuse = Callable[[int, PlannedStep, float], None]


class CalledSteps:
    """Brings calls into the order of the run and tells their callers what became of them.

    Steps are known by their position, which all methods take that are called for every step, called or not. No more
    than `jobs` run side by side, but for those that wait for what they have called: a step of the pipeline keeps its
    thread meanwhile, but leaves its place to what it calls. So a single place serves a root and its components, too.
    """

    def __init__(
        self, jobs: int, scheduler: Scheduler, planner: Planner, observer: Observer, keeper: RecordKeeper
    ) -> None:
        self._jobs = jobs
        self._scheduler = scheduler
        self._planner = planner
        self._observer = observer
        self._keeper = keeper
        self._own = len(scheduler.steps)
        self._calls: dict[int, Call] = {}
        self._queue: list[int] = []  # of those that wait for a place
        self._held: set[int] = set()  # those that wait for their folder
        self._errors: dict[int, ArtifactflowError] = {}  # by who called

    def __bool__(self) -> bool:
        return bool(self._calls)

    def of(self, position: int) -> Call | None:
        """The call that led to the step; None for one of the pipeline's own."""
        return self._calls.get(position)

    def has_place(self, running: Collection[int]) -> bool:
        """Whether one more of the pipeline's own steps may start beside those that run."""
        if not self._calls:
            return len(running) < self._jobs
        own = sum(position < self._own for position in running)
        return own < self._jobs and self._busy(running) < self._jobs

    def _busy(self, running: Collection[int]) -> int:
        callers = {call.caller_position for call in self._calls.values()}
        return sum(position not in callers for position in running)

    def serve(self, call: Call, known: Mapping[OutputOf, Version], reuse: Reuse) -> None:
        """Plan a call, or go on as its caller and the plan have agreed: what is to run is started by `start_ready`."""
        if call.agreed is None:
            self._plan(call, known)
            return
        position = self._scheduler.add_called(call.bound, call.caller_position)
        self._calls[position] = call
        self._keeper.called(call.bound.name, call.caller.run.step)
        if call.agreed is Decision.REUSE and call.planned is not None:
            reuse(position, call.planned, time.monotonic())
        else:
            self._queue.append(position)

    def _plan(self, call: Call, known: Mapping[OutputOf, Version]) -> None:
        try:
            for note in call.notes:
                self._observer.noted(note)
            if call.stop.is_set():
                raise _not_started(call)
            self._planner.environments.tell([call.bound], self._observer)
            self._planner.forget(call.bound)
            call.planned = self._planner.plan(call.bound, known)
            call.told.put(None)
        except ArtifactflowError as error:
            call.told.put(error)

    def start_ready(self, start: Start, running: Collection[int]) -> None:
        """Start those that need not wait any more: there is a place for them, and their folder is free."""
        while (position := self._scheduler.next_called()) is not None:
            if position in self._held:
                self._held.discard(position)
                self._queue.append(position)
        for position in [*self._queue, *self._held]:
            if self._calls[position].stop.is_set():
                self._refuse(position, _not_started(self._calls[position]))
        while self._queue and self._busy(running) < self._jobs:
            position = self._queue.pop(0)
            if not self._scheduler.claim(position):
                self._held.add(position)
                continue
            try:
                start(position)
            except ArtifactflowError as error:  # for the caller to know
                self._scheduler.release(position)
                self._refuse(position, error)

    def _refuse(self, position: int, error: ArtifactflowError) -> None:
        self._queue = [waiting for waiting in self._queue if waiting != position]
        self._held.discard(position)
        self._calls.pop(position).told.put(error)

    def decided(self, position: int, planned: PlannedStep) -> PlannedStep:
        """The plan of the moment, with what was agreed on in a call."""
        call = self._calls.get(position)
        return planned if call is None else call.decided(planned)

    def facts(self, position: int) -> Mapping[str, Any]:
        """What is known of an execution before it begins."""
        call = self._calls.get(position)
        return {} if call is None else call.facts()

    def stop_of(self, position: int, otherwise: Stop) -> Stop:
        """What ends the step."""
        call = self._calls.get(position)
        return otherwise if call is None else call.stop

    def submit(self, position: int, work: Callable[[], object], pool: ThreadPoolExecutor) -> None:
        """Have work done in another thread: for a called step in the one of its call."""
        call = self._calls.get(position)
        if call is None:
            pool.submit(work)
        else:
            call.told.put(work)

    def error_of(self, position: int, error: ArtifactflowError) -> ArtifactflowError | None:
        """What is to be said of a failed step: the failure of a component that it called, if that is the cause.

        None for a called step: what its failure means is for the caller to decide.
        """
        error = self._errors.pop(position, error)
        call = self._calls.get(position)
        if call is None:
            return error
        self._errors.setdefault(call.caller_position, error)
        return None

    def ended(self, position: int, outcome: StepOutcome) -> None:
        """Tell the caller, if there is one."""
        call = self._calls.pop(position, None)
        if call is not None:
            call.told.put(outcome)


def _not_started(call: Call) -> InterruptedRunError:
    return InterruptedRunError(f"step {call.bound.name} is not started: it was cancelled, or its caller is stopped")
