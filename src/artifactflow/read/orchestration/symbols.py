"""What an expression of a script stands for, when nobody runs it.

`walk.py` follows a script and computes symbols; the readers of orchestrators and of tracking calls turn them into
`Text`: a literal, the parameter or config key that gives the value, or *unknown*. Nothing here is a guess.
"""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from artifactflow.errors import Place
from artifactflow.parameters import Value

LONGEST_TEXT: Final = 4096
"""Characters that a text may grow to before it counts as unknown: doubling a string costs an attacker nothing."""

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
class Text:
    """A text as a script states it.

    `text` is, by `kind`: LITERAL the text itself; PARAMETER the name of the script's own parameter; CONFIG a key path
    such as `etl.min_price`; VARIABLE the name of a variable whose value is not known; RUN what is taken from another
    run (`clean.run_id`); FILE the key path of the config section that the script dumps into the file which it names;
    TEMPLATE a text with the names of these in braces, `{name}.csv`; UNKNOWN nothing.
    """

    kind: Kind
    text: str = ""

    def __str__(self) -> str:
        if self.kind in {Kind.LITERAL, Kind.TEMPLATE}:
            return self.text
        return f"{{{self.text}}}" if self.text else self.kind.value


NO_TEXT: Final = Text(Kind.UNKNOWN)


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


def parts_of(symbol: Symbol) -> tuple[str | Reference, ...] | None:
    """A symbol as the parts of a text, or None where it is no text that anything is known about."""
    match symbol:
        case Constant(value):
            return (str(value),)
        case Reference():
            return (symbol,)
        case Joined(parts):
            return parts
    return None


def literal_of(symbol: Symbol | None) -> str | None:
    """The text that a symbol is, None where it is none or not known."""
    return symbol.value if isinstance(symbol, Constant) and isinstance(symbol.value, str) else None


def join(*symbols: Symbol) -> Symbol:
    """The texts of symbols one after another.

    >>> join(Constant("a"), Constant("b"))
    Constant(value='ab')
    """
    joined: list[str | Reference] = []
    for symbol in symbols:
        parts = parts_of(symbol)
        if parts is None:
            return UNKNOWN
        for part in parts:
            if isinstance(part, str) and joined and isinstance(joined[-1], str):
                joined[-1] += part
            elif part != "":
                joined.append(part)
    if len(joined) > MOST_ITEMS or sum(len(part) for part in joined if isinstance(part, str)) > LONGEST_TEXT:
        return UNKNOWN
    if not joined:
        return Constant("")
    first = joined[0]
    if len(joined) > 1:
        return Joined(tuple(joined))
    return Constant(first) if isinstance(first, str) else first


def join_path(*symbols: Symbol) -> Symbol:
    """What `os.path.join` and `/` between paths give.

    >>> join_path(ROOT, Constant("src"), Constant("clean")) == join(ROOT, Constant("/src/clean"))
    True
    """
    joined: Symbol = Constant("")
    for symbol in symbols:
        parts = parts_of(symbol)
        if parts is None or joined == UNKNOWN:
            return UNKNOWN
        first = parts[0]
        absolute = first == ROOT or (isinstance(first, str) and first.startswith("/"))
        if joined == Constant("") or absolute:
            joined = symbol
        elif not (ends := parts_of(joined)) or not isinstance(ends[-1], str) or not ends[-1].endswith("/"):
            joined = join(joined, Constant("/"), symbol)
        else:
            joined = join(joined, symbol)
    return joined


def parent(symbol: Symbol) -> Symbol:
    """The folder that a path is in."""
    parts = parts_of(symbol)
    if parts is None:
        return UNKNOWN
    if symbol == ROOT:
        return join(ROOT, Constant("/.."))
    last = parts[-1]
    if not isinstance(last, str) or last.endswith(".."):
        return join_path(symbol, Constant("..")) if isinstance(last, str) else UNKNOWN
    head = posixpath.dirname(last)
    if head == "" and len(parts) > 1:
        return UNKNOWN
    before = [part if isinstance(part, Reference) else Constant(part) for part in parts[:-1]]
    shorter = join(*before, Constant(head.rstrip("/") if before else head))
    return shorter if shorter != Constant("") else Constant(".")


def text_of(symbol: Symbol) -> Text:
    """A symbol as readers hand it out.

    >>> text_of(join(Reference(Kind.PARAMETER, "name"), Constant(".csv")))
    Text(kind=<Kind.TEMPLATE: 'template'>, text='{name}.csv')
    """
    parts = parts_of(symbol)
    if parts is None:
        return NO_TEXT
    if len(parts) == 1:
        (part,) = parts
        return Text(Kind.LITERAL, part) if isinstance(part, str) else Text(part.kind, part.name)
    # Braces of the text itself would be taken for names.
    if any(isinstance(part, str) and ("{" in part or "}" in part) for part in parts):
        return NO_TEXT
    shown = (part if isinstance(part, str) else f"{{{part.name or part.kind.value}}}" for part in parts)
    return Text(Kind.TEMPLATE, "".join(shown))
