"""The record of one execution of a step, as far as it is known when it begins."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

from artifactflow.artifact import Digest
from artifactflow.parameters import Value
from artifactflow.runner.binding.bound import BoundStep, LocalPath
from artifactflow.runner.execution.context import RunContext
from artifactflow.runner.planning.planned import PlannedStep
from artifactflow.runner.secrets import shown_value
from artifactflow.runs import Run, now


def begun_run(run_id: str, log: str, planned: PlannedStep, context: RunContext, facts: Mapping[str, Any]) -> Run:
    """The record of a step that begins now."""
    bound = planned.bound
    return Run(
        id=run_id,
        step=bound.name,
        component=bound.component.reference or bound.component.name,
        entry_point=bound.contract.entry_point,
        pipeline=context.pipeline,
        pipeline_run_id=context.run_id,
        parameters=_shown_parameters(bound),
        sources={name: str(source) for name, source in bound.sources.items()},
        inputs=_input_labels(planned),
        reason=planned.reason,
        cache_key=planned.cache_key if bound.contract.cache and bound.step.cache else "",
        ingredients=planned.ingredients.to_json() if planned.ingredients else {},
        command=bound.contract.command,
        log=log,
        started=now(),
        facts=facts,
    )


def packages_digest(planned: PlannedStep) -> str | None:
    """What stands for the lock of an environment that was not built from one: the packages that were found."""
    ingredients = planned.ingredients
    return _digest_of(tuple(ingredients.environment.items())) if ingredients else None


@functools.lru_cache(maxsize=64)
def _digest_of(packages: tuple[tuple[str, str], ...]) -> str:
    return str(Digest.of(json.dumps(packages).encode()))


def _shown_parameters(bound: BoundStep) -> dict[str, Value]:
    """The parameters as they may be recorded: secrets masked."""
    return {
        parameter.name: shown_value(parameter, bound.parameters[parameter.name])
        for parameter in bound.contract.parameters
    }


def _input_labels(planned: PlannedStep) -> dict[str, str]:
    """The versions that go in; for a path outside the store, its digest."""
    ingredients = planned.ingredients
    labels = {name: version.ref for name, version in planned.versions.items()}
    for name, source in planned.bound.inputs.items():
        if isinstance(source, LocalPath) and ingredients is not None:
            labels[name] = ingredients.inputs[name].digest
    for name, gathered in planned.gathered.items():
        labels |= {f"{name}[{label}]": version.ref for label, version in gathered.cells}
    return labels
