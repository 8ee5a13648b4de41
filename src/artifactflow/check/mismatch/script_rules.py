"""Rules about a script's own command line, whatever the manifest says."""

from __future__ import annotations

from collections.abc import Iterator

from artifactflow.check.findings import Finding
from artifactflow.check.mismatch import mismatch_catalogue as catalogue
from artifactflow.check.subjects import ScriptSubject
from artifactflow.errors import near_matches
from artifactflow.read.script.command_line import CommandLine, Option

SENTINELS = frozenset({"null", "none", "nil"})
"""Words that stand for an absent value, in lower case."""


def check_script(script: ScriptSubject, line: CommandLine) -> Iterator[Finding]:
    """Attributes that no option defines, `type=bool`, and texts that stand for nothing."""
    for name, place in line.undefined_uses():
        yield catalogue.UNDEFINED.at(
            place,
            f"no option of the script defines {name}, Python stops here with an AttributeError",
            hint=near_matches(name, line.attributes or ()) or f"define it: add_argument('--{name}')",
            length=_length(script, place.file, place.line, place.column, name),
        )
    if line.kind in ("argparse", "click", "typer"):
        for option in _all_options(line):
            yield from _option(option, line)


def _option(option: Option, line: CommandLine) -> Iterator[Finding]:
    name = max(option.names, key=len) if option.names else option.dest
    if line.kind == "argparse" and option.converter == "bool":
        truth = 'type=lambda text: text.lower() in ("true", "1", "yes")'
        yield catalogue.BOOL.at(
            option.place,
            f"{name} has type=bool, for which every text but the empty one is True, `False` too",
            hint=f"write {truth}",
        )
    if isinstance(option.default, str) and option.default.lower() in SENTINELS:
        yield catalogue.SENTINEL.at(
            option.place,
            f"the default of {name} is the text {option.default!r}",
            hint="write default=None",
        )


def _all_options(line: CommandLine) -> Iterator[Option]:
    """The options of a command line and of its sub-commands, each once."""
    waiting, told = [line], set()
    while waiting:
        one = waiting.pop(0)
        for option in one.options:
            if option.place not in told:
                told.add(option.place)
                yield option
        waiting.extend(one.subcommands.values())


def _length(script: ScriptSubject, file: str, line: int | None, column: int | None, name: str) -> int:
    """How many characters `args.name` takes; 1 where it is written in another way, or in another file."""
    if file != str(script.path) or line is None or column is None or line > len(script.lines):
        return 1
    text = script.lines[line - 1]
    end = text.find(name, column - 1)
    return end + len(name) - column + 1 if end >= 0 else 1
