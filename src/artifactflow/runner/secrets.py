"""Which values of a pipeline are secret, and how each reaches its step: by environment variable, not by command line.

A command line can be read by every user of the machine, in the list of processes, and stays in shells' histories. So a
secret that is marked never stands on one; a script that asks for it there is refused with the mend. The step functions
that we call ourselves, the built-in ones among them, find in a variable whatever holds a secret, an address with a
password too. A foreign script gets such an address as it asks for it, with a warning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from artifactflow.contract import Component, Contract
from artifactflow.errors import ArtifactflowError, ContractError, UsageError
from artifactflow.executors.command import argument_text
from artifactflow.fetch.addresses import MASK, masked_address, masked_text, secrets_in
from artifactflow.parameters import Parameter, ParameterType, Source, SourceKind, Value, names_a_secret
from artifactflow.pipeline import BY_VARIABLE, Interpolation, Pipeline, Step, variable_name
from artifactflow.read.command import parse_command
from artifactflow.read.signature_source import step_function_of_script

SHORTEST_OF_THE_ENVIRONMENT = 8
"""Characters of the shortest environment variable with a secret's name that is masked in logs."""

Contracts = Mapping[str, tuple[Component, Contract]]
"""The component and the entry point that each step uses."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A pipeline and its steps' contracts with every secret parameter marked.

    `presumed` has, by step, those that nobody marked: only their names say what they are. Reusing a result must not
    hang on such a guess.
    """

    pipeline: Pipeline
    contracts: Contracts
    presumed: Mapping[str, frozenset[str]]


def mark_secrets(pipeline: Pipeline, contracts: Contracts) -> Marked:
    """Follow secrets through `${…}`: a parameter that gives or takes one is one, under whatever name.

    Raises ContractError where a secret would stand on a command line or in the name of a matrix's cell, and where it is
    bound to an input.
    """
    stated = {parameter.name for parameter in pipeline.parameters if parameter.secret}
    presumed = {parameter.name for parameter in pipeline.parameters if _is_presumed(parameter)}
    for step in pipeline.steps:
        for parameter in contracts[step.name][1].parameters:
            stated.update(_used(step, parameter.name) if parameter.secret else ())
            presumed.update(_used(step, parameter.name) if _is_presumed(parameter) else ())
    marked: dict[str, tuple[Component, Contract]] = {}
    by_name: dict[str, frozenset[str]] = {}
    for step in pipeline.steps:
        component, contract = contracts[step.name]
        secret = {one.name for one in contract.parameters if one.secret or stated.intersection(_used(step, one.name))}
        guessed = {
            one.name
            for one in contract.parameters
            if one.name not in step.matrix and (_is_presumed(one) or presumed.intersection(_used(step, one.name)))
        } - secret
        _refuse_misplaced(step, component, contract, secret, stated)
        marked[step.name] = (component, _with_secrets(contract, secret | guessed))
        by_name[step.name] = frozenset(guessed)
    parameters = tuple(replace(one, secret=one.name in stated | presumed) for one in pipeline.parameters)
    return Marked(replace(pipeline, parameters=parameters), marked, by_name)


def _is_presumed(parameter: Parameter) -> bool:
    return parameter.type is ParameterType.STR and names_a_secret(parameter.name)


def _used(step: Step, name: str) -> list[str]:
    binding = step.bindings.get(name)
    return binding.names if isinstance(binding, Interpolation) else []


def _with_secrets(contract: Contract, names: set[str]) -> Contract:
    if all(parameter.secret == (parameter.name in names) for parameter in contract.parameters):
        return contract
    return replace(contract, parameters=tuple(replace(one, secret=one.name in names) for one in contract.parameters))


def _refuse_misplaced(step: Step, component: Component, contract: Contract, secret: set[str], stated: set[str]) -> None:
    for item in contract.inputs:
        if stated.intersection(_used(step, item.name)):
            raise ContractError(
                f"step {step.name}: the input {item.name} takes a secret, and inputs are recorded",
                hint="bind a secret to a parameter",
                place=step.places.get(item.name, step.place),
            )
    for name, values in step.matrix.items():
        if name in secret or any(isinstance(value, str) and secrets_in(value) for value in values):
            raise ContractError(
                f"step {step.name}: {name} is secret, and a matrix names its cells by their values", place=step.place
            )
    if not secret:
        return
    for name in parse_command(contract.command, contract.places.get("command")).placeholders:
        # A manifest that marks it contradicts itself; one that does not know is served, where we can.
        if name in secret and (contract.parameter(name).secret or not _reads_variables(component, contract)):
            raise ContractError(
                f"step {step.name}: the command of {component.name} would show the secret {name} in the list of "
                "processes",
                hint=f"take {{{name}}} out of the command, and read the environment variable {variable_name(name)} "
                "in the script",
                place=contract.places.get("command", step.place),
            )


def _reads_variables(component: Component, contract: Contract) -> bool:
    """Whether the command runs a step function, which looks for values in environment variables too."""
    if component.built_in:
        return True
    try:
        script = parse_command(contract.command).script
        return script is not None and step_function_of_script(component.folder / script) is not None
    except (ArtifactflowError, OSError):
        return False


def refuse_secret_option(contract: Contract, sources: Mapping[str, Source], presumed: frozenset[str]) -> None:
    """Raise UsageError where a secret of a step was given by `-P`: it stood on a command line then."""
    for parameter in contract.parameters:
        source = sources[parameter.name]
        if parameter.secret and parameter.name not in presumed and source.kind is SourceKind.OPTION:
            name = source.detail.removeprefix("-P ")
            raise UsageError(
                f"{name} is secret, and -P shows it in the list of processes and in the shell's history",
                hint=f"give it by an environment variable: {variable_name(name)}=… artifactflow …",
            )


def shown_value(parameter: Parameter, value: Value) -> Value:
    """The value as it may be shown and recorded: masked where it is secret, and where an address holds secrets."""
    if value is None:
        return None
    if parameter.secret:
        return MASK
    return masked_text(masked_address(value)) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class HandOver:
    """How the parameters of a step reach its process.

    `variables` are environment variables; `shown` has what stands on the command line in place of the values that they
    carry, an empty text for nothing. `exposed` names what stands there though it holds a secret. `secrets` are the
    texts to be masked in what the step prints.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    shown: Mapping[str, str] = field(default_factory=dict)
    exposed: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()


def hand_over(
    component: Component, contract: Contract, values: Mapping[str, Value], presumed: frozenset[str]
) -> HandOver:
    """Decide for every parameter of a step; `values` has them all."""
    carried: dict[str, str] = {}
    shown: dict[str, str] = {}
    exposed: list[str] = []
    secrets: list[str] = []
    reads_variables: bool | None = None  # found out where it matters only: for that a script is read
    for parameter in contract.parameters:
        name, value = parameter.name, values[parameter.name]
        text = "" if value is None else argument_text(value)
        inside = secrets_in(text) if "://" in text else []
        masked = MASK if parameter.secret else masked_text(text) if "://" in text else text
        secrets += [text, *inside] if parameter.secret else inside
        if parameter.secret and name not in presumed:
            reads_variables = _reads_variables(component, contract) if reads_variables is None else reads_variables
            carried[name], shown[name] = text, MASK if reads_variables and value is not None else ""
        elif text and masked != text:
            reads_variables = _reads_variables(component, contract) if reads_variables is None else reads_variables
            if reads_variables:
                carried[name], shown[name] = text, masked
            elif (parameter.secret or inside) and (parameter.optional or f"{{{name}}}" in contract.command):
                exposed.append(name)
    variables = {variable_name(name): text for name, text in carried.items()}
    return HandOver({**variables, BY_VARIABLE: ",".join(carried)}, shown, tuple(exposed), tuple(filter(None, secrets)))


WORKING_FOLDERS: Final = frozenset({"PWD", "OLDPWD"})
"""Variables of every shell whose names end as those of passwords do."""


def secret_variables(variables: Mapping[str, str]) -> tuple[str, ...]:
    """The values of the environment variables whose names say that they are secret."""
    return tuple(
        value
        for name, value in variables.items()
        if len(value) >= SHORTEST_OF_THE_ENVIRONMENT and name not in WORKING_FOLDERS and names_a_secret(name)
    )


def warnings_of(
    step: str,
    contract: Contract,
    values: Mapping[str, Value],
    sources: Mapping[str, Source],
    presumed: frozenset[str],
    handed: HandOver,
) -> Iterator[str]:
    """What a person should know about the secrets of a step before it runs."""
    for name in handed.exposed:
        yield (
            f"step {step}: the value of {name} holds a secret, and the command shows it in the list of processes; "
            f"mark {name} as secret: true, and read {variable_name(name)} in the script"
        )
    for parameter in contract.parameters:
        name, source = parameter.name, sources[parameter.name]
        written = source.kind in (SourceKind.LITERAL, SourceKind.CONFIG, SourceKind.DEFAULT)
        if parameter.secret and name not in presumed and written and values[name] not in (None, ""):
            yield (
                f"step {step}: the secret {name} stands in a file ({source}), for whoever can read it; "
                f"take it out, and give it by an environment variable: {variable_name(name)}=…"
            )
