"""From a pipeline and what the caller gave to steps whose every value is known.

Everything that can be wrong in a pipeline without running it is found here: names, types, references, required values,
two steps that claim one artifact. What passes is a `BoundStep` for each step, in the order of execution.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from artifactflow.contract import Component, Contract
from artifactflow.errors import ArtifactflowError, ContractError, UsageError, near_matches
from artifactflow.pipeline import Given, Pipeline, resolve_parameters
from artifactflow.runner.binding.bound import BoundPipeline, BoundStep
from artifactflow.runner.binding.paths import absolute_value, base_of
from artifactflow.runner.binding.step_binding import StepBinder
from artifactflow.runner.binding.step_values import StepValues
from artifactflow.runner.secrets import mark_secrets

LoadComponent = Callable[[str, Path], Component]


def bind(pipeline: Pipeline, given: Given, load_component: LoadComponent, caller: Path) -> BoundPipeline:
    """Resolve every value of every step.

    `load_component` finds what a step's `component:` names, relative to the pipeline's folder; `caller` is what paths
    given by option or environment variable are relative to. Raises ContractError for what the pipeline says wrongly,
    UsageError for what the caller gave wrongly.
    """
    order = pipeline.order()
    contracts: dict[str, tuple[Component, Contract]] = {}
    components: dict[str, Component] = {}
    for step in order:
        try:
            if step.component not in components:
                components[step.component] = load_component(step.component, pipeline.folder)
            component = components[step.component]
            contracts[step.name] = (component, component.contract(step.entry_point))
        except ArtifactflowError as error:
            raise error.at(step.place) if step.place else error from None
    _refuse_unknown_names(pipeline, given, {name: contract for name, (_, contract) in contracts.items()})
    marked = mark_secrets(pipeline, contracts)
    pipeline = marked.pipeline
    resolved = resolve_parameters(pipeline, given).values()
    parameters = {
        parameter.name: (absolute_value(parameter, value, base_of(source, pipeline.folder, caller)), source)
        for parameter, (value, source) in zip(pipeline.parameters, resolved, strict=True)
    }
    binder = StepBinder(marked, StepValues(pipeline, given, parameters, caller))
    steps = tuple(binder.bound(step, cell) for step in order for cell in step.cells())
    _refuse_shared_names(steps)
    return BoundPipeline(pipeline, parameters, steps)


def _refuse_unknown_names(pipeline: Pipeline, given: Given, contracts: Mapping[str, Contract]) -> None:
    names = {parameter.name for parameter in pipeline.parameters}
    left_open = {
        f"{step.name}.{name}"
        for step in pipeline.steps
        for name in contracts[step.name].names()
        if name not in step.bindings and name not in step.matrix
    }
    known = names | left_open
    for name in given.options:
        if name not in known:
            taken = any(name == f"{step.name}.{key}" for step in pipeline.steps for key in step.bindings)
            raise UsageError(
                f"{name} is set by the pipeline itself, -P cannot change it"
                if taken
                else f"pipeline {pipeline.name} has no parameter {name!r}",
                hint=_near_parameters(name, known),
            )
    for name, (_, place) in pipeline.config.items():
        if name not in known:
            raise ContractError(
                f"the config sets {name!r}, which pipeline {pipeline.name} does not take",
                hint=_near_parameters(name, known),
                place=place,
            )


def _near_parameters(name: str, known: set[str]) -> str:
    same = sorted(full for full in known if full.rpartition(".")[2] == name)
    if same:
        return f"did you mean {' or '.join(same)}?"
    return near_matches(name, known) or f"it takes {', '.join(sorted(known)) or 'no parameters'}"


def _refuse_shared_names(steps: tuple[BoundStep, ...]) -> None:
    owners: dict[str, BoundStep] = {}
    for bound in steps:
        for slot in bound.outputs:
            other = owners.setdefault(slot.name, bound)
            if other.step is not bound.step:
                raise ContractError(
                    f"the steps {other.name} and {bound.name} both produce an artifact called {slot.name!r}",
                    hint="give one of them another name, for instance by the parameter that names its output",
                    place=bound.step.place,
                )
