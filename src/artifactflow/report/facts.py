"""What a report shows, as values: a pipeline run with everything that belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from artifactflow.artifact import Version
from artifactflow.report.metrics import MetricChange
from artifactflow.runs import PipelineRun, Run, StepOutcome


@dataclass(frozen=True, slots=True)
class LogExcerpt:
    """What a step printed: the last lines, and all of it or its beginning and end. Sizes count bytes."""

    file: str
    last: str
    text: str
    size: int
    left_out: int


@dataclass(frozen=True, slots=True)
class StepReport:
    """A step of the run: what was decided, and the run that made its outputs.

    `executed` says that it ran in this pipeline run, not in an earlier one that was reused; `offset` is when it began,
    in seconds from the beginning. `upstream` names the steps that it takes from, cells by their own names.
    """

    outcome: StepOutcome
    run: Run | None
    executed: bool
    offset: float
    upstream: tuple[str, ...]
    log: LogExcerpt | None

    @property
    def group(self) -> str:
        """The step without its cell: `train` of `train[max_iter=100]`."""
        return self.outcome.step.partition("[")[0]

    @property
    def cell(self) -> str:
        """The cell, or empty: `max_iter=100`."""
        return self.outcome.step.partition("[")[2].removesuffix("]")

    @property
    def seconds(self) -> float:
        """How long it took: the process where one ran, else what reusing it cost."""
        return self.run.seconds if self.run is not None and self.executed else self.outcome.seconds

    @property
    def packages(self) -> Mapping[str, str]:
        """What the environment had that counted: `python`, `platform`, and packages with their versions."""
        known: Mapping[str, str] = self.run.ingredients.get("environment", {}) if self.run else {}
        return known

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the record knows beside all that has a place of its own."""
        known = self.run.facts if self.run else {}
        shown = {"environment", "environment_reason", "lock", "peak_memory", "cpu_seconds", "source"}
        return {name: value for name, value in known.items() if name not in shown and value not in (None, "")}


@dataclass(frozen=True, slots=True)
class Use:
    """A run that took a version, and what came of it."""

    step: str
    run_id: str
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ArtifactReport:
    """A version with its lineage: the step that made it and from what, and who used it since.

    `step` is empty for what a person put in by hand. `more_uses` counts the uses that are not listed.
    """

    version: Version
    aliases: tuple[str, ...]
    step: str
    made_here: bool
    parents: tuple[str, ...]
    uses: tuple[Use, ...]
    more_uses: int


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture that a step made; `address` is empty where it is too large to be embedded."""

    step: str
    ref: str
    path: str
    size: int
    address: str


@dataclass(frozen=True, slots=True)
class RunReport:
    """Everything about one pipeline run. `previous` is the run that the metrics are compared with."""

    record: PipelineRun
    steps: tuple[StepReport, ...]
    artifacts: tuple[ArtifactReport, ...] = ()
    figures: tuple[Figure, ...] = ()
    metrics: tuple[MetricChange, ...] = ()
    previous: PipelineRun | None = None
    source: Mapping[str, Any] = field(default_factory=dict)
