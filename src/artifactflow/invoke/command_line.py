"""From a contract to a Typer command, and from what was typed to values.

Every option is taken as text and understood by `Parameter.parse`, so that the command line, `-P`, config files and
manifests refuse the same values in the same words. MLflow passes options as `--max_iter=300`, booleans as `=true`, and
absent values as empty texts; people write `--max-iter 300` and `--flag`. Both are understood. What must not stand on a
command line is read from the environment variable `ARTIFACTFLOW_P_NAME`.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import typer

from artifactflow.contract import Contract, Input, Output
from artifactflow.errors import UsageError
from artifactflow.fetch.addresses import MASK, masked_text
from artifactflow.invoke.coercion import PlainCommand
from artifactflow.parameters import FALSE_WORDS, TRUE_WORDS, Parameter, ParameterType, Required, Value, format_value
from artifactflow.pipeline import BY_VARIABLE, variable_name

Callback = Callable[[dict[str, Value], dict[str, Any]], object]
"""Takes the values by option name (inputs and outputs as texts), and those of the added and the repeated options."""


def add_command(
    app: typer.Typer,
    contract: Contract,
    name: str,
    callback: Callback,
    *,
    outputs: bool,
    input_metavar: str = "PATH",
    added: Sequence[inspect.Parameter] = (),
    repeated: Collection[str] = (),
) -> None:
    """Add the command that `contract` describes to `app`.

    `outputs` says whether the places of the outputs are options too (they are for a component's script, and not where
    the store keeps them). `added` are further options, as keyword parameters with Typer annotations; their
    names must not be names of the contract. `repeated` names parameters that may be given several times: their values
    come as lists, with those of the added options, and are empty where nothing was given.
    """
    options = [_input_option(item, input_metavar) for item in contract.inputs]
    options += [_parameter_option(parameter, repeated=parameter.name in repeated) for parameter in contract.parameters]
    if outputs:
        options += [_output_option(output) for output in contract.outputs if output.placeholder]
    clash = {option.name for option in options} & {option.name for option in added}
    if clash:
        raise UsageError(f"{name}: the option {min(clash)!r} is taken, a step function cannot use it")

    def command(**typed: Any) -> None:
        for parameter in contract.parameters:
            given = typed[parameter.name]
            several = parameter.name in repeated and given is None
            typed[parameter.name] = _typed_or_carried(parameter, [] if several else given, os.environ)
        lists = {name: _listed(contract.parameter(name), typed[name] or ()) for name in repeated}
        single = replace(contract, parameters=tuple(one for one in contract.parameters if one.name not in lists))
        callback(_values(single, typed), {**{option.name: typed[option.name] for option in added}, **lists})

    # Typer reads commands from signatures; this one is written from the contract.
    command.__signature__ = inspect.Signature([*options, *added])  # type: ignore[attr-defined]
    command.__annotations__ = {option.name: option.annotation for option in (*options, *added)}
    command.__doc__ = contract.description or f"Run the step {name}."
    app.command(name, cls=_command_class(contract))(command)


def _values(contract: Contract, typed: Mapping[str, Any]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for item in contract.inputs:
        values[item.name] = typed[item.name] or None
        if values[item.name] is None and not item.optional:
            raise UsageError(f"the input {item.name} is missing", hint=f"give it: --{_dashed(item.name)}=…")
    for parameter in contract.parameters:
        values[parameter.name] = _parameter_value(parameter, typed[parameter.name])
    for output in contract.outputs:
        if output.key in typed:
            values[output.key] = typed[output.key] or output.path
    return values


def _typed_or_carried(parameter: Parameter, typed: Any, variables: Mapping[str, str]) -> Any:
    """What was typed; or what an environment variable carries, where the mask of that stands on the command line.

    Where nothing was typed, the variable counts if it was meant for this process: a run says so of each, and what it
    does not name belongs to its own parameters.
    """
    carried = variables.get(variable_name(parameter.name))
    if carried is None:
        return typed
    meant = variables.get(BY_VARIABLE)
    if typed is None or typed == []:
        taken = meant is None or parameter.name in meant.split(",")
    else:
        taken = typed in (MASK, masked_text(carried)) or typed in ([MASK], [masked_text(carried)])
    if not taken:
        return typed
    if carried == "" and parameter.optional:
        return None
    return [carried] if isinstance(typed, list) else carried


def _listed(parameter: Parameter, typed: Sequence[str]) -> list[Value]:
    """The values of a parameter that may be given several times; a required one is given once at least."""
    if not typed and parameter.required:
        _parameter_value(parameter, None)
    return [_parameter_value(parameter, text) for text in typed]


def _parameter_value(parameter: Parameter, typed: str | bool | None) -> Value:
    if typed is None:
        if isinstance(parameter.default, Required):
            raise UsageError(
                f"the parameter {parameter.name} is missing, it takes {parameter.expects()}",
                hint=f"give it: --{_dashed(parameter.name)}=…",
            )
        return parameter.check(parameter.default) if parameter.default is not None else None
    if isinstance(typed, bool):
        return typed
    return parameter.parse(typed)


def _input_option(item: Input, metavar: str) -> inspect.Parameter:
    words = [item.description, f"(type {item.type})" if item.type else "", "" if item.optional else "[required]"]
    return _text_option(item.name, (), words, metavar)


def _output_option(output: Output) -> inspect.Parameter:
    words = ["Where to write:", output.description or output.name, f"[default: {output.path}]"]
    return _text_option(output.key, (), words, "PATH")


def _parameter_option(parameter: Parameter, *, repeated: bool) -> inspect.Parameter:
    if parameter.type is ParameterType.BOOL:
        default = parameter.default
        shown = "[required]" if isinstance(default, Required) else f"[default: {format_value(default) or 'unset'}]"
        dashed = _dashed(parameter.name)
        help_text = f"{parameter.description} {shown}".strip()
        option = typer.Option(f"--{dashed}/--no-{dashed}", help=help_text, show_default=False)
        return _keyword(parameter.name, Annotated[bool | None, option])
    words = [*_parameter_words(parameter), "(may be repeated)" if repeated else ""]
    return _text_option(parameter.name, parameter.aliases, words, _metavar(parameter), repeated=repeated)


def _parameter_words(parameter: Parameter) -> list[str]:
    notes = []
    if isinstance(parameter.default, Required):
        notes.append("required")
    elif parameter.default not in (None, ""):
        notes.append(f"default: {parameter.shown(format_value(parameter.default))}")
    if parameter.choices or parameter.minimum is not None or parameter.maximum is not None:
        notes.append(parameter.expects())
    return [parameter.description, f"[{'; '.join(notes)}]" if notes else ""]


def _text_option(
    name: str, aliases: Sequence[str], words: Sequence[str], metavar: str, *, repeated: bool = False
) -> inspect.Parameter:
    help_text = " ".join(word for word in words if word)
    option = typer.Option(f"--{_dashed(name)}", *aliases, help=help_text, show_default=False, metavar=metavar)
    return _keyword(name, Annotated[list[str] | None if repeated else str | None, option])


def _keyword(name: str, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _metavar(parameter: Parameter) -> str:
    return {ParameterType.INT: "INTEGER", ParameterType.FLOAT: "NUMBER", ParameterType.PATH: "PATH"}.get(
        parameter.type, "TEXT"
    )


def _command_class(contract: Contract) -> type[PlainCommand]:
    class ContractCommand(PlainCommand):
        """A command that also understands options as MLflow writes them, and names the option of a bare value."""

        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            ctx.allow_extra_args = True  # so that they come back, and are refused here
            left = super().parse_args(ctx, plain_options(args, contract))
            if ctx.args:
                raise _bare_value(contract, ctx.params, ctx.args[0], ctx.command_path)
            return left

    return ContractCommand


def _bare_value(contract: Contract, typed: Mapping[str, Any], value: str, command: str) -> UsageError:
    """The error for a value without an option: it is likely to be meant for the first that has to be given."""
    required = [item.name for item in contract.inputs if not item.optional]
    required += [parameter.name for parameter in contract.parameters if parameter.required]
    missing = next((name for name in required if not typed.get(name)), None)
    secret = any(parameter.secret for parameter in contract.parameters)  # which the value may have been meant for
    return UsageError(
        f"got {MASK if secret else repr(masked_text(value))} without the name of an option",
        hint=f"{command} --help shows the options" if missing is None else f"write --{_dashed(missing)} before it",
    )


def plain_options(arguments: Sequence[str], contract: Contract) -> list[str]:
    """Arguments as Typer understands them: `--max_iter=3` → `--max-iter=3`, `--flag=false` → `--no-flag`.

    Options with an empty value are left out where the contract lets them be absent. A boolean's value may also follow
    as an argument of its own, as MLflow appends those that the manifest does not name.
    """
    names = {_dashed(name): name for name in contract.option_names()}
    booleans = {parameter.name for parameter in contract.parameters if parameter.type is ParameterType.BOOL}
    absent = {parameter.name for parameter in contract.parameters if parameter.optional} | {
        item.name for item in contract.inputs if item.optional
    }
    plain: list[str] = []
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        if argument == "--":
            return [*plain, argument, *waiting]
        option, equals, value = argument.partition("=")
        dashed = _dashed(option.removeprefix("--"))
        name = names.get(dashed)
        if not option.startswith("--") or name is None:
            plain.append(argument)
            continue
        if name in booleans:
            if not equals and waiting and waiting[0].lower() in TRUE_WORDS | FALSE_WORDS:
                equals, value = "=", waiting.pop(0)
            if equals and not value and name in absent:
                continue
            if equals:
                truth = Parameter(name, ParameterType.BOOL).parse(value)
                plain.append(f"--{dashed}" if truth else f"--no-{dashed}")
                continue
        if name in absent and ((equals and not value) or (not equals and waiting[:1] == [""])):
            waiting = waiting if equals else waiting[1:]
            continue
        plain.append(f"--{dashed}{equals}{value}")
    return plain


def _dashed(name: str) -> str:
    return name.replace("_", "-")
