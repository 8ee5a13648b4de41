"""The functions, methods and operators that are followed in a script's text: pure ones, and within bounds.

Each gives UNKNOWN, never a guess, for what it was not made for.
"""

from __future__ import annotations

import ast
import operator
import posixpath
from collections.abc import Callable, Mapping
from pathlib import PurePath, PurePosixPath
from typing import Any, Final

from artifactflow.read.script.static_values import (
    LARGEST,
    UNKNOWN,
    Bound,
    EnumMember,
    elements_of,
    is_constant,
    is_scalar,
    truth_of,
)


def attempt(function: Callable[..., object], *arguments: object, **keywords: object) -> object:
    """What `function` gives, or UNKNOWN where the script's own call would raise."""
    try:
        return bounded(function(*arguments, **keywords))
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError):
        return UNKNOWN


def bounded(value: object) -> object:
    """`value`, or UNKNOWN where it is larger than anyone writes."""
    if isinstance(value, (str, bytes, list, tuple, dict, set)) and len(value) > LARGEST:
        return UNKNOWN
    return UNKNOWN if isinstance(value, int) and abs(value) > 10**40 else value


_OPERATORS: Final[Mapping[type[ast.operator], Callable[[Any, Any], object]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


def arithmetic(sign: ast.operator, left: object, right: object) -> object:
    """`left` and `right` combined: numbers; texts, lists and tuples joined or repeated; `Path / text`."""
    function = _OPERATORS.get(type(sign))
    if function is None:
        return UNKNOWN
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        if isinstance(sign, ast.Pow) and (abs(left) > 10**6 or abs(right) > 64):
            return UNKNOWN
        return function(left, right)
    if isinstance(sign, ast.Div) and (isinstance(left, PurePath) or isinstance(right, PurePath)):
        return function(left, right)
    sequences = (str, list, tuple)
    if isinstance(sign, ast.Add) and isinstance(left, sequences) and type(left) is type(right):
        return function(left, right)
    if isinstance(sign, ast.Mult) and isinstance(left, sequences) and isinstance(right, int):
        return function(left, right) if len(left) * right <= LARGEST else UNKNOWN
    return UNKNOWN


def signed(sign: ast.unaryop, value: object) -> object:
    """`-value`, `+value`, `not value`."""
    if isinstance(sign, ast.Not):
        truth = truth_of(value)
        return UNKNOWN if truth is None else not truth
    if not isinstance(value, (int, float)) or isinstance(sign, ast.Invert):
        return UNKNOWN
    return -value if isinstance(sign, ast.USub) else +value


_COMPARISONS: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], object]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def compared(sign: ast.cmpop, left: object, right: object) -> object:
    """Whether `left sign right` holds. An object of the script itself (a parser) is known not to be None."""
    if isinstance(sign, (ast.Is, ast.IsNot)) and right is None:
        return UNKNOWN if left is UNKNOWN else (left is None) is isinstance(sign, ast.Is)
    if isinstance(sign, (ast.In, ast.NotIn)) and is_scalar(left):
        if isinstance(right, str) and isinstance(left, str):
            return (left in right) is isinstance(sign, ast.In)
        elements = list(right) if isinstance(right, set) else elements_of(right)
        if elements is not None and all(map(is_scalar, elements)):
            return (left in elements) is isinstance(sign, ast.In)
    function = _COMPARISONS.get(type(sign))
    return function(left, right) if function and is_scalar(left) and is_scalar(right) else UNKNOWN


def _text(value: object = "") -> object:
    # What str() makes of an enum's member differs between enums, and of a container it can be endless.
    return str(value) if is_scalar(value) and not isinstance(value, EnumMember) else UNKNOWN


def _absolute(path: Any) -> object:
    # Relative ones depend on the folder that the script is started in.
    known = posixpath.normpath(path) if posixpath.isabs(path) else None
    return UNKNOWN if known is None else PurePosixPath(known) if isinstance(path, PurePath) else known


def _listed(make: Callable[[list[Any]], object]) -> Callable[..., object]:
    def function(value: object = ()) -> object:
        elements = elements_of(value)
        return UNKNOWN if elements is None else make(elements)

    return function


def _range(*bounds: Any) -> object:
    numbers = range(*bounds)
    return list(numbers) if len(numbers) <= LARGEST else UNKNOWN


def _truth(value: object = False) -> object:
    known = truth_of(value)
    return UNKNOWN if known is None else known


def _number(kind: Callable[[Any], object]) -> Callable[..., object]:
    def function(value: object = 0) -> object:
        return kind(value) if isinstance(value, (int, float, str)) and len(str(value)) < 50 else UNKNOWN

    return function


def _sized(value: object) -> object:
    return len(value) if isinstance(value, (str, list, tuple, dict, set)) else UNKNOWN


FUNCTIONS: Final[Mapping[str, Callable[..., object]]] = {
    "builtins.str": _text,
    "builtins.int": _number(int),
    "builtins.float": _number(float),
    "builtins.bool": _truth,
    "builtins.len": _sized,
    "builtins.list": _listed(list),
    "builtins.tuple": _listed(tuple),
    "builtins.sorted": _listed(sorted),
    "builtins.range": _range,
    "os.path.join": posixpath.join,
    "os.path.dirname": posixpath.dirname,
    "os.path.basename": posixpath.basename,
    "os.path.normpath": posixpath.normpath,
    "os.path.abspath": _absolute,
    "os.path.realpath": _absolute,
    "os.fspath": lambda path: str(path) if isinstance(path, (str, PurePath)) else UNKNOWN,
    "pathlib.Path": PurePosixPath,
    "pathlib.PurePath": PurePosixPath,
    "pathlib.PosixPath": PurePosixPath,
    "pathlib.PurePosixPath": PurePosixPath,
}
"""The functions whose result is known where their arguments are."""

_METHODS: Final[Mapping[type, frozenset[str]]] = {
    str: frozenset({"lower", "upper", "strip", "lstrip", "rstrip", "title", "capitalize", "split", "startswith"}),
    PurePosixPath: frozenset({"joinpath", "as_posix", "with_suffix", "with_name"}),
    dict: frozenset({"get", "copy"}),
    list: frozenset({"copy", "index"}),
}


def call_method(method: Bound, *arguments: Any) -> object:
    """What a method of a constant gives: of a text, a path, a dict or a list, where it is one that changes nothing."""
    receiver, name = method.receiver, method.name
    if isinstance(receiver, str) and name == "join":
        elements = elements_of(arguments[0])
        texts = [each for each in elements or () if isinstance(each, str)]
        return receiver.join(texts) if elements is not None and len(texts) == len(elements) else UNKNOWN
    if isinstance(receiver, PurePosixPath) and name in {"resolve", "absolute"}:
        return _absolute(receiver)
    if isinstance(receiver, dict) and name in {"keys", "values", "items"} and not arguments:
        return list(getattr(receiver, name)())
    if name in _METHODS.get(type(receiver), ()) and all(is_constant(each) for each in arguments):
        return getattr(receiver, name)(*arguments)
    return UNKNOWN
