"""From a pipeline and what the caller gave to steps whose every value is known.

Everything that can be wrong in a pipeline without running it is found here: names, types, references, required values,
two steps that claim one artifact. What passes is a `BoundStep` for each step, in the order of execution.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from artifactflow.artifact import URI_PREFIX, ArtifactRef, check_name
from artifactflow.contract import Component, Contract, Input, fill_template
from artifactflow.errors import ArtifactflowError, ContractError, Place, UsageError, near_matches
from artifactflow.parameters import Parameter, ParameterType, Source, SourceKind, Value, format_value
from artifactflow.pipeline import (
    Binding,
    Given,
    Interpolation,
    Literal,
    OutputOf,
    ParameterName,
    Pipeline,
    Step,
    Stored,
    cell_name,
    resolve,
    resolve_parameters,
)
from artifactflow.runner.secrets import HandOver, Marked, hand_over, mark_secrets, shown_value


@dataclass(frozen=True, slots=True)
class LocalPath:
    """An input that is a file or folder outside the store."""

    path: Path


@dataclass(frozen=True, slots=True)
class Gathered:
    """One output of every cell of a matrix step, in matrix order: a folder with a sub-folder for each cell."""

    outputs: tuple[tuple[str, OutputOf], ...]

    @property
    def step(self) -> str:
        """The step whose cells they are."""
        return self.outputs[0][1].step.partition("[")[0]


InputSource = OutputOf | Stored | LocalPath | Gathered
"""Where an input comes from. An `OutputOf` here names a cell where the step has a matrix."""


@dataclass(frozen=True, slots=True)
class OutputSlot:
    """What a step is about to produce: the output's key, and what its version will be called."""

    key: str
    name: str
    type: str
    description: str


@dataclass(frozen=True, slots=True)
class BoundStep:
    """A step with its component, its parameters' values and sources, and where its inputs come from.

    `after` names the steps (their cells) that it waits for without taking an output. `presumed` are the parameters
    that count as secret by their names alone, `pipeline_secrets` the secrets of the whole pipeline, as texts. Of the
    parameters in `contents` what lies there counts, and not the text that names it.
    """

    step: Step
    component: Component
    contract: Contract
    parameters: Mapping[str, Value]
    sources: Mapping[str, Source]
    inputs: Mapping[str, InputSource] = field(default_factory=dict)
    outputs: tuple[OutputSlot, ...] = ()
    cell: Mapping[str, Value] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    presumed: frozenset[str] = frozenset()
    pipeline_secrets: tuple[str, ...] = field(default=(), repr=False)
    contents: Mapping[str, Path] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The step's name, or that of the cell: `train[max_iter=100]`."""
        return cell_name(self.step.name, self.cell)

    def needed(self) -> list[OutputOf]:
        """The outputs of other steps (of their cells) that it takes."""
        found: list[OutputOf] = []
        for source in self.inputs.values():
            if isinstance(source, OutputOf):
                found.append(source)
            elif isinstance(source, Gathered):
                found += [output for _, output in source.outputs]
        return found

    def waits_for(self) -> list[str]:
        """The steps (their cells) that it takes from or comes after, each once."""
        return list(dict.fromkeys([*(output.step for output in self.needed()), *self.after]))

    def hand_over(self) -> HandOver:
        """How its parameters reach its process."""
        return hand_over(self.component, self.contract, self.parameters, self.presumed)


LoadComponent = Callable[[str, Path], Component]


@dataclass(frozen=True, slots=True)
class BoundPipeline:
    """The pipeline's parameters, and its steps in the order of execution."""

    pipeline: Pipeline
    parameters: Mapping[str, tuple[Value, Source]]
    steps: tuple[BoundStep, ...]


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
    parameters = {
        parameter.name: _with_absolute_path(parameter, value, source, base=_base(source, pipeline.folder, caller))
        for parameter, (value, source) in zip(
            pipeline.parameters, resolve_parameters(pipeline, given).values(), strict=True
        )
    }
    binder = _Binder(pipeline, given, parameters, marked, caller)
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


def _base(source: Source, folder: Path, caller: Path) -> Path:
    return caller if source.kind in (SourceKind.OPTION, SourceKind.VARIABLE) else folder


def _with_absolute_path(parameter: Parameter, value: Value, source: Source, *, base: Path) -> tuple[Value, Source]:
    """A relative path means the folder of whoever wrote it, so it is made absolute where that is still known."""
    if not isinstance(value, str) or not value or value.startswith(URI_PREFIX):
        return value, source
    if parameter.type is ParameterType.PATH:
        return str(base / Path(value).expanduser()), source
    if parameter.type is ParameterType.URI and is_local_address(value):
        return str(base / Path(value.removeprefix("file://")).expanduser()), source
    return value, source


def is_local_address(address: str) -> bool:
    """Whether a `uri` parameter names a file of this machine: no scheme, or `file:`.

    >>> is_local_address("data/iris.csv"), is_local_address("https://host/iris.csv"), is_local_address("pkg:a/b")
    (True, False, False)
    """
    scheme, colon, _ = address.partition(":")
    return not colon or scheme == "file" or not scheme.isalnum() or len(scheme) == 1


class _Binder:
    """Binds one step after another; it exists to keep what they share at hand."""

    def __init__(
        self,
        pipeline: Pipeline,
        given: Given,
        parameters: Mapping[str, tuple[Value, Source]],
        marked: Marked,
        caller: Path,
    ) -> None:
        self.pipeline = pipeline
        self.given = given
        self.parameters = parameters
        self.contracts = marked.contracts
        self.presumed = marked.presumed
        self.caller = caller
        self.secrets = tuple(
            format_value(parameters[parameter.name][0]) for parameter in pipeline.parameters if parameter.secret
        )
        self.cells = {step.name: step.cells() for step in pipeline.steps}

    def bound(self, step: Step, cell: Mapping[str, Value]) -> BoundStep:
        component, contract = self.contracts[step.name]
        for name in (*step.bindings, *step.matrix):
            if name not in contract.names():
                raise ContractError(
                    f"step {step.name} sets {name!r}, which {component.name} does not take",
                    hint=near_matches(name, contract.names()) or f"it takes {', '.join(contract.names())}",
                    place=step.places.get(name, step.place),
                )
        self.refuse_wrong_matrix(step, contract)
        resolved = {
            parameter.name: self.parameter(step, component, parameter, cell) for parameter in contract.parameters
        }
        values = {name: value for name, (value, _) in resolved.items()}
        inputs = {item.name: self.input(step, item) for item in contract.inputs}
        return BoundStep(
            step=step,
            component=component,
            contract=contract,
            parameters=values,
            sources={name: source for name, (_, source) in resolved.items()},
            inputs={name: source for name, source in inputs.items() if source is not None},
            outputs=tuple(self.outputs(step, contract, values)),
            cell=cell,
            after=tuple(cell_name(name, other) for name in step.after for other in self.cells[name]),
            presumed=self.presumed[step.name],
            pipeline_secrets=self.secrets,
        )

    def refuse_wrong_matrix(self, step: Step, contract: Contract) -> None:
        parameters = {parameter.name for parameter in contract.parameters}
        for name in step.matrix:
            if name in step.bindings:
                raise ContractError(f"step {step.name} sets {name} under with: and under matrix:", place=step.place)
            if name not in parameters:
                raise ContractError(
                    f"step {step.name}: {name} is an input, a matrix varies parameters", place=step.place
                )

    def parameter(
        self, step: Step, component: Component, parameter: Parameter, cell: Mapping[str, Value]
    ) -> tuple[Value, Source]:
        binding = step.bindings.get(parameter.name)
        if parameter.name in cell:
            binding = Literal(cell[parameter.name])
        if binding is None:
            value, source = resolve(parameter, self.pipeline, self.given, f"{step.name}.{parameter.name}")
            base = component.folder if source.kind is SourceKind.DEFAULT else self.base(source)
            return _with_absolute_path(parameter, value, source, base=base)
        place = step.places.get(parameter.name, step.place)
        if isinstance(binding, (OutputOf, Stored)):
            raise ContractError(
                f"step {step.name}: {parameter.name} is a parameter, it cannot take an artifact",
                hint="bind artifacts to the component's inputs",
                place=place,
            )
        given, source = self.value(step, parameter.name, binding, place)
        try:
            value = parameter.check(given)
        except UsageError as error:
            if source.kind in (SourceKind.OPTION, SourceKind.VARIABLE):
                raise
            raise ContractError(f"step {step.name}: {error.message}", hint=error.hint, place=place) from None
        return _with_absolute_path(parameter, value, source, base=self.base(source))

    def base(self, source: Source) -> Path:
        return _base(source, self.pipeline.folder, self.caller)

    def value(
        self, step: Step, name: str, binding: Literal | Interpolation, place: Place | None
    ) -> tuple[Value, Source]:
        """The value of a binding; that of a whole reference keeps its type and its source."""
        if isinstance(binding, Literal):
            return binding.value, Source(SourceKind.LITERAL, str(place) if place else "")
        for used in binding.names:
            if used not in self.parameters:
                raise ContractError(
                    f"step {step.name}: {name} uses ${{{used}}}, which is no parameter of the pipeline",
                    hint=near_matches(used, self.parameters) or "declare it under parameters:",
                    place=place,
                )
        if len(binding.parts) == 1 and isinstance(binding.parts[0], ParameterName):
            return self.parameters[binding.parts[0].name]
        sources = [self.parameters[used][1] for used in binding.names]
        text = "".join(
            part if isinstance(part, str) else format_value(self.parameters[part.name][0]) for part in binding.parts
        )
        # The weakest is a default; a text that an option went into is the caller's.
        order = list(SourceKind)
        return text, min(sources, key=lambda source: order.index(source.kind))

    def input(self, step: Step, item: Input) -> InputSource | None:
        binding: Binding | None = step.bindings.get(item.name)
        place = step.places.get(item.name, step.place)
        if isinstance(binding, OutputOf):
            self.refuse_missing_output(step, item.name, binding, place)
            cells = self.cells[binding.step]
            if cells == [{}]:
                return binding
            names = [cell_name(binding.step, cell) for cell in cells]
            labels = [",".join(f"{key}={format_value(value)}" for key, value in cell.items()) for cell in cells]
            return Gathered(
                tuple((label, OutputOf(name, binding.key)) for label, name in zip(labels, names, strict=True))
            )
        if isinstance(binding, Stored):
            return binding
        if binding is None:
            parameter = Parameter(item.name, ParameterType.PATH, optional=item.optional, description=item.description)
            name = f"{step.name}.{item.name}"
            try:
                value, source = resolve(parameter, self.pipeline, self.given, name)
            except UsageError as error:
                raise ContractError(
                    f"step {step.name} needs the input {item.name}",
                    hint=f"bind it under with:, as {item.name}: ${{STEP.OUTPUT}}, or give it: -P {name}=PATH",
                    place=step.place,
                ) from error
        else:
            value, source = self.value(step, item.name, binding, place)
        if value in (None, ""):
            if item.optional:
                return None
            raise ContractError(f"step {step.name} needs the input {item.name}, got an empty text", place=place)
        text = format_value(value)
        if text.startswith(URI_PREFIX):
            return Stored(ArtifactRef.parse(text))
        path = self.base(source) / Path(text).expanduser()
        if not path.exists():
            raise UsageError(
                f"step {step.name}: the input {item.name} is {path}, which does not exist",
                hint=f"give a path that exists, or {URI_PREFIX}NAME/ALIAS for a stored artifact",
            )
        return LocalPath(path)

    def refuse_missing_output(self, step: Step, name: str, binding: OutputOf, place: Place | None) -> None:
        component, contract = self.contracts[binding.step]
        keys = [output.key for output in contract.outputs]
        if binding.key not in keys:
            raise ContractError(
                f"step {step.name}: {name} takes {binding}, but {component.name} has no output {binding.key!r}",
                hint=near_matches(binding.key, keys) or f"its outputs are {', '.join(keys) or '(none)'}",
                place=place,
            )

    def outputs(self, step: Step, contract: Contract, values: Mapping[str, Value]) -> list[OutputSlot]:
        slots = []
        shown = {one.name: shown_value(one, values[one.name]) for one in contract.parameters}
        for output in contract.outputs:
            name = fill_template(output.name, shown)
            try:
                check_name(name)
                kind = check_name(fill_template(output.type, shown), "artifact type")
            except UsageError as error:
                raise UsageError(
                    f"step {step.name}: the output {output.key}: {error.message}", hint=error.hint, place=step.place
                ) from None
            slots.append(OutputSlot(output.key, name, kind, fill_template(output.description, shown)))
        return slots


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
