"""Symbols that are texts and paths: put together, taken apart, and as the readers hand them out.

The readers of orchestrators and of tracking calls turn symbols into `Text`: a literal, the parameter or config key that
gives the value, or *unknown*.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import Final

from artifactflow.read.orchestration.symbols import (
    MOST_ITEMS,
    ROOT,
    UNKNOWN,
    Constant,
    Joined,
    Kind,
    Reference,
    Symbol,
)

LONGEST_TEXT: Final = 4096
"""Characters that a text may grow to before it counts as unknown: doubling a string costs an attacker nothing."""


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


def last_part(path: Symbol) -> Symbol:
    """The name of a path without its folder."""
    if isinstance(path, Constant) and isinstance(path.value, str):
        return Constant(posixpath.basename(path.value))
    if isinstance(path, Joined) and isinstance(path.parts[-1], str) and "/" in path.parts[-1]:
        return Constant(posixpath.basename(path.parts[-1]))
    return UNKNOWN
