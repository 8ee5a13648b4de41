"""A pipeline with its components: what of it is known without running it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from artifactflow.check.subjects import PipelineSubject
from artifactflow.check.tree import Tree
from artifactflow.contract import BUILT_IN_PREFIX, Component, Contract
from artifactflow.errors import ArtifactflowError, NotFoundError, Place, UsageError
from artifactflow.parameters import Parameter, Required, Value, format_value
from artifactflow.pipeline import Interpolation, Literal, ParameterName, Pipeline, Step
from artifactflow.read.component import load_component
from artifactflow.read.yaml import PIPELINE_BOUNDS, read_yaml_file
from artifactflow.read.yaml_node import Node


@dataclass(frozen=True, slots=True)
class Known:
    """A value that the files state; None among them, which is why it has a wrapper."""

    value: Value


@dataclass
class PipelineFacts:
    """A pipeline file, its YAML, and the contracts of its steps as far as they can be read.

    `failures` holds, by the step's name, why its component cannot be had, None where that is said at the component;
    `without_entry_point` why a component that can be had has no such entry point.
    """

    pipeline: Pipeline
    root: Node
    tree: Tree
    contracts: dict[str, tuple[Component, Contract]] = field(default_factory=dict)
    failures: dict[str, ArtifactflowError | None] = field(default_factory=dict)
    without_entry_point: dict[str, NotFoundError] = field(default_factory=dict)

    def __post_init__(self) -> None:
        components: dict[str, Component | ArtifactflowError | None] = {}
        for step in self.pipeline.steps:
            if step.component not in components:
                components[step.component] = self._component(step.component)
            component = components[step.component]
            if not isinstance(component, Component):
                self.failures[step.name] = component
                continue
            try:
                self.contracts[step.name] = (component, component.contract(step.entry_point))
            except NotFoundError as error:
                self.without_entry_point[step.name] = error

    def _component(self, reference: str) -> Component | ArtifactflowError | None:
        if not reference.startswith(BUILT_IN_PREFIX):
            subject = self.tree.component_at(self.pipeline.folder / reference)
            if subject is not None and subject.manifest is not None:
                return subject.manifest.component
            if subject is not None and subject in self.tree.components:
                return None
        try:
            return load_component(reference, self.pipeline.folder)
        except ArtifactflowError as error:
            return error

    @cached_property
    def parameters(self) -> Mapping[str, Parameter]:
        """The pipeline's parameters by name."""
        return {parameter.name: parameter for parameter in self.pipeline.parameters}

    @cached_property
    def values(self) -> Mapping[str, Known]:
        """What config and defaults give the pipeline's parameters; those that only a caller can give are left out."""
        found = {}
        for parameter in self.pipeline.parameters:
            stated = self.pipeline.config.get(parameter.name)
            value = stated[0] if stated else parameter.default
            if isinstance(value, Required):
                value = None
                if not parameter.optional:
                    continue
            try:
                found[parameter.name] = Known(parameter.check(value))
            except UsageError:
                continue
        return found

    def bound_value(self, binding: Literal | Interpolation) -> Known | None:
        """What a binding gives, None where a part of it is not known."""
        if isinstance(binding, Literal):
            return Known(binding.value)
        if any(name not in self.values for name in binding.names):
            return None
        if len(binding.parts) == 1 and isinstance(binding.parts[0], ParameterName):
            return self.values[binding.parts[0].name]
        texts = (
            part if isinstance(part, str) else format_value(self.values[part.name].value) for part in binding.parts
        )
        return Known("".join(texts))

    def step_values(self, step: Step) -> dict[str, Value]:
        """The values of a step's parameters that are known: bound, from the config, or the component's default."""
        _, contract = self.contracts[step.name]
        found: dict[str, Value] = {}
        for parameter in contract.parameters:
            binding = step.bindings.get(parameter.name)
            stated = self.pipeline.config.get(f"{step.name}.{parameter.name}")
            if isinstance(binding, (Literal, Interpolation)):
                known = self.bound_value(binding)
                if known is not None:
                    found[parameter.name] = known.value
            elif binding is None and stated:
                found[parameter.name] = stated[0]
            elif binding is None and not isinstance(parameter.default, Required):
                found[parameter.name] = parameter.default
            elif binding is None and parameter.optional:
                found[parameter.name] = None
        return found

    def node_of(self, step: Step) -> Node | None:
        """The YAML of a step."""
        steps = self.root.get("steps")
        return steps.get(step.name) if steps else None

    def component_place(self, step: Step) -> Place:
        """Where a step names its component."""
        node = self.node_of(step)
        found = node.get("component") if node else None
        return found.place if found else step.place or self.root.place

    def entry_point_place(self, step: Step) -> Place:
        """Where a step names its entry point, or its component where it leaves it to be `main`."""
        node = self.node_of(step)
        found = node.get("entry_point") if node else None
        return found.place if found else self.component_place(step)

    def key_place(self, step: Step, name: str) -> Place:
        """Where the step's `with:` says `name:`."""
        node = self.node_of(step)
        bound = node.get("with") if node else None
        return bound.key_place(name) if bound else step.place or self.root.place

    def value_place(self, step: Step, name: str) -> Place:
        """Where the step's `with:` gives `name` its value."""
        return step.places.get(name) or step.place or self.root.place


def facts_of(subject: PipelineSubject, tree: Tree) -> PipelineFacts | None:
    """What is known of a pipeline; None where its file is wrong."""
    pipeline = subject.pipeline
    if pipeline is None:
        return None
    root = subject.reading.attempt(lambda: read_yaml_file(subject.path, PIPELINE_BOUNDS), subject.path)
    return PipelineFacts(pipeline, root, tree) if root is not None else None


def folders_beside(folder: Path) -> list[str]:
    """The names of the folders in a folder, for near matches; none where it does not exist."""
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
