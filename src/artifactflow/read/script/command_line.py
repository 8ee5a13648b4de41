"""The command line of a script as a value: its options, what is known of them, and what could not be known.

Nothing here is guessed. A part that cannot be told without running the script is UNKNOWN, and a command line that may
have options beside those listed is not `complete` and says why in `unknown_reasons`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from artifactflow.errors import Place
from artifactflow.parameters import ParameterType, Required, Value
from artifactflow.read.script.static_values import UNKNOWN, Unknown

Kind = Literal["argparse", "click", "typer", "hydra", "argv", "step", "none"]
Default = Value | list[Value] | dict[str, Value] | Required | Unknown
"""What an option holds when it is not given: one value, several (`nargs`, `multiple`), REQUIRED or UNKNOWN."""


@dataclass(frozen=True)
class Option:
    """One option or positional argument, as the script states it.

    `names` are its spellings on the command line, a positional's is its metavar or name, a Hydra key's is the key.
    `off_names` are those of `names` that switch it off (`--no-cache`). `dest` is the name the script reads it by.
    `type` is None where it holds no scalar (help, version, sub-commands); with `nargs` or `multiple` it is the
    elements' type. `converter` is the source text of the callable that turns text into a value: a type BOOL with the
    converter `bool` is argparse's trap, where the text `false` is True.
    `default` is as the script writes it, before any conversion, and None where there is none to speak of.
    `flag` says that it takes no value; `nargs` is None (one value), a count, `?`, `*`, `+`, `...` or `A...`.
    `suppressed` options leave no attribute behind when they are not given; `hidden` ones are not in the help.
    """

    names: tuple[str, ...]
    dest: str
    place: Place
    type: ParameterType | Unknown | None = ParameterType.STR
    default: Default = None
    required: bool | Unknown = False
    choices: tuple[Value, ...] | Unknown | None = None
    description: str | Unknown = ""
    flag: bool = False
    action: str = "store"
    nargs: int | str | Unknown | None = None
    positional: bool = False
    converter: str | None = None
    multiple: bool = False
    off_names: tuple[str, ...] = ()
    suppressed: bool = False
    hidden: bool = False


@dataclass(frozen=True)
class CommandLine:
    """What a script takes on its command line, in the order that it states it.

    `complete` is False where there may be more options, or other ones, than `options`; `unknown_reasons` says why.
    `accepts_unknown` says that the script lets through options which it does not define.
    `uses` are the attributes of the parsed namespace that the script reads (`args.x`), and `attributes` all those it
    can have, or None where that cannot be known.
    `abbreviates` is argparse's taking of `--max` for `--max_iter`; `dash_underscore` says that `-` and `_` inside
    option names mean the same to the script, which only step functions promise.
    """

    kind: Kind
    options: tuple[Option, ...] = ()
    complete: bool = True
    unknown_reasons: tuple[tuple[str, Place], ...] = ()
    accepts_unknown: bool = False
    uses: tuple[tuple[str, Place], ...] = ()
    attributes: frozenset[str] | None = None
    subcommands: Mapping[str, CommandLine] = field(default_factory=dict)
    abbreviates: bool = False
    dash_underscore: bool = False

    def option(self, name: str) -> Option | None:
        """The option with this spelling (`--max_iter`, `-n`) or dest (`max_iter`), spellings first."""
        wanted = self._spelling(name)
        for option in self.options:
            if any(self._spelling(known) == wanted for known in option.names):
                return option
        return next((option for option in self.options if option.dest == name), None)

    def accepts(self, name: str) -> bool | None:
        """Whether the script takes an option spelt `name`; None where that cannot be known.

        >>> place = Place("train.py", 3)
        >>> line = CommandLine("argparse", (Option(("--max_iter",), "max_iter", place),), abbreviates=True)
        >>> line.accepts("--max_iter"), line.accepts("--max"), line.accepts("--max-iter")
        (True, True, False)
        """
        if self.kind == "hydra" and name.startswith(("+", "~", "hydra.", "hydra/")):
            return True
        wanted = self._spelling(name)
        spellings = {
            self._spelling(known) for option in self.options if not option.positional for known in option.names
        }
        if wanted in spellings:
            return True
        if self.abbreviates and name.startswith("--") and len(name) > 2:
            longer = [known for known in spellings if known.startswith(wanted)]
            if len(longer) == 1:
                return True if self.complete else None
        if self.accepts_unknown:
            return True
        return False if self.complete else None

    def undefined_uses(self) -> tuple[tuple[str, Place], ...]:
        """The uses of attributes that the parsed namespace cannot have; empty where that cannot be known."""
        known = self.attributes
        return () if known is None else tuple(use for use in self.uses if use[0] not in known)

    def _spelling(self, name: str) -> str:
        if not self.dash_underscore:
            return name
        bare = name.lstrip("-")
        return name[: len(name) - len(bare)] + bare.replace("_", "-")


__all__ = ["UNKNOWN", "CommandLine", "Default", "Kind", "Option", "Unknown"]
