"""Finds what a name or a path means: a pipeline file, a component's folder, a built-in step."""

from __future__ import annotations

from pathlib import Path

from artifactflow.contract import BUILT_IN_PREFIX, MAIN, Component
from artifactflow.errors import NotFoundError, UsageError
from artifactflow.parameters import Parameter, ParameterType
from artifactflow.pipeline import Interpolation, ParameterName, Pipeline, Step
from artifactflow.read.built_in import built_in_component
from artifactflow.read.mlproject import find_manifest, read_component
from artifactflow.read.paths import is_file, is_folder
from artifactflow.read.pipeline import find_pipeline_file, read_pipeline


def load_component(reference: str, folder: Path) -> Component:
    """The component that `component:` names: `artifactflow:NAME`, or a folder relative to `folder`.

    Raises NotFoundError where there is no such folder or it holds no manifest, ContractError for a wrong manifest.
    """
    if reference.startswith(BUILT_IN_PREFIX):
        return built_in_component(reference.removeprefix(BUILT_IN_PREFIX))
    path = folder / reference
    if not is_folder(path):
        raise NotFoundError(
            f"there is no component {reference!r}: {path} is no folder",
            hint=f"create it: artifactflow scaffold {path.name} --into {path.parent}",
        )
    return read_component(path)


def load_pipeline(path: Path, config: Path | None = None, entry_point: str = MAIN) -> Pipeline:
    """The pipeline at `path`: a pipeline file, a folder that holds one, or a component's folder as a pipeline of one.

    `entry_point` is that of a component. Raises NotFoundError where there is neither.
    """
    if is_folder(path):
        file = find_pipeline_file(path)
        if file is not None:
            return read_pipeline(file, config)
        if find_manifest(path) is not None:
            if config is not None:
                raise UsageError("a component has no config file", hint="give its parameters: -P name=value")
            return pipeline_of_one(read_component(path), entry_point)
        raise NotFoundError(
            f"{path} holds neither a pipeline.yaml nor an MLproject",
            hint="start one: artifactflow scaffold new-step",
        )
    if is_file(path):
        if path.name.lower() == "mlproject":
            return pipeline_of_one(read_component(path.parent), entry_point)
        return read_pipeline(path, config)
    raise NotFoundError(f"there is no {path}", hint="give a pipeline.yaml, or a folder that holds one or an MLproject")


def pipeline_of_one(component: Component, entry_point: str = MAIN) -> Pipeline:
    """A component as a pipeline: its parameters are the pipeline's, and so are its inputs, as paths."""
    contract = component.contract(entry_point)
    name = component.name
    inputs = tuple(
        Parameter(item.name, ParameterType.PATH, optional=item.optional, description=item.description)
        for item in contract.inputs
    )
    step = Step(
        name=name,
        component=".",
        entry_point=contract.entry_point,
        bindings={option: Interpolation((ParameterName(option),)) for option in contract.names()},
    )
    return Pipeline(
        name=name, folder=component.folder, steps=(step,), parameters=(*inputs, *contract.parameters), file=None
    )
