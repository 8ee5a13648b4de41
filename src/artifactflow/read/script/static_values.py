"""The values that a script's text can be told to have, and UNKNOWN for all others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import PurePath
from typing import Final

LARGEST: Final = 20_000
"""The most characters of a text, or elements of a sequence, that are still followed."""


class Unknown(Enum):
    """What cannot be known without running the script."""

    UNKNOWN = "unknown"

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown.UNKNOWN


@dataclass(frozen=True)
class Imported:
    """A thing of a library, or a built-in, by its full name: `os.path.join`, `builtins.int`."""

    name: str


@dataclass(frozen=True, eq=False)
class Members:
    """The constants of a class or of a local module; `enum` where they are the members of an enumeration."""

    name: str
    values: Mapping[str, object]
    enum: bool = False


@dataclass(frozen=True)
class EnumMember:
    """`Color.RED`: its name and its value."""

    owner: str
    name: str
    value: object


@dataclass(frozen=True, eq=False)
class Bound:
    """A method, not called yet: `parser.add_argument`."""

    receiver: object
    name: str


class Layered(Mapping[str, object]):
    """Names over other names, only to be read: a `ChainMap` wants all of its maps to be changeable."""

    def __init__(self, inner: Mapping[str, object], outer: Mapping[str, object]) -> None:
        self._inner = inner
        self._outer = outer

    def __getitem__(self, name: str) -> object:
        return self._inner[name] if name in self._inner else self._outer[name]

    def __contains__(self, name: object) -> bool:
        return name in self._inner or name in self._outer

    def __iter__(self) -> Iterator[str]:
        return iter(self._outer.keys() | self._inner.keys())

    def __len__(self) -> int:
        return len(self._outer.keys() | self._inner.keys())


@dataclass
class Arguments:
    """What a call is given. `open` where some `*x` or `**x` could not be known."""

    positional: list[object] = field(default_factory=list)
    keywords: dict[str, object] = field(default_factory=dict)
    open: bool = False


def is_scalar(value: object) -> bool:
    """Whether a value is one piece of data: a text, a number, a path, an enum's member, None."""
    return value is None or isinstance(value, (str, int, float, bytes, PurePath, EnumMember))


def is_constant(value: object) -> bool:
    """Whether a value is data that is known, no library's function and not UNKNOWN."""
    return is_scalar(value) or isinstance(value, (list, tuple, dict, set))


def truth_of(value: object) -> bool | None:
    """Whether a value counts as true in an `if`; None where that is unknown."""
    if isinstance(value, Members):
        return True
    return bool(value) if is_constant(value) and not isinstance(value, EnumMember) else None


def elements_of(value: object) -> list[object] | None:
    """What a loop over `value` goes through; None where that is unknown. A set has no order to rely on."""
    if isinstance(value, Members) and value.enum:
        return list(value.values.values())
    return list(value) if isinstance(value, (list, tuple, dict)) else None


def unpacked(value: object, count: int) -> list[object]:
    """The elements that `count` targets are given by `a, b = value`, each UNKNOWN where they do not fit."""
    if isinstance(value, (list, tuple)) and len(value) == count:
        return list(value)
    return [UNKNOWN] * count
