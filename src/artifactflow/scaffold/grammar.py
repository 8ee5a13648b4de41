"""What `scaffold` is told in words: names, `--param name:type=default[1..10]`, `--input name:type:format`."""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Iterable
from typing import Final

from artifactflow.artifact import check_name
from artifactflow.contract import Input, Output
from artifactflow.errors import ContractError, UsageError, near_matches
from artifactflow.parameters import REQUIRED, Parameter, ParameterType, Required, Value, parameter_type
from artifactflow.write.script import option_name_problem
from artifactflow.write.script_formats import FORMATS, format_of_type

PARAMETER_GRAMMAR: Final = (
    "write NAME:TYPE=DEFAULT, then [LOW..HIGH] or {A,B} where not every value will do, in quotes for the shell: "
    "'count:int=3[1..10]', 'share:float=0.5[0..]', 'method:str=mean{mean,median}'; without =DEFAULT it is required"
)
ARTIFACT_GRAMMAR: Final = f"write NAME:TYPE, or NAME:TYPE:FORMAT with one of {', '.join(FORMATS)}: raw:raw_data:file"

MAXIMUM_NAME_LENGTH: Final = 64

_component_name = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
_option_name = re.compile(r"[A-Za-z][A-Za-z0-9]*([-_][A-Za-z0-9]+)*")
_parameter = re.compile(r"(?P<name>[^:=\[{]*)(:(?P<type>[^=\[{]*))?(?P<equals>=)?(?P<rest>.*)", re.DOTALL)
_bounds = re.compile(r"\[(?P<low>[^\[\]]*)\.\.(?P<high>[^\[\]]*)\]\s*\Z")
_choices = re.compile(r"\{(?P<choices>[^{}]*)\}\s*\Z")
_numbers: Final = (ParameterType.INT, ParameterType.FLOAT)


def check_component_name(name: str, what: str = "component") -> str:
    """`name`, where a component or project can have it: lower-case words joined by `-` or `_`, at most 64 characters.

    Raises UsageError for any other, and for a keyword of Python, which cannot name the component's function.
    """
    if len(name) > MAXIMUM_NAME_LENGTH or not _component_name.fullmatch(name):
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()
        mended = re.sub(r"[^a-z0-9_]+", "-", words).lstrip("-_0123456789")[:MAXIMUM_NAME_LENGTH].rstrip("-_")
        raise UsageError(
            f"{name!r} cannot name a {what}: expected at most {MAXIMUM_NAME_LENGTH} lower-case letters and digits, "
            "joined by '-' or '_', a letter first",
            hint=f"for example: {mended if _component_name.fullmatch(mended) else 'new-step'}",
        )
    if keyword.iskeyword(name):
        raise UsageError(f"{name!r} cannot name a {what}: it is a keyword of Python", hint=f"for example: {name}-step")
    return name


def read_parameter(text: str) -> Parameter:
    """The parameter that `--param` describes. Its type is told by the default where it is left out.

    >>> read_parameter("share=0.5[0..1]")
    Parameter(name='share', type=<ParameterType.FLOAT: 'float'>, default=0.5, optional=False, description='',
        minimum=0, maximum=1, choices=(), secret=False, flag=False, aliases=())

    Raises UsageError with the text and the grammar.
    """
    try:
        return _read_parameter(text)
    except (UsageError, ContractError) as error:
        raise UsageError(f"--param {text!r}: {error.message}", hint=error.hint or PARAMETER_GRAMMAR) from None


def _read_parameter(text: str) -> Parameter:
    match = _parameter.fullmatch(text)
    if match is None:
        raise UsageError("expected a name")
    name = _checked_option(match["name"])
    stated = match["type"]
    kind = parameter_type(stated, subject=name) if stated is not None else None
    rest, choices = _cut_choices(match["rest"])
    rest, bounds = _cut_bounds(rest, kind) if not choices else (rest, None)
    if not match["equals"]:
        if rest.strip():
            raise UsageError(f"{rest.strip()!r} stands behind the type, expected =DEFAULT, [LOW..HIGH] or {{A,B}}")
        if kind is None and not choices:
            raise UsageError(f"{name} has neither a type nor a default that would tell it")
    default_text = (rest.rstrip() if choices or bounds else rest) if match["equals"] else None
    kind = kind or _told_type([default_text or "", *(choices or ())])
    plain = Parameter(name, kind)
    low, high = (_bound(plain, each) for each in bounds) if bounds else (None, None)
    if low is not None and high is not None and low > high:
        raise UsageError(f"the bounds of {name} leave nothing: {low:g} is more than {high:g}")
    if choices and kind not in (ParameterType.STR, *_numbers):
        raise UsageError(f"{name} is a {kind}, only a str, an int or a float can have choices")
    values = tuple(_typed(plain, choice) for choice in choices or ())
    if len(set(values)) < len(values):
        raise UsageError(f"a choice of {name} is stated twice")
    checked = Parameter(name, kind, minimum=low, maximum=high, choices=values)
    default = REQUIRED if default_text is None else _default(checked, default_text)
    return Parameter(name, kind, default, minimum=low, maximum=high, choices=values)


def _cut_choices(text: str) -> tuple[str, tuple[str, ...] | None]:
    match = _choices.search(text)
    if match is None:
        return text, None
    choices = tuple(choice.strip() for choice in match["choices"].split(","))
    if "" in choices:
        raise UsageError(f"a choice is empty in {{{match['choices']}}}")
    return text[: match.start()], choices


def _cut_bounds(text: str, kind: ParameterType | None) -> tuple[str, tuple[str, str] | None]:
    """The text before the bounds, and these; a text that ends so is a text, for bounds belong to numbers."""
    match = _bounds.search(text)
    if match is None:
        if kind in _numbers and "[" in text:
            raise UsageError(f"{text[text.index('[') :]!r} is no range, expected [LOW..HIGH], [LOW..] or [..HIGH]")
        return text, None
    before = text[: match.start()]
    if kind not in _numbers and (kind is not None or _told_type([before]) not in _numbers):
        if kind is not None and not before.strip():
            raise UsageError(f"only an int or a float has bounds, this is a {kind}")
        return text, None
    if not match["low"].strip() and not match["high"].strip():
        raise UsageError("the bounds say nothing: expected [LOW..HIGH], [LOW..] or [..HIGH]")
    return before, (match["low"], match["high"])


def _told_type(texts: Iterable[str]) -> ParameterType:
    """The narrowest type that all the texts have: bool, int, float, else str."""
    known = [text.strip() for text in texts if text.strip()]
    if known and all(text.lower() in ("true", "false") for text in known):
        return ParameterType.BOOL
    for kind in _numbers:
        if known and all(_is_number(text, kind) for text in known):
            return kind
    return ParameterType.STR


def _is_number(text: str, kind: ParameterType) -> bool:
    try:
        value = int(text) if kind is ParameterType.INT else float(text)
    except ValueError:
        return False
    return math.isfinite(value)


def _bound(parameter: Parameter, text: str) -> float | None:
    if not text.strip():
        return None
    value = _typed(parameter, text)
    if not isinstance(value, (int, float)):
        return None
    return int(value) if value == int(value) else value  # as it is written: 1, to a float too


def _typed(parameter: Parameter, text: str) -> Value:
    value = parameter.parse(text)
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"{parameter.name} takes a finite number, got {text.strip()!r}")
    if isinstance(value, str) and not value.isprintable():
        raise UsageError(f"{text!r} holds a character that cannot be printed")
    return value


def _default(parameter: Parameter, text: str) -> Value | Required:
    if parameter.type is ParameterType.PATH:
        raise UsageError(
            f"{parameter.name} is a path, which has no default: MLflow would look for it where its caller is",
            hint=f"leave the default out, or make it an artifact: --input {parameter.name}:TYPE",
        )
    if parameter.type is ParameterType.URI and "://" not in text:
        raise UsageError(f"{parameter.name} is a uri, and MLflow takes addresses with :// only, got {text!r}")
    return _typed(parameter, text)


def read_input(text: str) -> tuple[Input, str]:
    """The input that `--input` describes, and the name of its format.

    >>> read_input("scores:test-metrics")
    (Input(name='scores', type='test-metrics', description='', optional=False), 'json')

    Raises UsageError with the text and the grammar.
    """
    name, kind, chosen = _artifact("--input", text)
    return Input(name, kind), "file" if chosen == "figure" else chosen


def read_output(text: str) -> tuple[Output, str]:
    """The output that `--output` describes, and the name of its format. Raises UsageError as `read_input` does."""
    name, kind, chosen = _artifact("--output", text)
    return Output(name, kind, key=name, path=name + FORMATS[chosen].ending), chosen


def _artifact(option: str, text: str) -> tuple[str, str, str]:
    try:
        name, *rest = text.split(":")
        if len(rest) not in (1, 2):
            raise UsageError("expected a name and a type" if not rest else "there are too many ':'")
        name, kind = _checked_option(name), check_name(rest[0].strip(), "artifact type")
        chosen = rest[1].strip() if len(rest) == 2 else format_of_type(kind)
        if chosen not in FORMATS:
            raise UsageError(f"there is no format {chosen!r}", hint=near_matches(chosen, FORMATS))
    except UsageError as error:
        raise UsageError(f"{option} {text!r}: {error.message}", hint=error.hint or ARTIFACT_GRAMMAR) from None
    return name, kind, chosen


def _checked_option(text: str) -> str:
    """The name of an option, with `_` for `-`."""
    name = text.strip()
    if not name:
        raise UsageError("the name is missing")
    if len(name) > MAXIMUM_NAME_LENGTH or not _option_name.fullmatch(name):
        raise UsageError(f"{name!r} is no name: expected letters and digits joined by '_', a letter first")
    name = name.replace("-", "_")
    problem = option_name_problem(name)
    if problem:
        raise UsageError(f"{name!r} cannot be the name: {problem}", hint=f"for example: {name}_value")
    return name
