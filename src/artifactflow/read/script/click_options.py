"""One `click.option` or `click.argument` as an Option, by the rules of click."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from artifactflow.errors import Place
from artifactflow.parameters import REQUIRED, ParameterType, Value
from artifactflow.read.script.argparse_options import plain_choices, plain_default, source_text
from artifactflow.read.script.command_line import Default, Option
from artifactflow.read.script.constants import evaluate
from artifactflow.read.script.module_constants import qualified_name
from artifactflow.read.script.static_values import UNKNOWN, EnumMember, Members, Unknown, elements_of

_TYPES: Final[Mapping[str, ParameterType]] = {
    "builtins.str": ParameterType.STR,
    "click.STRING": ParameterType.STR,
    "builtins.int": ParameterType.INT,
    "click.INT": ParameterType.INT,
    "click.IntRange": ParameterType.INT,
    "builtins.float": ParameterType.FLOAT,
    "click.FLOAT": ParameterType.FLOAT,
    "click.FloatRange": ParameterType.FLOAT,
    "builtins.bool": ParameterType.BOOL,
    "click.BOOL": ParameterType.BOOL,
    "click.Path": ParameterType.PATH,
    "click.File": ParameterType.PATH,
    "pathlib.Path": ParameterType.PATH,
}
_OWN_CONVERTERS: Final = ("click.", "builtins.")

Choices = tuple[Value, ...] | None | Unknown


@dataclass(frozen=True)
class Stated:
    """The arguments of an option's call: constants by name, and the expressions that they were read from."""

    spellings: tuple[object, ...]
    expressions: Mapping[str, ast.expr]
    names: Mapping[str, object]
    open: bool

    def get(self, name: str, default: object = None) -> object:
        """The constant given as `name`; UNKNOWN where it is none that is known, `default` where none was given."""
        node = self.expressions.get(name)
        if node is not None:
            return evaluate(node, self.names)
        return UNKNOWN if self.open else default

    def truth(self, name: str) -> bool | Unknown:
        """A switch, off unless it is given."""
        value = self.get(name, False)
        return value if isinstance(value, bool) else bool(value) if isinstance(value, (str, type(None))) else UNKNOWN


def stated(node: ast.Call, names: Mapping[str, object]) -> Stated:
    """What a call states."""
    keywords = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
    return Stated(
        spellings=tuple(evaluate(each, names) for each in node.args),
        expressions=keywords,
        names=names,
        open=len(keywords) != len(node.keywords) or any(isinstance(each, ast.Starred) for each in node.args),
    )


def click_type(given: Stated, default: object) -> tuple[ParameterType | Unknown, Choices, str | None]:
    """The type, the choices and the converter that `type=` says, or else the default."""
    node = given.expressions.get("type")
    if node is None:
        return (UNKNOWN if given.open else _type_of(default)), None, None
    if isinstance(node, ast.Constant) and node.value is None:
        return _type_of(default), None, None
    made = node.func if isinstance(node, ast.Call) else node
    name = qualified_name(made, given.names)
    if name == "click.Choice":
        return ParameterType.STR, _choices(node, given.names), None
    converter = None if name.startswith("click.") else source_text(node)
    return _TYPES.get(name, UNKNOWN), None, converter


def _choices(node: ast.expr, names: Mapping[str, object]) -> Choices:
    if not isinstance(node, ast.Call) or len(node.args) != 1:
        return UNKNOWN
    value = evaluate(node.args[0], names)
    elements = elements_of(value)
    # What an enum's members are called on the command line differs between versions of click.
    if elements is None or any(isinstance(each, (EnumMember, Members)) for each in elements):
        return plain_choices(value) if isinstance(value, set) else UNKNOWN
    return plain_choices(value)


def _type_of(default: object) -> ParameterType | Unknown:
    if isinstance(default, (list, tuple)):
        default = default[0] if default else None
        if isinstance(default, (list, tuple)):
            return UNKNOWN
    for kind, found in ((bool, ParameterType.BOOL), (int, ParameterType.INT), (float, ParameterType.FLOAT)):
        if isinstance(default, kind):
            return found
    return UNKNOWN if default is UNKNOWN or isinstance(default, (dict, set)) else ParameterType.STR


def option_spellings(spellings: tuple[object, ...]) -> tuple[list[str], list[str], str | None] | None:
    """The names, those that switch off, and the dest; None where one is not known.

    >>> option_spellings(("-s/-S", "--shout/--no-shout"))
    (['-s', '--shout'], ['-S', '--no-shout'], 'shout')
    """
    names: list[str] = []
    off_names: list[str] = []
    dest: str | None = None
    for each in spellings:
        if not isinstance(each, str) or not each:
            return None
        if each.isidentifier():
            dest = each
            continue
        first, _, second = each.partition(";" if each.startswith("/") else "/")
        names.extend(part for part in [first.strip()] if part)
        off_names.extend(part for part in [second.strip()] if part)
    if dest is None and names:
        longest = max(names, key=lambda name: len(name) - len(name.lstrip("-")) if name.startswith("-") else 0)
        dest = longest.lstrip("-").replace("-", "_").lower()
    return names, off_names, dest


def make_click_option(node: ast.Call, names: Mapping[str, object], place: Place) -> Option | None:
    """The option of a `click.option` call; None where its name, or whether it takes a value, cannot be known."""
    given = stated(node, names)
    spelt = option_spellings(given.spellings)
    if spelt is None or given.open or "cls" in given.expressions:
        return None
    on, off, dest = spelt
    if dest is None:
        return None
    counts, is_flag = given.truth("count"), given.get("is_flag")
    flag_value = given.get("flag_value")
    if counts is UNKNOWN or is_flag is UNKNOWN:
        return None
    flag = bool(is_flag) or bool(off) or (flag_value is not None and is_flag is None)
    default = given.get("default")
    kind, choices, converter = click_type(given, default)
    multiple = given.truth("multiple") is True
    nargs = given.get("nargs", 1)
    if counts:
        kind, default = ParameterType.INT, given.get("default", 0)
    elif flag and flag_value in (None, True, False):
        kind = ParameterType.BOOL if "type" not in given.expressions else kind
        default = False if default is None and "default" not in given.expressions else default
    elif flag:
        kind, default = _type_of(flag_value), UNKNOWN if default is not None else None
    elif multiple or (isinstance(nargs, int) and nargs != 1):
        default = [] if default is None and multiple else default
    required = given.truth("required")
    if given.get("prompt", False) is not False and default is None:
        required = UNKNOWN  # a person is asked; nobody knows whether one is there
    return Option(
        names=(*on, *off),
        dest=dest,
        place=place,
        type=kind,
        default=_default(default, required),
        required=required,
        choices=choices,
        description=_description(given),
        flag=flag or bool(counts),
        action="count" if counts else "flag" if flag else "append" if multiple else "store",
        nargs=0 if flag or counts else _nargs(nargs),
        converter=converter,
        multiple=multiple,
        off_names=tuple(off),
        hidden=given.truth("hidden") is True,
    )


def make_click_argument(node: ast.Call, names: Mapping[str, object], place: Place) -> Option | None:
    """The positional argument of a `click.argument` call; None where its name cannot be known."""
    given = stated(node, names)
    if given.open or len(given.spellings) != 1 or not isinstance(given.spellings[0], str):
        return None
    name = given.spellings[0]
    default = given.get("default")
    kind, choices, converter = click_type(given, default)
    nargs = given.get("nargs", 1)
    required: bool | Unknown
    if "required" in given.expressions:
        required = given.truth("required")
    elif "default" in given.expressions:
        required = False
    else:
        required = UNKNOWN if nargs is UNKNOWN else nargs != -1
    return Option(
        names=(name,),
        dest=name.replace("-", "_").lower(),
        place=place,
        type=kind,
        default=_default(default, required),
        required=required,
        choices=choices,
        description=_description(given),
        nargs=("+" if required is True else "*") if nargs == -1 else _nargs(nargs),
        positional=True,
        converter=converter,
    )


def _nargs(nargs: object) -> int | str | Unknown | None:
    return None if nargs in (1, None) else nargs if isinstance(nargs, int) else UNKNOWN


def _default(default: object, required: bool | Unknown) -> Default:
    return REQUIRED if required is True else plain_default(default)


def _description(given: Stated) -> str | Unknown:
    text = given.get("help")
    return "" if text is None else text if isinstance(text, str) else UNKNOWN
