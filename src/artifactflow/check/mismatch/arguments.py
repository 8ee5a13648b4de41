"""What a command passes to its script: each word matched with the option that takes it, as far as both are known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from artifactflow.read.command import CommandTemplate
from artifactflow.read.command_words import Placeholder, Word
from artifactflow.read.script.command_line import CommandLine, Option
from artifactflow.read.script.static_values import UNKNOWN

WITHOUT_LIMIT = frozenset({"*", "+", "...", "A..."})
"""Counts of arguments that take any number of words."""


@dataclass(frozen=True, slots=True)
class Passed:
    """One option given by a command.

    `option` is None where the script's is not known. `parameter` is the placeholder that is its whole value, `value`
    the word given to a flag, which takes none. `right` is the script's spelling where it differs in `-` and `_`.
    """

    spelling: str
    option: Option | None = None
    parameter: str | None = None
    value: str | None = None
    right: str | None = None


@dataclass(slots=True)
class Arguments:
    """The options and the positional words of a command, for the sub-command that it names.

    `doubtful` says that words may stand for several, or that what an option takes is not known: then what seems to be
    missing, or too many, may not be.
    """

    line: CommandLine
    passed: list[Passed] = field(default_factory=list)
    positional: list[Word] = field(default_factory=list)
    doubtful: bool = False
    stray_command: str | None = None

    def gives(self, option: Option) -> bool:
        """Whether the command passes this option."""
        return any(each.option is not None and each.option.names == option.names for each in self.passed)

    def linked(self) -> Iterator[tuple[str, Option]]:
        """The parameters that are the whole value of an option."""
        for each in self.passed:
            if each.parameter is not None and each.option is not None and not each.option.flag:
                yield each.parameter, each.option
        if self.doubtful:
            return
        slots = [option for option in self.line.options if option.positional and option.action != "parsers"]
        if all(option.nargs is None for option in slots):
            for word, option in zip(self.positional, slots, strict=False):
                name = only_placeholder(word.parts)
                if name is not None:
                    yield name, option

    def capacity(self) -> float:
        """How many positional words the script takes."""
        total = 0.0
        for option in self.line.options:
            if not option.positional or option.action == "parsers":
                continue
            if option.nargs is UNKNOWN or option.nargs in WITHOUT_LIMIT:
                return float("inf")
            total += option.nargs if isinstance(option.nargs, int) else 1
        return total


def arguments_of(command: CommandTemplate, line: CommandLine) -> Arguments | None:
    """What the command passes to a script with this command line; None where the command runs no script plainly."""
    script = command.script
    if not command.words or script is None:
        return None
    start = next(number for number, word in enumerate(command.words) if number and word.literal == script)
    return _Matcher(list(command.words[start + 1 :]), line).match()


def find_option(line: CommandLine, spelling: str) -> Option | None:
    """The option spelt so, or, where the script takes abbreviations, the only one that begins so."""
    exact = next((each for each in line.options if not each.positional and spelling in each.names), None)
    if exact is not None or not line.abbreviates or not spelling.startswith("--"):
        return exact
    longer = [each for each in line.options if any(name.startswith(spelling) for name in each.names)]
    return longer[0] if len(longer) == 1 else None


def same_but_dashes(line: CommandLine, spelling: str) -> str | None:
    """The only spelling of the script that differs in `-` and `_` alone, where it rejects this one."""
    if line.kind == "hydra" or line.accepts(spelling) is not False:
        return None
    bare = spelling.lstrip("-").replace("-", "_")
    names = [name for option in line.options if not option.positional for name in option.names]
    found = [name for name in names if name.lstrip("-").replace("-", "_") == bare]
    return found[0] if len(found) == 1 else None


def only_placeholder(parts: tuple[object, ...]) -> str | None:
    """The name of the placeholder that is all of a word."""
    match parts:
        case (Placeholder(name, False),):
            return name
    return None


class _Matcher:
    """Walks over the words once, as a parser of options would."""

    def __init__(self, words: list[Word], line: CommandLine) -> None:
        self.words = words
        self.found = Arguments(line)

    def match(self) -> Arguments:
        while self.words:
            word = self.words.pop(0)
            first = word.parts[0] if word.parts else ""
            if self.found.line.kind == "hydra":
                self.override(word)
            elif isinstance(first, Placeholder) and first.split:
                self.found.doubtful = True
            elif word.literal == "--":
                self.found.positional += self.words
                self.words = []
            elif isinstance(first, str) and re.match(r"--?[A-Za-z_?]", first) and self.found.line.kind != "argv":
                self.option(word, first)
            else:
                self.argument(word)
        return self.found

    def override(self, word: Word) -> None:
        """`key=value`, as Hydra takes it."""
        first = word.parts[0] if word.parts else ""
        key, equals, value = first.partition("=") if isinstance(first, str) else ("", "", "")
        if not equals or key.startswith("-") or "@" in key:
            self.found.doubtful = True
            return
        whole = only_placeholder(word.parts[1:]) if not value else None
        self.found.passed.append(Passed(key, find_option(self.found.line, key), whole))

    def argument(self, word: Word) -> None:
        line = self.found.line
        command = word.literal
        if not line.subcommands:
            self.found.positional.append(word)
        elif command is not None and command in line.subcommands:
            self.found = Arguments(line.subcommands[command], self.found.passed, [], self.found.doubtful)
        elif command is not None and line.complete and not self.found.doubtful:
            self.found.stray_command = command
            self.words = []
        else:
            self.found.doubtful = True
            self.words = []

    def option(self, word: Word, first: str) -> None:
        line = self.found.line
        spelling, equals, value = first.partition("=")
        option = find_option(line, spelling)
        if (
            option is None
            and not spelling.startswith("--")
            and len(spelling) > 2
            and line.accepts(spelling[:2]) is not False
        ):
            option = find_option(line, spelling[:2])  # `-n5`, `-vv`
            self.found.passed.append(Passed(spelling[:2], option))
            self.found.doubtful = self.found.doubtful or option is None or option.flag
            return
        right = None if option is not None else same_but_dashes(line, spelling)
        if right is not None:
            option = find_option(line, right)
        if equals:
            whole = only_placeholder(word.parts[1:]) if not value else None
            shown = value or (f"{{{whole}}}" if whole else "")
            flag_value = shown if option is not None and option.flag else None
            self.found.passed.append(Passed(spelling, option, whole, flag_value, right))
            return
        if option is None:
            self.found.passed.append(Passed(spelling))
            self.found.doubtful = True  # nobody knows how many words it takes
            self.take(1)
        elif option.flag:
            self.found.passed.append(Passed(spelling, option, value=self.stray_value(), right=right))
        else:
            taken = self.take(option.nargs)
            whole = only_placeholder(taken[0].parts) if len(taken) == 1 else None
            self.found.passed.append(Passed(spelling, option, whole, right=right))

    def stray_value(self) -> str | None:
        """The word behind a flag where no positional argument could be meant by it."""
        if not self.words or self.found.capacity() or self.found.line.subcommands:
            return None
        (first, *rest) = self.words[0].parts or ("",)
        if (
            rest
            or (isinstance(first, str) and first.startswith("-"))
            or (isinstance(first, Placeholder) and first.split)
        ):
            return None
        self.words.pop(0)
        return f"{{{first.name}}}" if isinstance(first, Placeholder) else first

    def take(self, count: object) -> list[Word]:
        """The words that an option takes, up to the next option."""
        most = 1 if count in (None, "?") else count if isinstance(count, int) else len(self.words)
        self.found.doubtful = self.found.doubtful or count is UNKNOWN
        taken: list[Word] = []
        while self.words and len(taken) < most:
            first = self.words[0].parts[0] if self.words[0].parts else ""
            if isinstance(first, str) and re.match(r"--?[A-Za-z]", first):
                break
            if isinstance(first, Placeholder) and first.split:
                self.found.doubtful = True
            taken.append(self.words.pop(0))
        return taken
