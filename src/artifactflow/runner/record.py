"""Keeps the record of a pipeline run: that it runs, and how it ended."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from artifactflow.errors import ArtifactflowError
from artifactflow.fetch.addresses import masked_message
from artifactflow.runner.binding.bound import BoundPipeline, BoundStep
from artifactflow.runner.locks import RunLocks
from artifactflow.runner.secrets import shown_value
from artifactflow.runner.tracking import tracking_facts
from artifactflow.runs import PipelineRun, RunStatus, StepOutcome, new_run_id, now
from artifactflow.store import Store
from artifactflow.trackers import Settings

LARGEST_GRAPH: Final = 2_000
"""Steps of a pipeline whose shape is recorded: that of a larger one would outweigh all else in the record."""

MOST_EDGES: Final = 20_000
"""See `LARGEST_GRAPH`: a few matrices that gather each other have few steps and many edges."""


NOT_BEGUN: Final = "the run ended before it began"
"""Why a step was stopped that never ran."""


class RecordKeeper:
    """Has the `record` of one run of a pipeline, and writes it when the run begins and when it ends."""

    def __init__(
        self, bound: BoundPipeline, store: Store, tracking: Settings, source: Mapping[str, str | bool]
    ) -> None:
        self._store = store
        self._names = [step.name for step in bound.steps]
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
                **({"source": source} if source else {}),
                **graph_facts(bound.steps),
                **tracking_facts(tracking),
            },
        )

    @contextmanager
    def kept(self, locks: RunLocks, outcomes: Mapping[tuple[int, ...], StepOutcome]) -> Iterator[None]:
        """Let it be known that the run is alive during the body, and afterwards how the body ended.

        `outcomes` are those of the steps, by what sorts them. A step without one was not begun.
        """
        clock = time.monotonic()
        locks.try_acquire(self.record.id)
        self._write()
        status, message = RunStatus.FAILED, "a bug of artifactflow"
        try:
            yield
            status, message = RunStatus.FINISHED, ""
        except KeyboardInterrupt:
            status, message = RunStatus.INTERRUPTED, "stopped by the user"
            raise
        except ArtifactflowError as error:
            message = masked_message(error.message)
            raise
        finally:
            self.record = replace(
                self.record,
                status=status,
                message=message,
                steps=self._with_those_not_begun([outcome for _, outcome in sorted(outcomes.items())]),
                ended=now(),
                seconds=round(time.monotonic() - clock, 3),
            )
            self._write()

    def called(self, step: str, caller: str) -> None:
        """Enter a step that another one called into the shape of the pipeline."""
        if "graph" in self.record.facts:
            graph = {**self.record.facts["graph"], step: [caller]}
            self.record = replace(self.record, facts={**self.record.facts, "graph": graph})

    def _with_those_not_begun(self, outcomes: Sequence[StepOutcome]) -> tuple[StepOutcome, ...]:
        begun = {outcome.step for outcome in outcomes}
        return (*outcomes, *(StepOutcome(name, "STOPPED", NOT_BEGUN) for name in self._names if name not in begun))

    def _write(self) -> None:
        with self._store.transaction() as transaction:
            transaction.record_pipeline_run(self.record)


def graph_facts(steps: Sequence[BoundStep]) -> dict[str, Any]:
    """The shape of a pipeline, unless it is huge: for each step (each cell) those that it takes from or comes after."""
    graph = {step.name: step.waits_for() for step in steps[: LARGEST_GRAPH + 1]}
    if len(graph) > LARGEST_GRAPH or sum(map(len, graph.values())) > MOST_EDGES:
        return {}
    return {"graph": graph}
