"""Makes what several steps did durable at once: a disk takes as long for the work of twenty steps as for that of one.

A step counts as done only when its group is committed. Until then a power cut may take it, whole.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from enum import Enum
from typing import Final

from artifactflow.artifact import LATEST
from artifactflow.errors import ArtifactflowError
from artifactflow.plan import Decision
from artifactflow.runner.execution.step_execution import Execution, StepExecution
from artifactflow.runner.recorded_uses import logged_aliases
from artifactflow.runner.reports import Committed, Finished, Outcome
from artifactflow.store import Store, Transaction

WAIT_SECONDS: Final = 0.05
"""How long a step may wait for others while there is something else to do, where the disk is quick."""

WAIT_FOR_ONE_SECOND: Final = 3.0
LONGEST_WAIT_SECONDS: Final = 0.25
"""Where it is slow: so long for each second that the group before took, and never longer than this."""

LARGEST_GROUP: Final = 256


class _Sign(Enum):
    HURRY = "nobody else can come"
    END = "nobody comes any more"


class GroupCommit:
    """Commits steps, in the order in which they are added and as many at once as there are, in a thread of its own.

    So nothing of it is interrupted, and steps are committed while another one runs in the thread that adds them.
    `report` is called there with each group; whoever takes such a report calls `settled` with it. All else is for the
    thread that coordinates the run.
    """

    def __init__(self, store: Store, report: Callable[[Committed], None]) -> None:
        self._store = store
        self._report = report
        self._arrivals: queue.SimpleQueue[Finished | _Sign] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._unsettled = 0

    def add(self, finished: Finished) -> None:
        """Let a step be committed with its group."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._commit_groups, name="commit")
            self._thread.start()
        self._unsettled += 1
        self._arrivals.put(finished)

    def hurry(self) -> None:
        """Nobody works who could still be added: those who wait need not wait for others."""
        if self._unsettled:
            self._arrivals.put(_Sign.HURRY)

    def settled(self, committed: Committed) -> None:
        """A report was taken."""
        self._unsettled -= len(committed.group)

    def is_empty(self) -> bool:
        """Whether everything that was added is settled."""
        return self._unsettled == 0

    def close(self) -> None:
        """End the thread, when all that was added is committed."""
        if self._thread is not None:
            self._arrivals.put(_Sign.END)
            self._thread.join()

    # in the thread of its own

    def _commit_groups(self) -> None:
        wait = WAIT_SECONDS
        while True:
            first = self._arrivals.get()
            if first is _Sign.END:
                return
            if isinstance(first, Finished):
                group = self._group(first, wait)
                begun = time.monotonic()
                self._report(self._commit(group))
                taken = time.monotonic() - begun
                wait = min(max(WAIT_SECONDS, WAIT_FOR_ONE_SECOND * taken), LONGEST_WAIT_SECONDS)

    def _group(self, first: Finished, wait: float) -> list[Finished]:
        """A step, those that wait with it, and those that come in time."""
        group = [first]
        until = time.monotonic() + wait
        while len(group) < LARGEST_GROUP:
            try:
                arrival = self._arrivals.get(timeout=max(until - time.monotonic(), 0))
            except queue.Empty:
                break
            if isinstance(arrival, Finished):
                group.append(arrival)
            else:
                until = 0.0
                if arrival is _Sign.END:
                    self._arrivals.put(arrival)
                    break
        return group

    def _commit(self, group: Sequence[Finished]) -> Committed:
        try:
            # A garbage collector that came between placing and registering would take what was placed.
            with self._store.collector_kept_out():
                error = self._place(group)
                with self._store.transaction() as transaction:
                    return Committed(group, _register(group, error, transaction))
        except BaseException as error:
            return Committed(group, error=error)

    def _place(self, group: Sequence[Finished]) -> ArtifactflowError | None:
        """Make what the group has made durable; gives the error that keeps all of it from being registered."""
        executions = [
            item.execution for item in group if isinstance(item.execution, StepExecution) and item.failure is None
        ]
        try:
            self._store.place([staged for execution in executions for staged in execution.staged.values()])
        except ArtifactflowError as error:
            return error
        return None


def _register(group: Sequence[Finished], error: ArtifactflowError | None, transaction: Transaction) -> list[Outcome]:
    """Register a group. A step that cannot be registered does not keep the others from it."""
    outcomes: list[Outcome] = []
    pointed: dict[tuple[str, str], int] = {}
    for finished in group:
        execution = finished.execution
        if isinstance(execution, Execution):
            outcomes.append(execution)
            if finished.turn.planned.decision is Decision.REUSE:
                pointed |= {(name, alias): number for name, number, alias in moved_aliases(execution)}
        elif finished.failure is not None:
            outcomes.append(finished.failure)
            with suppress(ArtifactflowError), transaction.part():  # it is told all the same
                execution.record_failure(transaction, finished.failure)
        elif error is not None:
            outcomes.append(error)
        else:
            try:
                with transaction.part():
                    registered = execution.register(transaction)
            except ArtifactflowError as refused:
                outcomes.append(refused)
            else:
                outcomes.append(registered)
                for version in registered.outputs.values():
                    pointed.pop((version.name, LATEST), None)
    for (name, alias), number in pointed.items():
        transaction.point(name, number, alias)
    return outcomes


def moved_aliases(reused: Execution) -> Iterator[tuple[str, int, str]]:
    """What reusing a run does to names, as running did: the artifact, the version's number, the alias."""
    yield from ((version.name, version.number, LATEST) for version in reused.outputs.values())
    yield from logged_aliases(reused.run)
