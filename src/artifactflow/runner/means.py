"""What a run of a pipeline is done with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from artifactflow.runner.companions import Companion
from artifactflow.runner.events import Observer
from artifactflow.runner.locks import RunLocks
from artifactflow.runner.nested.calls import NestedCalls
from artifactflow.runner.options import ChooseExecutor
from artifactflow.runner.planning.planner import Planner
from artifactflow.store import Store


@dataclass(frozen=True, slots=True)
class Means:
    """Who keeps, plans, executes, and is told; all of it is opened before the run, and closed after it."""

    store: Store
    locks: RunLocks
    observer: Observer
    planner: Planner
    choose_executor: ChooseExecutor
    nested: NestedCalls
    companions: Sequence[Companion] = ()
