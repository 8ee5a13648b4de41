"""A step function's signature as a contract, from the function itself.

`read/signature_source.py` reads the same from source text. Both describe each parameter as a `Slot`, and
`contract_from_slots` turns slots into a `Contract`, so the two cannot disagree on what an annotation means.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal, get_args, get_origin

from artifactflow.contract import Contract, Input, Output, template_names
from artifactflow.errors import ContractError, Place, near_matches
from artifactflow.formats import format_of_annotation
from artifactflow.parameters import REQUIRED, Parameter, ParameterType, Required, Uri, Value

SCALAR_TYPES = {
    "str": ParameterType.STR,
    "int": ParameterType.INT,
    "float": ParameterType.FLOAT,
    "bool": ParameterType.BOOL,
    "Path": ParameterType.PATH,
    "Uri": ParameterType.URI,
}


@dataclass(frozen=True, slots=True)
class OptionFacts:
    """What `typer.Option(…)` says that a contract keeps. What may not be seen while it is typed in is a secret."""

    help: str = ""
    minimum: float | None = None
    maximum: float | None = None
    declarations: tuple[str, ...] = ()
    hide_input: bool = False


@dataclass(frozen=True, slots=True)
class Slot:
    """One parameter of a step function (or one value that it returns), whoever read it.

    `scalar` names a type of `SCALAR_TYPES` and is None for any other annotation; `ending` is the file ending of the
    format that the annotation chooses, None where it chooses none.
    """

    name: str
    scalar: str | None = None
    ending: str | None = None
    optional: bool = False
    choices: tuple[Value, ...] = ()
    default: Value | Required = REQUIRED
    option: OptionFacts = OptionFacts()
    input: Input | None = None
    output: Output | None = None
    place: Place | None = None


def contract_of(function: Callable[..., object]) -> Contract:
    """The contract that a step function states. Its `command` is empty: a function does not know its script.

    Raises ContractError, with the file and line of the function, for an annotation that says nothing to a contract.
    """
    place = _place_of(function)
    try:
        signature = inspect.signature(function, eval_str=True)
    except (NameError, TypeError, AttributeError, SyntaxError) as error:
        raise ContractError(f"the annotations of {_name(function)} cannot be read: {error}", place=place) from error
    slots = [_slot(parameter, place) for parameter in signature.parameters.values()]
    returned = [_returned_slot(name, annotation, place) for name, annotation in _returns(signature.return_annotation)]
    return contract_from_slots(_name(function), slots, returned, inspect.getdoc(function) or "", place)


def returned_annotations(function: Callable[..., object]) -> list[tuple[str, object]]:
    """The key and the bare annotation of each value that a step function returns, in order."""
    signature = inspect.signature(function, eval_str=True)
    returned = []
    for name, annotation in _returns(signature.return_annotation):
        base, extras = _unwrapped(annotation)
        output = next((extra for extra in extras if isinstance(extra, Output)), Output())
        returned.append((_completed_output(output, name, None).key, base))
    return returned


def contract_from_slots(
    function: str, slots: Iterable[Slot], returned: Iterable[Slot], documentation: str, place: Place | None
) -> Contract:
    """Build the contract and check that its parts fit together. Shared by both readers of signatures."""
    parameters: list[Parameter] = []
    inputs: list[Input] = []
    outputs: list[Output] = []
    for slot in slots:
        if slot.input is not None:
            inputs.append(
                replace(
                    slot.input,
                    name=slot.input.name or slot.name,
                    optional=slot.optional or slot.default is None or slot.input.optional,
                    description=slot.input.description or slot.option.help,
                )
            )
        elif slot.output is not None:
            if slot.scalar != "Path":
                raise ContractError(
                    f"{function}: output {slot.name} must be annotated with Path, the place to write to",
                    hint="return other values instead: -> Annotated[DataFrame, Output(…)]",
                    place=slot.place,
                )
            outputs.append(_completed_output(slot.output, slot.name, ""))
        else:
            parameters.append(_parameter(function, slot))
    for slot in returned:
        if slot.output is not None:
            outputs.append(_completed_output(slot.output, slot.name, slot.ending))
    contract = Contract(
        description=documentation.strip().split("\n\n")[0].replace("\n", " "),
        parameters=tuple(parameters),
        inputs=tuple(inputs),
        outputs=tuple(outputs),
    )
    _check_names(function, contract, place)
    return contract


def _parameter(function: str, slot: Slot) -> Parameter:
    if slot.scalar is None:
        raise ContractError(
            f"{function}: parameter {slot.name} has an annotation that is neither a scalar nor an artifact",
            hint="annotate str, int, float, bool, Path or Literal[…], or add Input(…) or Output(…) to the annotation",
            place=slot.place,
        )
    aliases = tuple(
        declaration
        for declaration in slot.option.declarations
        if "/" not in declaration and declaration.lstrip("-").replace("-", "_") != slot.name
    )
    parameter = Parameter(
        name=slot.name,
        type=SCALAR_TYPES[slot.scalar],
        default=slot.default,
        optional=slot.optional,
        description=slot.option.help,
        minimum=slot.option.minimum,
        maximum=slot.option.maximum,
        choices=slot.choices,
        aliases=aliases,
        secret=slot.option.hide_input,
    )
    if slot.optional and slot.default is REQUIRED:
        parameter = replace(parameter, optional=False)
    if not isinstance(parameter.default, Required):
        try:
            parameter.check(parameter.default)
        except Exception as error:
            raise ContractError(f"{function}: the default of {error}", place=slot.place) from error
    return parameter


def _completed_output(output: Output, name: str, ending: str | None) -> Output:
    """An output with key, name and path filled in. A name that is a template cannot serve as the key."""
    plain = output.name if output.name and not template_names(output.name) else ""
    key = output.key or name or plain.replace("-", "_").replace(".", "_")
    if not key:
        raise ContractError("an output that is returned needs a name or a key: Output('clean', …)")
    return replace(output, key=key, name=output.name or key, path=output.path or f"{key}{ending or ''}")


def _check_names(function: str, contract: Contract, place: Place | None) -> None:
    names = list(contract.option_names())
    for name in names:
        if names.count(name) > 1:
            raise ContractError(f"{function}: {name!r} names two things, an option can mean one", place=place)
    known = [parameter.name for parameter in contract.parameters]
    for output in contract.outputs:
        for template in (output.name, output.type, output.description):
            for used in template_names(template):
                if used not in known:
                    raise ContractError(
                        f"{function}: output {output.key} uses {{{used}}}, which is no parameter",
                        hint=near_matches(used, known),
                        place=place,
                    )


# From here on: how the run-time reader makes slots.


def _slot(parameter: inspect.Parameter, place: Place | None) -> Slot:
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        raise ContractError(f"a step function cannot take *{parameter.name}: every parameter has a name", place=place)
    base, extras = _unwrapped(parameter.annotation)
    default: Value | Required = REQUIRED
    if parameter.default is not parameter.empty:
        given = parameter.default
        default = given.value if isinstance(given, Enum) else str(given) if isinstance(given, PurePath) else given
    scalar, choices, optional = _scalar(base)
    return Slot(
        name=parameter.name,
        scalar=scalar,
        optional=optional,
        choices=choices,
        default=default,
        option=_option_facts(extras, parameter.name, place),
        input=next((extra for extra in extras if isinstance(extra, Input)), None),
        output=next((extra for extra in extras if isinstance(extra, Output)), None),
        place=place,
    )


def _returned_slot(name: str, annotation: object, place: Place | None) -> Slot:
    base, extras = _unwrapped(annotation)
    output = next((extra for extra in extras if isinstance(extra, Output)), None)
    if output is None and name:
        output = Output()
    return Slot(name=name, ending=format_of_annotation(base).ending if output else None, output=output, place=place)


def _returns(annotation: object) -> list[tuple[str, object]]:
    """What is returned, with names: the fields of a NamedTuple, a single value without a name, or nothing."""
    if annotation in (None, inspect.Signature.empty, type(None)):
        return []
    if isinstance(annotation, type) and issubclass(annotation, tuple) and hasattr(annotation, "_fields"):
        return list(typing.get_type_hints(annotation, include_extras=True).items())
    return [("", annotation)]


def _unwrapped(annotation: object) -> tuple[Any, tuple[object, ...]]:
    if get_origin(annotation) is Annotated:
        base, *extras = get_args(annotation)
        return base, tuple(extras)
    return annotation, ()


def without_none(annotation: object) -> tuple[Any, bool]:
    """The annotation without `| None`, and whether it had one."""
    if get_origin(annotation) in (types.UnionType, typing.Union):
        rest = [part for part in get_args(annotation) if part is not type(None)]
        if len(rest) == 1:
            return rest[0], len(rest) < len(get_args(annotation))
    return annotation, False


def _scalar(annotation: object) -> tuple[str | None, tuple[Value, ...], bool]:
    base, optional = without_none(annotation)
    if get_origin(base) is Literal:
        choices = get_args(base)
        return type(choices[0]).__name__, choices, optional
    if isinstance(base, type) and issubclass(base, Enum):
        values = tuple(member.value for member in base)
        return type(values[0]).__name__, values, optional
    if base in (str, int, float, bool, Uri):
        return base.__name__, (), optional
    if base in (Path, PurePath):
        return "Path", (), optional
    return None, (), optional


def _option_facts(extras: Iterable[object], name: str, place: Place | None) -> OptionFacts:
    # Typer is not imported to look: where it was never imported, nothing can be one of its options.
    for extra in extras:
        kind = type(extra).__name__
        if type(extra).__module__.partition(".")[0] != "typer":
            continue
        if kind != "OptionInfo":
            raise ContractError(f"parameter {name}: a step function takes typer.Option only, not {kind}", place=place)
        found: Any = extra
        first = (found.default,) if isinstance(found.default, str) else ()
        return OptionFacts(
            help=found.help or "",
            minimum=found.min,
            maximum=found.max,
            declarations=(*first, *(found.param_decls or ())),
            hide_input=bool(found.hide_input),
        )
    return OptionFacts()


def _name(function: Callable[..., object]) -> str:
    return getattr(function, "__name__", repr(function))


def _place_of(function: Callable[..., object]) -> Place | None:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return Place(code.co_filename, code.co_firstlineno) if code else None
