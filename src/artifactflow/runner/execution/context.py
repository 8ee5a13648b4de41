"""What all executions of one pipeline run share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from artifactflow.runner.companions import Companion
from artifactflow.runner.events import Observer
from artifactflow.runner.execution.space import RunSpace
from artifactflow.store import Store


@dataclass(frozen=True, slots=True)
class RunContext:
    """Where the steps of one run are executed, and on whose behalf.

    `pipeline` is the pipeline's name and `run_id` the id of its run; `source` says which commit it is of. `variables`
    are the environment variables that every step's process has.
    """

    store: Store
    space: RunSpace
    observer: Observer
    companions: Sequence[Companion]
    pipeline: str
    run_id: str
    source: Mapping[str, str | bool]
    variables: Mapping[str, str]
