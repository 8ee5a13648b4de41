"""Rules about defaults and choices: what YAML makes of them, and whether type, bounds and choices allow them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from artifactflow.check.findings import Finding, Fix, Rule, Severity
from artifactflow.check.manifest.manifest_fixes import mend, quoted, replace_value
from artifactflow.check.parameters.parameter_secrets import is_secret
from artifactflow.check.parameters.stated_parameters import StatedParameter, typed
from artifactflow.check.subjects import ComponentSubject
from artifactflow.errors import ContractError, UsageError
from artifactflow.parameters import Parameter, ParameterType, Value, format_value
from artifactflow.read.mlproject_parameters import mlflow_text
from artifactflow.read.yaml_node import Node

CONTRADICTION = Rule(
    "P103",
    "default-contradicts-type",
    Severity.ERROR,
    "A default is no value of the parameter's type.",
    """MLflow passes it all the same, and the script stops or computes with a text.

Wrong:  seed: {type: int, default: none}
Right:  seed: {type: int, default: 42}""",
)
WHOLE_NUMBER = Rule(
    "P104",
    "whole-number-as-fraction",
    Severity.WARNING,
    "The default of an int is written as a fraction.",
    """MLflow passes it as it stands, and Python's int() refuses "100.0" and "1e3".

Wrong:  max_iter: {type: int, default: 100.0}
Right:  max_iter: {type: int, default: 100}""",
)
READ_OTHERWISE = Rule(
    "P105",
    "yaml-reads-otherwise",
    Severity.WARNING,
    "YAML 1.1 makes another value of it than what is written.",
    """The step gets what YAML reads: 1.1 for 1.10, 8 for 010, False for no, 90 for 1:30, "['a', 'b']" for [a, b].

Wrong:  version: {type: str, default: 1.10}
Right:  version: {type: str, default: "1.10"}""",
)
DEFAULT_NULL = Rule(
    "P106",
    "default-null",
    Severity.WARNING,
    "A default of null makes the parameter required.",
    """To MLflow it is as if no default were stated: it stops with "No value given for missing parameters".

Wrong:  parameters:
          limit: {type: int, default: null}
Right:  optional_parameters:
          limit: {type: int}""",
)
NUMBER_AS_TEXT = Rule(
    "P107",
    "number-as-text",
    Severity.INFO,
    "YAML 1.1 reads a number without a dot before its exponent as a text.",
    """It works, because the text is what the step gets. A program that reads the manifest gets no number.

Seen:   rate: {type: float, default: 1e-3}
Right:  rate: {type: float, default: 0.001}""",
)
OUT_OF_RANGE = Rule(
    "P108",
    "default-out-of-range",
    Severity.ERROR,
    "A default lies outside of the bounds or is none of the choices.",
    """artifactflow refuses it as it refuses any such value.

Wrong:  test_size: {type: float, default: 20, minimum: 0, maximum: 1}
Right:  test_size: {type: float, default: 0.2, minimum: 0, maximum: 1}""",
)
BOUNDS = Rule(
    "P109",
    "impossible-bounds",
    Severity.ERROR,
    "The minimum is greater than the maximum, so no value will do.",
    """Wrong:  share: {type: float, minimum: 1, maximum: 0}
Right:  share: {type: float, minimum: 0, maximum: 1}""",
)

RULES: Final = (CONTRADICTION, WHOLE_NUMBER, READ_OTHERWISE, DEFAULT_NULL, NUMBER_AS_TEXT, OUT_OF_RANGE, BOUNDS)

_TEXTS = (ParameterType.STR, ParameterType.PATH, ParameterType.URI)
_octal = re.compile(r"[-+]?0[0-7_]+")
_MOST_DIGITS = 1e15


def check_values(component: ComponentSubject, parameter: StatedParameter) -> Iterator[Finding]:
    """What is wrong with a parameter's default, choices and bounds."""
    node, kind = parameter.default, parameter.type
    if node is not None:
        if node.value is None:
            yield from _check_null(parameter, node)
        elif isinstance(node.value, (list, dict)):
            yield _collection(parameter, node)
        elif kind in _TEXTS:
            yield from _check_text(component, parameter, node, (*parameter.keys, "default"))
        elif kind is not None and node.value != "":
            yield from _check_typed(component, parameter, node, kind)
    choices = parameter.node.get("choices")
    if kind in _TEXTS and choices is not None:
        for number, element in enumerate(choices.elements):
            yield from _check_text(component, parameter, element, (*parameter.keys, "choices", str(number)))
    yield from _check_range(parameter)


def _check_null(parameter: StatedParameter, node: Node) -> Iterator[Finding]:
    if parameter.optional:
        return
    yield DEFAULT_NULL.at(
        node.place,
        f"a default of null makes {parameter.name} required: MLflow stops without a value for it",
        hint="leave the default out if that is meant; else move the parameter under optional_parameters",
        length=max(1, len(node.text or "")),
    )


def _collection(parameter: StatedParameter, node: Node) -> Finding:
    text = mlflow_text(node.value)
    return READ_OTHERWISE.at(
        node.place,
        f"{node.shown()} is no value of a parameter: {parameter.name} gets the text {_shown(parameter, text)}",
        hint="write the text that the step expects, in quotes",
    )


def _check_text(
    component: ComponentSubject, parameter: StatedParameter, node: Node, keys: tuple[str, ...]
) -> Iterator[Finding]:
    """A text that YAML reads as something else, whose text is another one."""
    source, text = node.text or "", mlflow_text(node.value)
    if node.style != "plain" or isinstance(node.value, str) or text == source or source[:1] in "&!":
        return
    if parameter.type_node is None and not _is_other_number(node):
        return  # without a type, a number or a truth value may well be meant
    fix: Fix | None = None
    hint = f"put it in quotes: {quoted(source)}"
    if source.lower() in ("true", "false"):
        hint = f"write type: bool, or the text that is meant in quotes: {quoted(source)} or {quoted(text)}"
    else:
        fix = mend(component, f"{parameter.name} in quotes", replace_value(keys, quoted(source)))
    verb = "gets" if keys[-1] == "default" else "allows"
    yield READ_OTHERWISE.at(
        node.place,
        f"{parameter.name} {verb} {_shown(parameter, text)} for {_shown(parameter, source)}: "
        f"to YAML 1.1 that is {_called(node)}",
        hint=hint,
        length=len(source),
        fix=fix,
    )


def _called(node: Node) -> str:
    if isinstance(node.value, bool):
        return "a truth value"
    if isinstance(node.value, (int, float)):
        return "a number in base 60" if ":" in (node.text or "") else "a number"
    return "a date"


def _is_other_number(node: Node) -> bool:
    """Whether YAML 1.1 reads another number than a person: base 8 by a leading zero, base 60 by colons."""
    source = node.text or ""
    if node.style != "plain" or isinstance(node.value, (str, bool)) or not isinstance(node.value, (int, float)):
        return False
    return ":" in source or (_octal.fullmatch(source) is not None and node.value > 7)


def _check_typed(
    component: ComponentSubject, parameter: StatedParameter, node: Node, kind: ParameterType
) -> Iterator[Finding]:
    source = node.text or ""
    length = max(1, len(source))
    try:
        value = typed(parameter.name, kind, node.value)
    except UsageError:
        yield CONTRADICTION.at(
            node.place,
            f"{parameter.name} takes {Parameter(parameter.name, kind).expects()}, "
            f"its default is {_shown(parameter, node.value)}",
            hint=f"write a default of the type {kind.value}, or correct the type",
            length=length,
            masked=_hidden(parameter, node.value),
        )
        return
    if _is_other_number(node):
        yield READ_OTHERWISE.at(
            node.place,
            f"{parameter.name} gets {_shown(parameter, mlflow_text(node.value))} for {_shown(parameter, source)}: "
            f"to YAML 1.1 that is a number in base {60 if ':' in source else 8}",
            hint="write the number in base 10",
            length=length,
        )
    elif kind is ParameterType.INT and not isinstance(node.value, int) and not _whole(mlflow_text(node.value)):
        written = format_value(value)
        small = isinstance(value, int) and abs(value) < _MOST_DIGITS
        yield WHOLE_NUMBER.at(
            node.place,
            f"{parameter.name} is an int, and MLflow passes {mlflow_text(node.value)!r}, which Python's int() refuses",
            hint=f"write {written}",
            length=length,
            fix=mend(component, f"{parameter.name}: {written}", replace_value((*parameter.keys, "default"), written))
            if small
            else None,
        )
    elif (
        kind is ParameterType.FLOAT and isinstance(node.value, str) and node.style == "plain" and "e" in source.lower()
    ):
        yield NUMBER_AS_TEXT.at(
            node.place,
            f"{source} is a text to YAML 1.1; it arrives as the number all the same",
            hint=f"write {_with_dot(source)} for a number",
            length=length,
        )


def _whole(text: str) -> bool:
    return re.fullmatch(r"\s*[+-]?[0-9_]+\s*", text) is not None


def _with_dot(source: str) -> str:
    """`1e-3` as YAML 1.1 writes it: `1.0e-3`."""
    mantissa, _, exponent = source.lower().partition("e")
    sign = "" if exponent.startswith(("+", "-")) else "+"
    return f"{mantissa if '.' in mantissa else f'{mantissa}.0'}e{sign}{exponent}"


def _check_range(parameter: StatedParameter) -> Iterator[Finding]:
    kind, node = parameter.type, parameter.default
    low, high = _bound(parameter, "minimum"), _bound(parameter, "maximum")
    bounds = parameter.node.get("minimum")
    if low is not None and high is not None and low > high and bounds is not None:
        yield BOUNDS.at(
            bounds.place,
            f"the minimum of {parameter.name}, {format_value(low)}, is greater than the maximum, {format_value(high)}",
            hint="exchange them",
            length=len(bounds.text or " "),
        )
        return
    if node is None or kind is None or node.value is None or isinstance(node.value, (list, dict)) or node.value == "":
        return
    try:
        value = typed(parameter.name, kind, node.value)
        choices = _choices(parameter, kind)
    except UsageError:
        return  # said by another rule, or by the reader
    stated = Parameter(parameter.name, kind, minimum=low, maximum=high, choices=choices)
    try:
        stated.check(value)
    except UsageError:
        yield OUT_OF_RANGE.at(
            node.place,
            f"{parameter.name} takes {stated.expects()}, its default is {_shown(parameter, node.value)}",
            hint="correct the default, or what is allowed",
            length=max(1, len(node.text or "")),
            masked=_hidden(parameter, node.value),
        )


def _choices(parameter: StatedParameter, kind: ParameterType) -> tuple[Value, ...]:
    node = parameter.node.get("choices")
    return tuple(typed(parameter.name, kind, element.value) for element in (node.elements if node else ()))


def _bound(parameter: StatedParameter, key: str) -> float | None:
    node = parameter.node.get(key)
    try:
        return node.number(key) if node is not None else None
    except ContractError:
        return None  # said by the reader


def _shown(parameter: StatedParameter, value: object) -> str:
    """A value for a message, masked where it is a secret, and not too long."""
    if _hidden(parameter, value):
        return "***"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _hidden(parameter: StatedParameter, value: object) -> bool:
    return parameter.secret or is_secret(parameter, value)
