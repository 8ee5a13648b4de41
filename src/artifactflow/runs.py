"""The records of what was executed: one run a step, one pipeline run around them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self

from artifactflow.parameters import Value


class RunStatus(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


def new_run_id() -> str:
    """An id that sorts by time and that nobody else has: `20261123-101502-7f3a9c41`."""
    return time.strftime("%Y%m%d-%H%M%S-", time.gmtime()) + secrets.token_hex(4)


def now() -> str:
    """The time in UTC, ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a step.

    `parameters` and `sources` have the same keys; `inputs` and `outputs` map keys to versions as `name:v3`, and an
    input that is no artifact to its digest. `ingredients` is what the cache key was made of, so that a later
    plan can say what changed; `cache_key` is empty where the step must not be reused.
    """

    id: str
    step: str
    component: str
    entry_point: str = "main"
    status: RunStatus = RunStatus.RUNNING
    pipeline: str = ""
    pipeline_run_id: str | None = None
    parameters: Mapping[str, Value] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    cache_key: str = ""
    ingredients: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    started: str = ""
    ended: str = ""
    seconds: float = 0.0
    exit_code: int | None = None
    message: str = ""
    log: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The record of it, for the journal and for `--json`."""
        return {
            "id": self.id,
            "step": self.step,
            "component": self.component,
            "entry_point": self.entry_point,
            "status": self.status.value,
            "pipeline": self.pipeline,
            "pipeline_run": self.pipeline_run_id,
            "parameters": dict(self.parameters),
            "sources": dict(self.sources),
            "inputs": dict(self.inputs),
            "outputs": dict(self.outputs),
            "reason": self.reason,
            "cache_key": self.cache_key,
            "ingredients": dict(self.ingredients),
            "command": self.command,
            "started": self.started,
            "ended": self.ended,
            "seconds": self.seconds,
            "exit_code": self.exit_code,
            "message": self.message,
            "log": self.log,
            "facts": dict(self.facts),
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """The run that `to_json` wrote."""
        known = dict(record)
        known["pipeline_run_id"] = known.pop("pipeline_run")
        known["status"] = RunStatus(known["status"])
        return cls(**known)


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """What a pipeline run decided about one step, and the run that made its outputs (of now, or the one reused)."""

    step: str
    decision: str
    reason: str
    run_id: str | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """The row of it, as `run-pipeline --json` prints it."""
        return {
            "step": self.step,
            "decision": self.decision,
            "reason": self.reason,
            "run": self.run_id,
            "outputs": dict(self.outputs),
            "seconds": round(self.seconds, 3),
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """The outcome that `to_json` wrote."""
        return cls(
            step=record["step"],
            decision=record["decision"],
            reason=record["reason"],
            run_id=record["run"],
            outputs=record["outputs"],
            seconds=record["seconds"],
        )


@dataclass(frozen=True, slots=True)
class PipelineRun:
    """One execution of a pipeline: its parameters and what became of each step."""

    id: str
    pipeline: str
    status: RunStatus = RunStatus.RUNNING
    parameters: Mapping[str, Value] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[StepOutcome, ...] = ()
    started: str = ""
    ended: str = ""
    seconds: float = 0.0
    message: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The record of it, for the journal and for `--json`."""
        return {
            "id": self.id,
            "pipeline": self.pipeline,
            "status": self.status.value,
            "parameters": dict(self.parameters),
            "sources": dict(self.sources),
            "steps": [outcome.to_json() for outcome in self.steps],
            "started": self.started,
            "ended": self.ended,
            "seconds": round(self.seconds, 3),
            "message": self.message,
            "facts": dict(self.facts),
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """The pipeline run that `to_json` wrote."""
        known = dict(record)
        known["status"] = RunStatus(known["status"])
        known["steps"] = tuple(StepOutcome.from_json(row) for row in known["steps"])
        return cls(**known)
