"""Takes texts and paths from Typer as they were typed.

Typer converts every value with pydantic, whose import takes longer than everything else that a short command does. Our
options are texts, paths and flags, which need no conversion: `Parameter.parse` understands them. So the parameters of a
command are told to hand such values through; any other keeps Typer's own way.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from typer.core import TyperCommand, TyperGroup

_conversions: Final[dict[Any, Callable[[Any], Any]]] = {
    bool: bool,
    str: str,
    Path: Path,
    list[str]: list,
    list[Path]: lambda values: [Path(value) for value in values],
}


class _HandedThrough:
    """Stands where Typer expects its converter: an object with `coerce`."""

    def __init__(self, convert: Callable[[Any], Any]) -> None:
        self.convert = convert

    def coerce(self, value: Any, *, param: Any, ctx: Any) -> Any:
        """The value in the annotation's type; an absent one stays absent."""
        del param, ctx
        return None if value is None else self.convert(value)


def _hand_through(command: Any, context: Any) -> None:
    for parameter in command.get_params(context):
        convert = _conversions.get(getattr(getattr(parameter, "type_descriptor", None), "annotation", None))
        # Where a later Typer has no such converter, nothing is set and its own way is taken.
        if convert is not None and hasattr(parameter, "get_runtime_param"):
            handed = _HandedThrough(convert)
            parameter.get_runtime_param = lambda handed=handed: handed


class PlainCommand(TyperCommand):
    """A command that takes texts, paths and flags without conversion."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As Typer does it, without loading its converters."""
        _hand_through(self, ctx)
        return super().parse_args(ctx, args)


class PlainGroup(TyperGroup):
    """A group of commands whose own options take no conversion."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As Typer does it, without loading its converters."""
        _hand_through(self, ctx)
        return super().parse_args(ctx, args)
