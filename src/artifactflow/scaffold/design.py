"""What a new component is to be, as a value, from what the caller said in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from artifactflow.contract import Contract, EnvironmentKind, Output
from artifactflow.errors import UsageError, near_matches
from artifactflow.parameters import Parameter, ParameterType
from artifactflow.scaffold.grammar import check_component_name, read_input, read_output, read_parameter
from artifactflow.scaffold.requirements import checked_python
from artifactflow.write.script import TEMPLATES, Body
from artifactflow.write.script_formats import FORMATS

ENVIRONMENT_FILES: Final = {EnvironmentKind.CONDA: "conda.yaml", EnvironmentKind.PYTHON: "python_env.yaml"}
"""The environment files that can be written, by their kind."""

_ESTIMATE_PI: Final = Body(
    lines=(
        "generator = random.Random(seed)",
        "inside = sum(math.hypot(generator.random(), generator.random()) <= 1 for _ in range(samples))",
        "pi = 4 * inside / samples",
        'print(f"pi is about {pi:.4f}, by {samples} points")',
        'return {"pi": pi, "error": abs(pi - math.pi)}',
    ),
    imports=("import math", "import random"),
)
"""What a component does of which nothing was said: small enough to be read at once, and to be replaced."""


@dataclass(frozen=True, slots=True)
class Design:
    """A component before it is text.

    `formats` has the format of each input and output by option name, `packages` what the user wants installed beside
    what the script imports. `body` is None for the example that fits any contract.
    """

    name: str
    contract: Contract
    formats: Mapping[str, str] = field(default_factory=dict)
    template: str = "step"
    environment: EnvironmentKind = EnvironmentKind.CONDA
    python: str = ""
    packages: tuple[str, ...] = ()
    body: Body | None = None


def design_component(
    name: str,
    *,
    parameters: Sequence[str] = (),
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    packages: Sequence[str] = (),
    python: str | None = None,
    environment: str = EnvironmentKind.CONDA.value,
    template: str = "step",
    description: str = "",
) -> Design:
    """The design that `parameters`, `inputs` and `outputs` describe in the grammar of `artifactflow scaffold --help`.

    Where none of the three says anything, the component estimates pi. `python` is the running version unless given.
    Raises UsageError for what cannot be understood.
    """
    check_component_name(name)
    described = _checked_description(description)
    kinds = {kind.value: kind for kind in ENVIRONMENT_FILES}
    blank = Design(
        name,
        Contract(description=described),
        template=_chosen("--template", template, TEMPLATES),
        environment=kinds[_chosen("--env-file", environment, kinds)],
        python=checked_python(python, needs_us=template == "step"),
        packages=tuple(packages),
    )
    if not (parameters or inputs or outputs):
        contract = _estimate_contract(name, described)
        return replace(blank, contract=contract, formats={"estimate": "json"}, body=_ESTIMATE_PI)
    read_inputs, read_outputs = [read_input(text) for text in inputs], [read_output(text) for text in outputs]
    formats = {item.name: chosen for item, chosen in read_inputs}
    formats |= {output.key: chosen for output, chosen in read_outputs}
    contract = Contract(
        parameters=tuple(read_parameter(text) for text in parameters),
        inputs=tuple(item for item, _ in read_inputs),
        # A step function is given the paths of some outputs and returns the others, so it states them in this order.
        outputs=tuple(sorted((output for output, _ in read_outputs), key=lambda each: not _by_path(formats, each))),
        description=described or _description(name, formats, len(read_inputs)),
    )
    _refuse_twice(contract)
    return replace(blank, contract=contract, formats=formats)


def _estimate_contract(name: str, description: str) -> Contract:
    return Contract(
        description=description or "Estimate pi by random points in a square, an example to replace.",
        parameters=(
            Parameter("samples", ParameterType.INT, 10000, description="Number of random points", minimum=1),
            Parameter("seed", ParameterType.INT, 42, description="Seed of the random numbers", minimum=0),
        ),
        outputs=(Output(name, "metrics", "The estimate and its error", "estimate", "estimate.json"),),
    )


def _chosen(option: str, text: str, known: Mapping[str, object]) -> str:
    if text not in known:
        hint = near_matches(text, known) or f"for example: {option} {next(iter(known))}"
        raise UsageError(f"{option} takes {' or '.join(known)}, got {text!r}", hint=hint)
    return text


def _checked_description(text: str) -> str:
    joined = " ".join(text.split())
    if not joined.isprintable():
        raise UsageError(f"--description {text!r} holds a character that cannot be printed")
    return joined


def _by_path(formats: Mapping[str, str], output: Output) -> bool:
    return FORMATS[formats[output.key]].by_path


def _description(name: str, formats: Mapping[str, str], inputs: int) -> str:
    """A sentence from the names of what goes in and what comes out."""
    given, made = (" and ".join(part) for part in (list(formats)[:inputs], list(formats)[inputs:]))
    if given and made:
        return f"Make {made} of {given}."
    return f"Make {made}." if made else f"Look at {given}." if given else f"Run {name}."


def _refuse_twice(contract: Contract) -> None:
    names = list(contract.option_names())
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{name!r} names two things, an option can mean one", hint="rename one of them")
