"""Binds one step: the values of its parameters, where its inputs come from, and what its outputs will be called."""

from __future__ import annotations

from collections.abc import Mapping

from artifactflow.artifact import URI_PREFIX, ArtifactRef, check_name
from artifactflow.contract import Contract, Input, fill_template
from artifactflow.errors import ContractError, Place, UsageError, near_matches
from artifactflow.fetch.addresses import local_path
from artifactflow.parameters import Parameter, ParameterType, Value, format_value
from artifactflow.pipeline import OutputOf, Step, Stored, cell_name
from artifactflow.runner.binding.bound import BoundStep, Gathered, InputSource, LocalPath, OutputSlot
from artifactflow.runner.binding.step_values import StepValues
from artifactflow.runner.secrets import Marked, shown_value


class StepBinder:
    """Binds one step after another; it exists to keep what they share at hand."""

    def __init__(self, marked: Marked, values: StepValues) -> None:
        pipeline = marked.pipeline
        self._values = values
        self._contracts = marked.contracts
        self._presumed = marked.presumed
        self._secrets = tuple(
            format_value(values.parameters[parameter.name][0]) for parameter in pipeline.parameters if parameter.secret
        )
        self._cells = {step.name: step.cells() for step in pipeline.steps}

    def bound(self, step: Step, cell: Mapping[str, Value]) -> BoundStep:
        """The step, or one cell of it. Raises ContractError and UsageError as `bind` does."""
        component, contract = self._contracts[step.name]
        for name in (*step.bindings, *step.matrix):
            if name not in contract.names():
                raise ContractError(
                    f"step {step.name} sets {name!r}, which {component.name} does not take",
                    hint=near_matches(name, contract.names()) or f"it takes {', '.join(contract.names())}",
                    place=step.places.get(name, step.place),
                )
        _refuse_wrong_matrix(step, contract)
        resolved = {
            parameter.name: self._values.of_parameter(step, component, parameter, cell)
            for parameter in contract.parameters
        }
        values = {name: value for name, (value, _) in resolved.items()}
        inputs = {item.name: self._input(step, item) for item in contract.inputs}
        return BoundStep(
            step=step,
            component=component,
            contract=contract,
            parameters=values,
            sources={name: source for name, (_, source) in resolved.items()},
            inputs={name: source for name, source in inputs.items() if source is not None},
            outputs=_outputs(step, contract, values),
            cell=cell,
            after=tuple(cell_name(name, other) for name in step.after for other in self._cells[name]),
            presumed=self._presumed[step.name],
            pipeline_secrets=self._secrets,
        )

    def _input(self, step: Step, item: Input) -> InputSource | None:
        binding = step.bindings.get(item.name)
        place = step.places.get(item.name, step.place)
        if isinstance(binding, OutputOf):
            return self._output_of(step, item.name, binding, place)
        if isinstance(binding, Stored):
            return binding
        if binding is None:
            parameter = Parameter(item.name, ParameterType.PATH, optional=item.optional, description=item.description)
            try:
                value, source = self._values.left_open(step, parameter)
            except UsageError as error:
                option = f"-P {step.name}.{item.name}=PATH"
                raise ContractError(
                    f"step {step.name} needs the input {item.name}",
                    hint=f"bind it under with:, as {item.name}: ${{STEP.OUTPUT}}, or give it: {option}",
                    place=step.place,
                ) from error
        else:
            value, source = self._values.of_binding(step, item.name, binding, place)
        if value in (None, ""):
            if item.optional:
                return None
            raise ContractError(f"step {step.name} needs the input {item.name}, got an empty text", place=place)
        text = format_value(value)
        if text.startswith(URI_PREFIX):
            return Stored(ArtifactRef.parse(text))
        path = self._values.base(source) / local_path(text)
        if not path.exists():
            raise UsageError(
                f"step {step.name}: the input {item.name} is {path}, which does not exist",
                hint=f"give a path that exists, or {URI_PREFIX}NAME/ALIAS for a stored artifact",
            )
        return LocalPath(path)

    def _output_of(self, step: Step, name: str, binding: OutputOf, place: Place | None) -> OutputOf | Gathered:
        """Another step's output; those of all its cells where it has a matrix."""
        component, contract = self._contracts[binding.step]
        keys = [output.key for output in contract.outputs]
        if binding.key not in keys:
            raise ContractError(
                f"step {step.name}: {name} takes {binding}, but {component.name} has no output {binding.key!r}",
                hint=near_matches(binding.key, keys) or f"its outputs are {', '.join(keys) or '(none)'}",
                place=place,
            )
        cells = self._cells[binding.step]
        if cells == [{}]:
            return binding
        names = [cell_name(binding.step, cell) for cell in cells]
        labels = [",".join(f"{key}={format_value(value)}" for key, value in cell.items()) for cell in cells]
        return Gathered(tuple((label, OutputOf(name, binding.key)) for label, name in zip(labels, names, strict=True)))


def _refuse_wrong_matrix(step: Step, contract: Contract) -> None:
    parameters = {parameter.name for parameter in contract.parameters}
    for name in step.matrix:
        if name in step.bindings:
            raise ContractError(f"step {step.name} sets {name} under with: and under matrix:", place=step.place)
        if name not in parameters:
            raise ContractError(f"step {step.name}: {name} is an input, a matrix varies parameters", place=step.place)


def _outputs(step: Step, contract: Contract, values: Mapping[str, Value]) -> tuple[OutputSlot, ...]:
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
    return tuple(slots)
