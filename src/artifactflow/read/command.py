"""The command of an entry point: a template that becomes an argument list, or a text for bash where it needs one.

A plain command (`python main.py --raw={raw}`) never meets a shell: it is split into words first, by the shell's rules
for quotes, and the values are put into the words, byte for byte. A command with pipes, `&&`, `$(…)`, redirections,
wildcards and the like runs under `bash -c` with every value quoted, as MLflow runs all of them.
"""

from __future__ import annotations

import functools
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from string import Formatter
from typing import Final

from artifactflow.errors import ContractError, Place, UsageError, near_matches
from artifactflow.read.command_safety import refuse_script_placeholders, refuse_unsafe_placeholders
from artifactflow.read.command_words import Atom, Placeholder, Word, split_words

MAXIMUM_LENGTH: Final = 100_000
"""Characters of a command; Linux hands no argument of more than 128 KiB to a program, so bash could not get it."""

_name_pattern = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_python_pattern = re.compile(r"python([23](\.[0-9]+)?)?")


@dataclass(frozen=True, slots=True)
class Command:
    """What to start: `argv`, and whether that is `bash -c TEXT` because the template needs a shell."""

    argv: tuple[str, ...]
    shell: bool = False


@dataclass(frozen=True, slots=True)
class CommandTemplate:
    """A parsed command. `words` is None where it needs a shell.

    `continued` says that lines were joined, or a backslash dropped, where bash would have read something else: plain
    `mlflow run` breaks on such a command.
    """

    text: str
    atoms: tuple[Atom, ...] = field(repr=False)
    words: tuple[Word, ...] | None
    continued: bool = False
    place: Place | None = None

    @property
    def shell(self) -> bool:
        """Whether it runs under bash."""
        return self.words is None

    @property
    def placeholders(self) -> list[str]:
        """The names that it uses, each once, in order."""
        return list(dict.fromkeys(atom.name for atom in self.atoms if isinstance(atom, Placeholder)))

    @property
    def program(self) -> str:
        """The program of a plain command as written (`python`), or empty."""
        return (self.words[0].literal or "") if self.words else ""

    @property
    def script(self) -> str | None:
        """The file of a plain `python [flags] FILE …`, as written; None for anything else."""
        kind, name = self._python_target()
        return name if kind == "script" else None

    @property
    def module(self) -> str | None:
        """The module of a plain `python [flags] -m MODULE …`; None for anything else."""
        kind, name = self._python_target()
        return name if kind == "module" else None

    def _python_target(self) -> tuple[str, str | None]:
        if not self.words or not _python_pattern.fullmatch(PurePosixPath(self.program).name):
            return "", None
        rest = iter([word.literal for word in self.words[1:]])
        for word in rest:
            if word is None or not word.startswith("-"):
                return "script", word
            if word == "-":
                break
            if word == "--check-hash-based-pycs":
                next(rest, None)
            elif found := re.match(r"-[A-Za-z]*?([cmWX])(.*)", word):
                # These take the rest of their word, or the next one.
                argument = found[2] or next(rest, None)
                if found[1] in "cm":
                    return ("module" if found[1] == "m" else ""), argument
        return "", None

    def render(self, values: Mapping[str, str], extra: Sequence[tuple[str, str | None]] = ()) -> Command:
        """The command with `values` in it, and every `extra` appended as `--name=value`, or `--name` where it is None.

        >>> template = parse_command("python main.py --name={name}")
        >>> template.render({"name": "a b"}, extra=[("limit", "5"), ("verbose", None)]).argv
        ('python', 'main.py', '--name=a b', '--limit=5', '--verbose')

        Raises ContractError for a placeholder that has no value, UsageError for one that no program can be given.
        """
        for name in self.placeholders:
            if name not in values:
                raise ContractError(
                    f"the command uses {{{name}}}, which is no parameter, input or output",
                    hint=near_matches(name, values) or f"declare {name} under parameters",
                    place=self.place,
                )
            _check_passable(name, values[name])
        for name, value in extra:
            _check_passable(name, value or "")
        appended = [f"--{name}" if value is None else f"--{name}={value}" for name, value in extra]
        if self.words is not None:
            return Command((*(text for word in self.words for text in word.fill(values)), *appended))
        text = "".join(shlex.quote(values[atom.name]) if isinstance(atom, Placeholder) else atom for atom in self.atoms)
        return Command(("bash", "-c", " ".join([text.rstrip("\n"), *map(shlex.quote, appended)])), True)


def _check_passable(name: str, value: str) -> None:
    try:
        encoded = os.fsencode(value)
    except UnicodeEncodeError:
        raise UsageError(f"the value of {name} holds half a surrogate pair, which no program can be given") from None
    if b"\0" in encoded:
        raise UsageError(f"the value of {name} holds a NUL character, which no program can be given")


@functools.lru_cache(maxsize=1024)
def parse_command(template: str, place: Place | None = None) -> CommandTemplate:
    """Read a command as MLflow does: `{name}` is a placeholder, `{{` and `}}` are braces, all else is for the shell.

    Two ways of writing are understood beyond that, in plain commands only. Lines that end with a backslash (blanks
    after it or not) or go on with an option belong to one command. `$(echo {x})`, which undoes MLflow's quotes, is
    `{x}`; where it is an argument of its own, its value is split at blanks as bash would, and an empty one vanishes.

    Raises ContractError, with the place given, for other braces, for unbalanced quotes, for an empty command, and where
    a shell is needed and a placeholder stands so that its value could inject code.
    """
    if len(template) > MAXIMUM_LENGTH:
        raise ContractError(f"the command is longer than {MAXIMUM_LENGTH} characters", place=place)
    try:
        atoms = tuple(_atoms(template))
        words, continued = split_words(atoms)
        if words == ():
            raise ContractError("the command is empty", hint="for example: python main.py")
        if words is None:
            refuse_unsafe_placeholders(atoms)
        else:
            refuse_script_placeholders(words)
    except ContractError as error:
        raise (error.at(place) if place else error) from None
    return CommandTemplate(template, atoms, words, continued, place)


def _atoms(template: str) -> Iterator[Atom]:
    """Characters and placeholders, by the parser of `str.format`, which is what MLflow fills templates with."""
    hint = "a brace that is no placeholder is doubled: {{ and }}"
    try:
        parsed = list(Formatter().parse(template))
    except ValueError as error:
        raise ContractError(f"the braces of the command do not pair: {error}", hint=hint) from None
    for literal, name, specification, conversion in parsed:
        yield from literal
        if name is None:
            continue
        if specification or conversion or not _name_pattern.fullmatch(name):
            written = name + (f"!{conversion}" if conversion else "") + (f":{specification}" if specification else "")
            raise ContractError(f"{{{written[:60]}}} in the command is no placeholder", hint=hint)
        if literal.endswith("$"):
            raise ContractError(
                f"MLflow takes {{{name}}} in ${{{name}}} for a placeholder",
                hint=f"write ${name} for the shell's variable, {{{name}}} for the parameter",
            )
        yield Placeholder(name)
