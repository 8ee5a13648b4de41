"""One `add_argument` call as an Option, by the rules of argparse."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Final

from artifactflow.errors import Place
from artifactflow.parameters import REQUIRED, ParameterType, Value
from artifactflow.read.script.command_line import Default, Option
from artifactflow.read.script.converters import CONVERTERS, converted_type
from artifactflow.read.script.static_values import (
    UNKNOWN,
    Arguments,
    EnumMember,
    Imported,
    Unknown,
    elements_of,
    is_scalar,
)

SUPPRESS: Final = "==SUPPRESS=="
CONSTANTS: Final[Mapping[str, str]] = {
    "argparse.SUPPRESS": SUPPRESS,
    "argparse.OPTIONAL": "?",
    "argparse.ZERO_OR_MORE": "*",
    "argparse.ONE_OR_MORE": "+",
    "argparse.REMAINDER": "...",
    "argparse.PARSER": "A...",
}
"""argparse's own constants and what they are."""

_FLAGS: Final = frozenset({"store_true", "store_false", "store_const", "append_const", "count", "help", "version"})
_VALUES: Final = frozenset({"store", "append", "extend"})
BOOLEAN: Final = "argparse.BooleanOptionalAction"


def plain(value: object) -> Value | Unknown:
    """One piece of data as a parameter holds it: a path is its text, an enum's member its value."""
    if isinstance(value, EnumMember):
        value = value.value
    if not is_scalar(value) or isinstance(value, bytes):
        return UNKNOWN
    return value if value is None or isinstance(value, (str, int, float)) else str(value)


def plain_default(value: object) -> Default:
    """A default as an option holds it: one value, a list or a mapping of them; UNKNOWN where any part is."""
    if isinstance(value, (list, tuple, set)):
        found = [plain(each) for each in (sorted(value, key=str) if isinstance(value, set) else value)]
        return UNKNOWN if UNKNOWN in found else [each for each in found if each is not UNKNOWN]
    if isinstance(value, dict):
        pairs = {key: plain(each) for key, each in value.items()}
        known = {key: each for key, each in pairs.items() if isinstance(key, str) and each is not UNKNOWN}
        return known if len(known) == len(pairs) else UNKNOWN
    return plain(value)


def plain_choices(value: object) -> tuple[Value, ...] | Unknown | None:
    """The choices of an option; those of a set in the order of their text."""
    elements = sorted(value, key=str) if isinstance(value, set) else elements_of(value)
    if elements is None:
        return None if value is None else tuple(value) if isinstance(value, str) else UNKNOWN
    found = [plain(each) for each in elements]
    return UNKNOWN if UNKNOWN in found else tuple(each for each in found if each is not UNKNOWN)


def make_option(
    node: ast.Call, arguments: Arguments, names: Mapping[str, object], prefixes: str, place: Place
) -> Option | None:
    """The option that an `add_argument` call adds; None where its name cannot be known.

    `names` are what names stand for there, `prefixes` the characters that an option may begin with.
    """
    given = arguments.keywords
    spellings = [name for name in arguments.positional if isinstance(name, str) and name]
    if arguments.open or len(spellings) != len(arguments.positional):
        return None
    positional = not spellings or (len(spellings) == 1 and spellings[0][0] not in prefixes)
    dest = given.get("dest", _dest(spellings, positional, prefixes))
    if not isinstance(dest, str):
        return None
    action = _action(node, given)
    converter, kind = _type(node, given, names, action)
    nargs = _nargs(given, action)
    required: bool | Unknown
    if positional:
        required = UNKNOWN if nargs is UNKNOWN else nargs not in ("?", "*", "...", SUPPRESS)
    else:
        value = given.get("required", False)
        required = value if isinstance(value, bool) else UNKNOWN
    known_action = action in _FLAGS | _VALUES | {BOOLEAN}
    default, suppressed = _default(given, action, required)
    help_text = given.get("help", "")
    hidden = help_text == SUPPRESS
    off_names = tuple(f"--no-{name[2:]}" for name in spellings if name.startswith("--")) if action == BOOLEAN else ()
    return Option(
        names=(*spellings, *off_names) if spellings else (dest,),
        dest=dest,
        place=place,
        type=kind,
        default=default if known_action else UNKNOWN,
        required=required,
        choices=plain_choices(given.get("choices")),
        description="" if hidden or help_text is None else help_text if isinstance(help_text, str) else UNKNOWN,
        flag=action in _FLAGS or action == BOOLEAN,
        action="boolean" if action == BOOLEAN else action,
        nargs=nargs,
        positional=positional,
        converter=converter,
        multiple=action in {"append", "append_const", "extend"},
        off_names=off_names,
        suppressed=suppressed,
        hidden=hidden,
    )


def _dest(spellings: list[str], positional: bool, prefixes: str) -> str | None:
    if positional:
        return spellings[0] if spellings else None
    long = [name for name in spellings if len(name) > 1 and name[0] in prefixes and name[1] in prefixes]
    return (long or spellings)[0].lstrip(prefixes).replace("-", "_") or None


def _keyword(node: ast.Call, name: str) -> ast.expr | None:
    return next((each.value for each in node.keywords if each.arg == name), None)


def _action(node: ast.Call, given: Mapping[str, object]) -> str:
    action = given.get("action", "store")
    if isinstance(action, Imported):
        return action.name
    written = _keyword(node, "action")
    return action if isinstance(action, str) else source_text(written) if written else "unknown"


def _type(
    node: ast.Call, given: Mapping[str, object], names: Mapping[str, object], action: str
) -> tuple[str | None, ParameterType | Unknown | None]:
    if action in {"store_true", "store_false", BOOLEAN}:
        return None, ParameterType.BOOL
    if action == "count":
        return None, ParameterType.INT
    if action in _FLAGS:
        return None, None
    written = _keyword(node, "type")
    by_name = given.get("type")
    if written is None and by_name is not None:  # it came by `**settings`
        name = by_name.name if isinstance(by_name, Imported) else "unknown"
        return name.removeprefix("builtins."), CONVERTERS.get(name, UNKNOWN) if action in _VALUES else UNKNOWN
    if written is None or given.get("type") is None:
        return None, ParameterType.STR if action in _VALUES else UNKNOWN
    found = converted_type(written, given.get("type"), names)
    return source_text(written), found if action in _VALUES else UNKNOWN


def _nargs(given: Mapping[str, object], action: str) -> int | str | Unknown | None:
    if action in _FLAGS or action == BOOLEAN:
        return 0
    nargs = given.get("nargs", None)
    if nargs is None and action not in _VALUES:
        return UNKNOWN
    return nargs if nargs is None or isinstance(nargs, (int, str)) else UNKNOWN


def _default(given: Mapping[str, object], action: str, required: bool | Unknown) -> tuple[Default, bool]:
    if action in {"help", "version"}:
        return None, True
    value = given.get("default", {"store_true": False, "store_false": True}.get(action))
    if value == SUPPRESS:
        return None, True
    return (REQUIRED if required is True else plain_default(value)), False


def source_text(node: ast.expr) -> str:
    """The source of a short expression."""
    return ast.unparse(node)[:200]
