"""The value of each parameter of a step: from its cell, its binding, or what the caller gave, and where that was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from artifactflow.contract import Component
from artifactflow.errors import ContractError, Place, UsageError, near_matches
from artifactflow.parameters import Parameter, Source, SourceKind, Value, format_value
from artifactflow.pipeline import (
    Given,
    Interpolation,
    Literal,
    OutputOf,
    ParameterName,
    Pipeline,
    Step,
    Stored,
    resolve,
)
from artifactflow.runner.binding.paths import absolute_value, base_of


@dataclass(frozen=True, slots=True)
class StepValues:
    """Finds values, given those of the pipeline's own `parameters`. Paths that the `caller` gave start there."""

    pipeline: Pipeline
    given: Given
    parameters: Mapping[str, tuple[Value, Source]]
    caller: Path

    def of_parameter(
        self, step: Step, component: Component, parameter: Parameter, cell: Mapping[str, Value]
    ) -> tuple[Value, Source]:
        """The value of one parameter of a step's `cell`.

        Raises ContractError where the pipeline binds what cannot be, UsageError where the caller gave it.
        """
        binding = step.bindings.get(parameter.name)
        if parameter.name in cell:
            binding = Literal(cell[parameter.name])
        if binding is None:
            value, source = self.left_open(step, parameter)
            base = component.folder if source.kind is SourceKind.DEFAULT else self.base(source)
            return absolute_value(parameter, value, base), source
        place = step.places.get(parameter.name, step.place)
        if isinstance(binding, (OutputOf, Stored)):
            raise ContractError(
                f"step {step.name}: {parameter.name} is a parameter, it cannot take an artifact",
                hint="bind artifacts to the component's inputs",
                place=place,
            )
        bound, source = self.of_binding(step, parameter.name, binding, place)
        try:
            value = parameter.check(bound)
        except UsageError as error:
            if source.kind in (SourceKind.OPTION, SourceKind.VARIABLE):
                raise
            raise ContractError(f"step {step.name}: {error.message}", hint=error.hint, place=place) from None
        return absolute_value(parameter, value, self.base(source)), source

    def left_open(self, step: Step, parameter: Parameter) -> tuple[Value, Source]:
        """The value of what the pipeline does not bind: the caller's, the config's, or the default.

        Raises UsageError where there is none, or where it does not fit.
        """
        return resolve(parameter, self.pipeline, self.given, f"{step.name}.{parameter.name}")

    def of_binding(
        self, step: Step, name: str, binding: Literal | Interpolation, place: Place | None
    ) -> tuple[Value, Source]:
        """The value of a binding; that of a whole reference keeps its type and its source.

        Raises ContractError for a reference to no parameter.
        """
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

    def base(self, source: Source) -> Path:
        """What paths of that source are relative to."""
        return base_of(source, self.pipeline.folder, self.caller)
