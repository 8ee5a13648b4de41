"""What type of value a script's own converter gives: the callable after `type=`."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from artifactflow.parameters import ParameterType
from artifactflow.read.script.module_constants import qualified_name
from artifactflow.read.script.script_objects import Function
from artifactflow.read.script.static_values import UNKNOWN, EnumMember, Members, Unknown

LONGEST: Final = 250
"""Nodes of a function's tree: what is longer is no converter, and is not looked into."""

CONVERTERS: Final[Mapping[str, ParameterType]] = {
    "builtins.str": ParameterType.STR,
    "builtins.str.lower": ParameterType.STR,
    "builtins.str.upper": ParameterType.STR,
    "builtins.str.strip": ParameterType.STR,
    "builtins.int": ParameterType.INT,
    "builtins.float": ParameterType.FLOAT,
    "builtins.bool": ParameterType.BOOL,
    "builtins.open": ParameterType.PATH,
    "argparse.FileType": ParameterType.PATH,
    "pathlib.Path": ParameterType.PATH,
    "pathlib.PurePath": ParameterType.PATH,
    "pathlib.PosixPath": ParameterType.PATH,
    "os.path.abspath": ParameterType.PATH,
    "os.path.expanduser": ParameterType.PATH,
    "os.path.realpath": ParameterType.PATH,
    "os.path.normpath": ParameterType.PATH,
    "distutils.util.strtobool": ParameterType.BOOL,
    "setuptools._distutils.util.strtobool": ParameterType.BOOL,
}
"""Callables of libraries and the type that they give."""

Names = Mapping[str, object]


def converted_type(node: ast.expr, value: object, names: Names) -> ParameterType | Unknown:
    """The type that the callable `node` gives; `value` is what it stands for. UNKNOWN where that is not clear."""
    known = CONVERTERS.get(qualified_name(node, names))
    if known is not None:
        return known
    if isinstance(node, ast.Call):
        return CONVERTERS.get(qualified_name(node.func, names), UNKNOWN)
    if isinstance(node, ast.Lambda):
        return _result(node.body, {}, names)
    if isinstance(value, Function):
        return _returned(value)
    if isinstance(value, Members) and value.enum and value.values:
        texts = [isinstance(each, EnumMember) and isinstance(each.value, str) for each in value.values.values()]
        return ParameterType.STR if all(texts) else UNKNOWN
    return UNKNOWN


def _returned(function: Function) -> ParameterType | Unknown:
    nodes = list(islice(ast.walk(function.node), LONGEST + 1))
    if len(nodes) > LONGEST or any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in nodes):
        return UNKNOWN
    stores = Counter(node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    parameters = {node.arg for node in nodes if isinstance(node, ast.arg)}
    assigned: dict[str, ast.expr | None] = {}
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            # A parameter that is given a new value later was a text before.
            assigned[name] = node.value if stores[name] == 1 and name not in parameters else None
    results = {_result(value, assigned, function.names) for value in _returns(function.node.body)}
    return results.pop() if len(results) == 1 else UNKNOWN


def _returns(body: list[ast.stmt]) -> Iterator[ast.expr]:
    """What a function returns, without what was no text to begin with: `if isinstance(v, bool): return v`."""
    for statement in body:
        if isinstance(statement, ast.Return):
            yield statement.value or ast.Constant(None)
        elif isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        elif isinstance(statement, ast.If) and _asks_for_type(statement.test):
            yield from _returns(statement.orelse)
        else:
            for block in ("body", "orelse", "finalbody"):
                yield from _returns(getattr(statement, block, []))
            for handler in getattr(statement, "handlers", []):
                yield from _returns(handler.body)


def _asks_for_type(test: ast.expr) -> bool:
    return isinstance(test, ast.Call) and isinstance(test.func, ast.Name) and test.func.id == "isinstance"


def _result(node: ast.expr, assigned: Mapping[str, ast.expr | None], names: Names) -> ParameterType | Unknown:
    """The type of an expression; `assigned` are a function's own names that are assigned once."""
    match node:
        case ast.Constant(bool()):
            return ParameterType.BOOL
        case ast.Compare() | ast.UnaryOp(ast.Not()):
            return ParameterType.BOOL
        case ast.BoolOp(_, values):
            results = {_result(value, assigned, names) for value in values}
            return ParameterType.BOOL if results == {ParameterType.BOOL} else UNKNOWN
        case ast.IfExp(_, body, orelse):
            found = _result(body, assigned, names)
            return found if found == _result(orelse, assigned, names) else UNKNOWN
        case ast.Call(function):
            return CONVERTERS.get(qualified_name(function, names), UNKNOWN)
        case ast.Name(name):
            value = assigned.get(name)
            return _result(value, {}, names) if value is not None else UNKNOWN
    return UNKNOWN
