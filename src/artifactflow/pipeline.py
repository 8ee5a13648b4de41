"""A pipeline: steps, what is bound to their parameters and inputs, and the order that follows from it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from artifactflow.artifact import ArtifactRef
from artifactflow.errors import ContractError, NotFoundError, Place, UsageError, near_matches
from artifactflow.parameters import Parameter, Required, Source, SourceKind, Value, format_value


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written in the pipeline file: the pipeline's own, which nothing from outside changes."""

    value: Value


@dataclass(frozen=True, slots=True)
class Interpolation:
    """A text with pipeline parameters in it. `parts` alternates texts and the names of parameters.

    A single name with no text around it keeps the parameter's type.
    """

    parts: tuple[str | ParameterName, ...]

    @property
    def names(self) -> list[str]:
        """The pipeline parameters that it uses."""
        return [part.name for part in self.parts if isinstance(part, ParameterName)]


@dataclass(frozen=True, slots=True)
class ParameterName:
    """`${name}`: a parameter of the pipeline."""

    name: str


@dataclass(frozen=True, slots=True)
class OutputOf:
    """`${step.key}`: what another step produces."""

    step: str
    key: str

    def __str__(self) -> str:
        return f"${{{self.step}.{self.key}}}"


@dataclass(frozen=True, slots=True)
class Stored:
    """`artifactflow:/name/alias`: a version that is in the store already."""

    ref: ArtifactRef


Binding = Literal | Interpolation | OutputOf | Stored


class EnvironmentMode(StrEnum):
    """Where a step runs; `auto` is the current interpreter where it satisfies the component's file, else uv."""

    AUTO = "auto"
    CURRENT = "current"
    UV = "uv"
    CONDA = "conda"


@dataclass(frozen=True, slots=True)
class Step:
    """One use of an entry point in a pipeline. `places` says where each binding stands, for messages.

    A `matrix` maps parameters to lists of values: the step is then its cells, one for each combination. A failed step
    is tried `retries` times more, after pauses that double; one that takes longer than `timeout` seconds is ended.
    `tags` are names that a selection may use.
    `after` names steps that hand something on in a way that no binding shows, such as by a name in W&B. `env` is where
    it runs, None where the file leaves that to the caller.
    """

    name: str
    component: str
    entry_point: str = "main"
    bindings: Mapping[str, Binding] = field(default_factory=dict)
    matrix: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    retries: int = 0
    timeout: float | None = None
    tags: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    env: EnvironmentMode | None = None
    cache: bool = True
    place: Place | None = None
    places: Mapping[str, Place] = field(default_factory=dict, compare=False, hash=False)

    def cells(self) -> list[dict[str, Value]]:
        """The combinations of the matrix, the last parameter changing fastest; one empty one without a matrix.

        >>> Step("fit", "x", matrix={"depth": (1, 2), "seed": (7,)}).cells()
        [{'depth': 1, 'seed': 7}, {'depth': 2, 'seed': 7}]
        """
        return [dict(zip(self.matrix, values, strict=True)) for values in itertools.product(*self.matrix.values())]

    def upstream(self) -> list[str]:
        """The steps whose outputs it takes or that it comes after, each once, in the order in which it names them."""
        names = [binding.step for binding in self.bindings.values() if isinstance(binding, OutputOf)]
        return list(dict.fromkeys([*names, *self.after]))


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Steps and the parameters that they share.

    `folder` is what relative paths in the file are relative to; `config` the values of its config file with the place
    of each. `track` names the trackers that are told of its runs, None where the file leaves that to the caller.
    """

    name: str
    folder: Path
    steps: tuple[Step, ...]
    parameters: tuple[Parameter, ...] = ()
    config: Mapping[str, tuple[Value, Place]] = field(default_factory=dict)
    file: Path | None = None
    track: tuple[str, ...] | None = None

    def step(self, name: str) -> Step:
        """The step of that name. Raises NotFoundError with what may have been meant."""
        for candidate in self.steps:
            if candidate.name == name:
                return candidate
        raise NotFoundError(
            f"pipeline {self.name} has no step {name!r}",
            hint=near_matches(name, (candidate.name for candidate in self.steps)),
        )

    def order(self) -> tuple[Step, ...]:
        """The steps so that each comes after those it takes from, otherwise as they are written.

        Raises ContractError for a reference to a step that does not exist and for a cycle, which is spelled out.
        """
        by_name = {candidate.name: candidate for candidate in self.steps}
        for candidate in self.steps:
            for key, binding in candidate.bindings.items():
                if isinstance(binding, OutputOf) and binding.step not in by_name:
                    raise ContractError(
                        f"step {candidate.name}: {key} refers to {binding}, but there is no step {binding.step!r}",
                        hint=near_matches(binding.step, by_name),
                        place=candidate.places.get(key, candidate.place),
                    )
            for name in candidate.after:
                if name not in by_name:
                    raise ContractError(
                        f"step {candidate.name} comes after {name!r}, but there is no such step",
                        hint=near_matches(name, by_name),
                        place=candidate.place,
                    )
        ordered: dict[str, Step] = {}
        for candidate in self.steps:
            _place_after_upstream(candidate, by_name, ordered)
        return tuple(ordered.values())


def _place_after_upstream(first: Step, by_name: Mapping[str, Step], ordered: dict[str, Step]) -> None:
    """Depth first without recursion: a chain of a thousand steps is no reason to fail."""
    path: dict[str, list[str]] = {}
    stack = [first.name]
    while stack:
        name = stack[-1]
        if name in ordered:
            stack.pop()
            continue
        waiting = path.setdefault(name, [upstream for upstream in by_name[name].upstream() if upstream not in ordered])
        while waiting and waiting[0] in ordered:
            waiting.pop(0)
        if not waiting:
            path.pop(name)
            ordered[name] = by_name[name]
            stack.pop()
        elif waiting[0] in path:
            cycle = [*list(path)[list(path).index(waiting[0]) :], waiting[0]]
            raise ContractError(
                f"the steps take from each other in a circle: {' → '.join(reversed(cycle))}",
                hint="cut the circle: one of these steps must not use the other's output",
                place=by_name[waiting[0]].place,
            )
        else:
            stack.append(waiting[0])


def cell_name(step: str, cell: Mapping[str, Value]) -> str:
    """What a cell of a matrix is called.

    >>> cell_name("train", {"max_iter": 100})
    'train[max_iter=100]'
    """
    return f"{step}[{','.join(f'{name}={format_value(value)}' for name, value in cell.items())}]" if cell else step


@dataclass(frozen=True, slots=True)
class Given:
    """What the caller gave from outside the file: `-P` options and environment variables, as text.

    `options` maps `name` and `step.name` to texts; `variables` names to texts (`ARTIFACTFLOW_P_NAME`).
    """

    options: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)


BY_VARIABLE = "ARTIFACTFLOW_BY_VARIABLE"
"""The environment variable that names, with commas between them, the parameters that a step's process finds in
environment variables of their own. Where it is absent nobody has decided that, and any may be."""


def variable_name(parameter: str) -> str:
    """The environment variable that gives a pipeline parameter.

    >>> variable_name("max_iter")
    'ARTIFACTFLOW_P_MAX_ITER'
    """
    return "ARTIFACTFLOW_P_" + parameter.upper().replace("-", "_").replace(".", "_")


def resolve_parameters(pipeline: Pipeline, given: Given) -> dict[str, tuple[Value, Source]]:
    """The pipeline's parameters with where each value came from: option, variable, config, default.

    Raises UsageError for a value that does not fit, and for a required parameter that nothing gives.
    """
    return {parameter.name: resolve(parameter, pipeline, given, parameter.name) for parameter in pipeline.parameters}


def resolve(parameter: Parameter, pipeline: Pipeline, given: Given, name: str) -> tuple[Value, Source]:
    """One parameter under the name by which the caller knows it: `max_iter`, or `train.max_iter` for a step's own."""
    variable = variable_name(name)
    if name in given.options:
        return parameter.parse(given.options[name]), Source(SourceKind.OPTION, f"-P {name}")
    if variable in given.variables:
        return parameter.parse(given.variables[variable]), Source(SourceKind.VARIABLE, variable)
    if name in pipeline.config:
        value, place = pipeline.config[name]
        try:
            return parameter.check(value), Source(SourceKind.CONFIG, str(place))
        except UsageError as error:
            raise error.at(place) from None
    if not isinstance(parameter.default, Required):
        return parameter.check(parameter.default), Source(SourceKind.DEFAULT)
    if parameter.optional:
        return None, Source(SourceKind.DEFAULT)
    raise UsageError(
        f"parameter {name} has no value and no default, it takes {parameter.expects()}", hint=f"give it: -P {name}=…"
    )
