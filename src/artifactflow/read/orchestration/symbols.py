"""What an expression of a script stands for, when nobody runs it.

`walk.py` follows a script and computes symbols; `texts.py` says which texts they are. Nothing here is a guess.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from artifactflow.errors import Place
from artifactflow.parameters import Value

MOST_ITEMS: Final = 256
"""Symbols in a list or dict, all levels counted, and parts of a text, beyond which it counts as unknown."""


class Kind(StrEnum):
    """Where a text comes from."""

    LITERAL = "literal"
    PARAMETER = "parameter"
    CONFIG = "config"
    VARIABLE = "variable"
    RUN = "run"
    FILE = "file"
    TEMPLATE = "template"
    UNKNOWN = "unknown"
    ROOT = "root"


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that cannot be known without running the script."""


UNKNOWN: Final = Unknown()


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that stands in the source."""

    value: Value


@dataclass(frozen=True, slots=True)
class Reference:
    """Something with a name that is known when the script runs: a parameter, a config key, the root's folder."""

    kind: Kind
    name: str = ""


ROOT: Final = Reference(Kind.ROOT)
"""The folder of the script, which is also the folder where it is started."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A text or path with references in it."""

    parts: tuple[str | Reference, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list, tuple or set. `size` counts the symbols below it."""

    items: tuple[Symbol, ...]
    size: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """A value in a dict or among keyword arguments, and where it stands."""

    value: Symbol
    place: Place


@dataclass(frozen=True, slots=True)
class Table:
    """A dict with literal keys. `complete` is false where more keys may be in it than the source shows."""

    entries: Mapping[str, Entry] = field(hash=False)
    size: int = 0
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Imported:
    """A module, or what is in one, by its full dotted name; also a builtin function."""

    name: str


@dataclass(frozen=True, slots=True)
class Method:
    """An attribute of a symbol; a call of it is a method call."""

    receiver: Symbol
    name: str


@dataclass(frozen=True, slots=True)
class Handle:
    """An object that a call known to us returned, `wandb.run` or `file`. `number` tells objects of a kind apart."""

    kind: str
    number: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A function of the script. `role` is `hydra` or `command` where a decorator says who fills its parameters."""

    node: ast.FunctionDef | ast.AsyncFunctionDef
    scope: Scope
    role: str = ""
    instance: Handle | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Class:
    """A class of the script. All of its objects are taken for one, `instance`."""

    node: ast.ClassDef
    instance: Handle
    methods: Mapping[str, Function]


Symbol = Unknown | Constant | Reference | Joined | Items | Table | Imported | Method | Handle | Function | Class


class Scope:
    """Names and their symbols; a name that is not here is looked up outside, in the scope that surrounds this one."""

    def __init__(self, outside: Scope | None = None) -> None:
        self.outside = outside
        self.names: dict[str, Symbol] = {}

    def get(self, name: str) -> Symbol | None:
        """The symbol of a name, or None where the script gives it no value."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.outside
        return None

    def merge(self, branches: list[Scope]) -> None:
        """Take over what the branches of a statement assigned, of which one, or none, will have run."""
        for name in dict.fromkeys(name for branch in branches for name in branch.names):
            symbols = [found for branch in branches if (found := branch.get(name)) is not None]
            merged = symbols[0]
            for other in symbols[1:]:
                merged = either(merged, other)
            self.names[name] = merged


def either(first: Symbol, second: Symbol) -> Symbol:
    """What is known where one of two symbols holds: the object rather than the None or the unknown beside it."""
    if first == second:
        return first
    for one, other in ((first, second), (second, first)):
        if other == Constant(None):
            return one
        is_object = isinstance(one, (Handle, Imported)) or (isinstance(one, Reference) and one.kind is Kind.RUN)
        is_open = isinstance(other, (Unknown, Method)) or (isinstance(other, Reference) and other.kind is Kind.VARIABLE)
        if is_object and is_open:
            return one
    return UNKNOWN


def items(symbols: tuple[Symbol, ...]) -> Symbol:
    """A list of symbols, unknown where it would be too large."""
    size = len(symbols) + sum(_size(symbol) for symbol in symbols)
    return Items(symbols, size) if size <= MOST_ITEMS else UNKNOWN


def table(entries: Mapping[str, Entry], complete: bool = True) -> Symbol:
    """A dict of symbols, unknown where it would be too large."""
    size = len(entries) + sum(_size(entry.value) for entry in entries.values())
    return Table(entries, size, complete) if size <= MOST_ITEMS else UNKNOWN


def _size(symbol: Symbol) -> int:
    return symbol.size if isinstance(symbol, (Items, Table)) else 0
