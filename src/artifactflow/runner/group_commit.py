"""Makes what several steps did durable at once: a disk takes as long for the work of twenty steps as for that of one.

A step counts as done only when its group is committed. Until then a power cut may take it, whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from artifactflow.artifact import LATEST
from artifactflow.errors import ArtifactflowError
from artifactflow.plan import Decision
from artifactflow.runner.execute import Execution, StepExecution
from artifactflow.runner.planner import PlannedStep
from artifactflow.runner.recorded_uses import logged_aliases
from artifactflow.store import Store

WAIT_SECONDS: Final = 0.05
"""How long a step may wait for others while there is something else to do."""

LARGEST_GROUP: Final = 256


@dataclass(frozen=True, slots=True)
class Finished:
    """A step whose work is over: its execution, or the former one that is reused. `clock` is when it began."""

    position: int
    planned: PlannedStep
    clock: float
    execution: StepExecution | Execution


@dataclass(frozen=True, slots=True)
class Placed:
    """What the committing thread reports: the bytes of the group are in place, or why they are not."""

    error: BaseException | None = None


Outcome = Execution | ArtifactflowError
"""What became of a step of the group: its run and versions, or why it could not be registered."""


class GroupCommit:
    """The steps that wait to be committed, and the group that is being committed. Used by the coordinating thread.

    The bytes are placed by a thread of its own, which calls `report`; registering follows in `commit`, which the
    coordinating thread has to call then.
    """

    def __init__(self, store: Store, report: Callable[[Placed], None]) -> None:
        self._store = store
        self._report = report
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self._waiting: list[Finished] = []
        self._since = 0.0
        self.group: list[Finished] = []

    def add(self, finished: Finished) -> None:
        """Let a step wait for its group."""
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append(finished)

    def is_empty(self) -> bool:
        """Whether everything is committed."""
        return not self._waiting and not self.group

    def seconds_left(self) -> float | None:
        """How long the steps that wait may go on doing so; None where none waits, or where a group is under way."""
        if not self._waiting or self.group:
            return None
        return max(self._since + WAIT_SECONDS - time.monotonic(), 0.0)

    def is_due(self, *, idle: bool) -> bool:
        """Whether a group is to be committed now; `idle` says that others could work but for those that wait."""
        if not self._waiting or self.group:
            return False
        return idle or len(self._waiting) >= LARGEST_GROUP or self.seconds_left() == 0

    def begin(self) -> None:
        """Have the bytes of all that wait placed."""
        self.group, self._waiting = self._waiting, []
        self._pool.submit(self._place, self.group)

    def _place(self, group: list[Finished]) -> None:
        error: BaseException | None = None
        try:
            executions = [item.execution for item in group if isinstance(item.execution, StepExecution)]
            self._store.place([staged for execution in executions for staged in execution.staged.values()])
        except BaseException as raised:
            error = raised
        self._report(Placed(error))

    def commit(self, placed: Placed) -> list[tuple[Finished, Outcome]]:
        """Register the group in one transaction. A step that cannot be registered does not keep the others from it."""
        outcomes: list[tuple[Finished, Outcome]] = []
        if placed.error is not None and not isinstance(placed.error, ArtifactflowError):
            raise placed.error
        with self._store.transaction() as transaction:
            pointed: dict[tuple[str, str], int] = {}
            for finished in self.group:
                execution = finished.execution
                if isinstance(execution, Execution):
                    outcomes.append((finished, execution))
                    if finished.planned.decision is Decision.REUSE:
                        pointed |= {(name, alias): number for name, number, alias in moved_aliases(execution)}
                    continue
                try:
                    if placed.error is not None:
                        raise placed.error
                    with transaction.part():
                        registered = execution.register(transaction)
                except ArtifactflowError as error:
                    outcomes.append((finished, error))
                else:
                    outcomes.append((finished, registered))
                    for version in registered.outputs.values():
                        pointed.pop((version.name, LATEST), None)
            for (name, alias), number in pointed.items():
                transaction.point(name, number, alias)
        self.group = []
        return outcomes

    def close(self) -> None:
        """End the thread."""
        self._pool.shutdown()


def moved_aliases(reused: Execution) -> Iterator[tuple[str, int, str]]:
    """What reusing a run does to names, as running did: the artifact, the version's number, the alias."""
    yield from ((version.name, version.number, LATEST) for version in reused.outputs.values())
    yield from logged_aliases(reused.run)
