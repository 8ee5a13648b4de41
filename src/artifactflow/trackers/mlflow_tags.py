"""What MLflow's runs are called and tagged with: where they came from, and how they are found again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from artifactflow.parameters import format_value
from artifactflow.runs import PipelineRun, Run
from artifactflow.trackers.environment import environment_digest
from artifactflow.trackers.told import ToldPipeline, ToldStep

RUN_TAG: Final = "artifactflow.run"
"""Says which record a run was made from: how it is found again after a crash."""

_unwanted = re.compile(r"[^\w\-. /]")


def mlflow_name(name: str) -> str:
    """A name as MLflow takes it: it refuses some signs.

    >>> mlflow_name("train[max_iter=100]")
    'train_max_iter_100_'
    """
    return _unwanted.sub("_", name)[:200]


def metric_name(name: str) -> str:
    """A metric's name as MLflow takes it: to it, it is a path, which may not begin with `/` or lead upwards.

    >>> metric_name("/odd//../name")
    'odd/name'
    """
    parts = [part for part in mlflow_name(name).split("/") if part not in ("", ".", "..")]
    return "/".join(parts) or "_"


def pipeline_tags(record: PipelineRun, project: Path, parent: str) -> dict[str, str]:
    """Tags of a pipeline's run at its beginning; `parent` is the run of the `mlflow run` that runs the command."""
    tags = {RUN_TAG: record.id, "artifactflow.pipeline": record.pipeline, "mlflow.source.type": "PROJECT"}
    tags["mlflow.source.name"] = str(project)
    if parent:
        tags["mlflow.parentRunId"] = parent
    return tags


def outcome_tags(told: ToldPipeline) -> dict[str, str]:
    """What became of a pipeline and of each of its steps; reused ones are linked to the runs that made them."""
    record = told.record
    tags = {"artifactflow.status": record.status.value} | _source_tags(record.facts.get("source", {}))
    if record.message:
        tags["artifactflow.message"] = record.message
    for outcome in record.steps:
        name = mlflow_name(outcome.step)
        tags[f"artifactflow.step.{name}"] = f"{outcome.decision}: {outcome.reason}"
        if outcome.decision in ("REUSE", "SKIP") and outcome.step in told.links:
            tags[f"artifactflow.reused.{name}"] = told.links[outcome.step]
        for key, ref in outcome.outputs.items():
            tags[f"artifactflow.output.{name}.{mlflow_name(key)}"] = ref
    return tags


def step_tags(run: Run, pipeline: str) -> dict[str, str]:
    """Tags of a step's run at its beginning."""
    tags = {
        RUN_TAG: run.id,
        "artifactflow.step": run.step,
        "artifactflow.reason": run.reason,
        "artifactflow.command": run.command,
        "mlflow.parentRunId": pipeline,
        "mlflow.source.name": run.component,
        "mlflow.source.type": "PROJECT",
        "mlflow.project.entryPoint": run.entry_point,
        "mlflow.project.backend": "artifactflow",
    }
    return {key: value for key, value in tags.items() if value}


def result_tags(step: ToldStep) -> dict[str, str]:
    """What became of a step."""
    run = step.run
    tags = {
        "artifactflow.status": run.status.value,
        "artifactflow.environment": environment_digest(run),
        "artifactflow.exit_code": "" if run.exit_code is None else str(run.exit_code),
        "artifactflow.message": run.message,
        **{f"artifactflow.input.{mlflow_name(key)}": ref for key, ref in run.inputs.items()},
        **{f"artifactflow.output.{mlflow_name(key)}": ref for key, ref in run.outputs.items()},
        **_source_tags(run.facts.get("source", {})),
    }
    return {key: value for key, value in tags.items() if value}


def _source_tags(source: Mapping[str, Any]) -> dict[str, str]:
    tags = {}
    if source.get("commit"):
        tags["mlflow.source.git.commit"] = str(source["commit"])
        tags["artifactflow.git.dirty"] = format_value(bool(source.get("dirty")))
    if source.get("repository"):
        tags["mlflow.source.git.repoURL"] = str(source["repository"])
    return tags
