"""What operators between symbols give. Between two constants they are those of `script/pure_functions.py`."""

from __future__ import annotations

import ast
import math

from artifactflow.read.orchestration.symbols import UNKNOWN, Constant, Items, Symbol, Table, either, items, table
from artifactflow.read.orchestration.texts import join, join_path
from artifactflow.read.script import pure_functions
from artifactflow.read.script.pure_functions import arithmetic, attempt


def combined(sign: ast.operator, left: Symbol, right: Symbol) -> Symbol:
    """What `left sign right` gives.

    >>> combined(ast.Mod(), Constant("%s.csv"), Constant("clean"))
    Constant(value='clean.csv')
    """
    match sign, left, right:
        case ast.Add(), Items(first), Items(second):
            return items((*first, *second))
        case ast.BitOr(), Table(first), Table(second):
            return table({**first, **second}, left.complete and right.complete)
        case ast.Mod(), Constant(str(text)), _ if "%%" not in text:
            values = right.items if isinstance(right, Items) else (right,)
            if text.count("%") != len(values) or text.count("%s") != len(values):
                return UNKNOWN
            texts = text.split("%s")
            alternating: list[Symbol] = [Constant(texts[0])]
            for value, rest in zip(values, texts[1:], strict=True):
                alternating += [value, Constant(rest)]
            return join(*alternating)
        case _, Constant(first), Constant(second) if not (isinstance(sign, ast.Div) and isinstance(first, str)):
            return _constant(attempt(arithmetic, sign, first, second))
        case ast.Add(), _, _:
            return join(left, right)
        case ast.Div(), _, _:
            return join_path(left, right)
    return UNKNOWN


def signed(sign: ast.unaryop, operand: Symbol) -> Symbol:
    """What `-operand`, `+operand` and `not operand` give."""
    return _constant(pure_functions.signed(sign, operand.value)) if isinstance(operand, Constant) else UNKNOWN


def compared(sign: ast.cmpop, left: Symbol, right: Symbol) -> Symbol:
    """Whether `left sign right` holds."""
    match left, right:
        case Constant(), Items(elements) if isinstance(sign, (ast.In, ast.NotIn)):
            if all(isinstance(symbol, Constant) for symbol in elements):
                return Constant((left in elements) is isinstance(sign, ast.In))
        case Constant(first), Constant(second):
            return _constant(attempt(pure_functions.compared, sign, first, second))
    return UNKNOWN


def decided(sign: ast.boolop, symbols: list[Symbol]) -> Symbol:
    """What `and` or `or` between symbols gives: the first that decides it, where all before it are known."""
    for symbol in symbols[:-1]:
        if not isinstance(symbol, Constant):
            return UNKNOWN
        if bool(symbol.value) is isinstance(sign, ast.Or):
            return symbol
    return symbols[-1]


def chosen(test: Symbol, body: Symbol, orelse: Symbol) -> Symbol:
    """What `body if test else orelse` gives."""
    if isinstance(test, Constant):
        return body if test.value else orelse
    return either(body, orelse)


def _constant(value: object) -> Symbol:
    if isinstance(value, float) and not math.isfinite(value):
        return UNKNOWN
    return Constant(value) if value is None or isinstance(value, (str, int, float)) else UNKNOWN
