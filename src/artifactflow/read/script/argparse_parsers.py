"""Parsers while a script fills them, the namespaces that they give, and the command line that comes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from artifactflow.errors import Place
from artifactflow.read.script.argparse_options import SUPPRESS, plain_default
from artifactflow.read.script.command_line import CommandLine, Option
from artifactflow.read.script.static_values import UNKNOWN

_WITHOUT_DEFAULT: Final = frozenset({"help", "version", "parsers"})


@dataclass(eq=False)
class Namespace:
    """What parsing gives. `open` where something else may have given it attributes."""

    uses: dict[Place, str] = field(default_factory=dict)
    stored: set[str] = field(default_factory=set)
    open: bool = False


@dataclass(frozen=True, eq=False)
class Attributes:
    """`vars(args)`."""

    namespace: Namespace


@dataclass(eq=False)
class Added:
    """An option of a parser. Its children share it, so that what one of them sets as its default holds for all."""

    option: Option


@dataclass(eq=False)
class Parser:
    """A parser while it is being filled."""

    place: Place
    blocks: tuple[int, ...]
    added: list[Added] = field(default_factory=list)
    reasons: list[tuple[str, Place]] = field(default_factory=list)
    subparsers: dict[str, Parser] = field(default_factory=dict)
    defaults: dict[str, object] = field(default_factory=dict)
    namespace: Namespace = field(default_factory=Namespace)
    prefixes: str = "-"
    abbreviates: bool = True
    suppresses: bool = False
    parsed: bool = False
    keeps_defaults: bool = True
    known_only: bool = False

    def set_defaults(self, values: Mapping[str, object] | None) -> None:
        """`parser.set_defaults(…)`; None where what is set is not known."""
        if values is None:
            self.keeps_defaults = False
        else:
            self.defaults.update(values)
        for each in self.added:
            option = each.option
            if option.required is True or option.action in _WITHOUT_DEFAULT:
                continue
            if values is None:
                each.option = replace(option, default=UNKNOWN)
            elif option.dest in values:
                each.option = with_default(option, values[option.dest])


@dataclass(frozen=True, eq=False)
class Subparsers:
    """What `add_subparsers` gives."""

    parser: Parser


def with_default(option: Option, value: object) -> Option:
    """The option with another default."""
    if value == SUPPRESS:
        return replace(option, default=None, suppressed=True)
    return replace(option, default=plain_default(value), suppressed=False)


def command_line_of(
    parsers: list[Parser], more: tuple[tuple[str, Place], ...] = (), inner: dict[Parser, CommandLine] | None = None
) -> CommandLine:
    """Several parsers that each take their part of one command line are one."""
    options: dict[tuple[str, ...], Option] = {}
    for parser in parsers:
        for each in parser.added:
            options[each.option.names or ("", each.option.dest)] = each.option
    made = {} if inner is None else inner
    subcommands: dict[str, CommandLine] = {}
    for parser in parsers:
        for name, sub in parser.subparsers.items():
            if sub not in made:  # a name and its aliases are one parser
                made[sub] = command_line_of([sub], inner=made)
            subcommands[name] = made[sub]
    ordered = [
        replace(each, choices=tuple(subcommands)) if each.action == "parsers" else each for each in options.values()
    ]
    reasons = tuple(dict.fromkeys([*more, *(reason for parser in parsers for reason in parser.reasons)]))
    complete = not reasons and all(line.complete for line in subcommands.values())
    spaces = list(dict.fromkeys(parser.namespace for parser in parsers))
    closed = complete and not any(space.open for space in spaces) and all(each.keeps_defaults for each in parsers)
    known = {option.dest for option in ordered} | {name for parser in parsers for name in parser.defaults}
    known = known.union(*(space.stored for space in spaces), *(line.attributes or () for line in subcommands.values()))
    shared = spaces if inner is None else []  # a sub-command's are those of the whole
    uses = sorted(((name, place) for space in shared for place, name in space.uses.items()), key=_by_place)
    return CommandLine(
        kind="argparse",
        options=tuple(ordered),
        complete=complete,
        unknown_reasons=reasons,
        accepts_unknown=bool(parsers) and parsers[-1].known_only,
        uses=tuple(uses),
        attributes=frozenset(known) if closed else None,
        subcommands=subcommands,
        abbreviates=all(parser.abbreviates for parser in parsers),
    )


def _by_place(use: tuple[str, Place]) -> tuple[str, int, int]:
    return use[1].file, use[1].line or 0, use[1].column or 0
