"""The shell's rules for words and quotes, as far as they tell a plain command from one that needs bash."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Self

from artifactflow.errors import ContractError


@dataclass(frozen=True, slots=True)
class Placeholder:
    """`{name}` in a command. `split` marks a value that is split at blanks, see `parse_command`."""

    name: str
    split: bool = False


Atom = str | Placeholder
"""A piece of text (one character while a command is being split), or a placeholder."""


@dataclass(frozen=True, slots=True)
class Word:
    """One argument: texts and placeholders in order."""

    parts: tuple[Atom, ...]

    @classmethod
    def of(cls, atoms: Sequence[Atom]) -> Self:
        """The word with its characters gathered into texts."""
        grouped = groupby(atoms, key=lambda atom: isinstance(atom, Placeholder))
        return cls(tuple(part for holds, run in grouped for part in (run if holds else ["".join(map(str, run))])))

    @property
    def literal(self) -> str | None:
        """Its text, or None where it holds a placeholder."""
        return "".join(map(str, self.parts)) if all(isinstance(part, str) for part in self.parts) else None

    def fill(self, values: Mapping[str, str]) -> list[str]:
        """The arguments that it becomes: one, unless it is a placeholder whose value is split."""
        match self.parts:
            case (Placeholder(name, True),):
                return values[name].split()
        return ["".join(values[part.name] if isinstance(part, Placeholder) else part for part in self.parts)]


_SHELL_CHARACTERS = frozenset("|&;<>()$`*?[{")
# `cd` and the like exist in a shell only, `for` and `!` are its grammar.
_SHELL_WORDS = frozenset(
    re.findall(
        r"\S+",
        "! . : [[ alias bg builtin case cd command coproc declare do done elif else esac eval exec exit export fg fi "
        "for function getopts hash if in jobs let local mapfile popd pushd read readarray readonly return select set "
        "shift shopt source then time times trap type typeset ulimit umask unalias unset until wait while {",
    )
)
_echo_pattern = re.compile(r"\$\([ \t]*echo[ \t]+(\0)[ \t]*\)")
_BLANKS = ("", " ", "\t", "\n")
_assignment_pattern = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\[[^]]*\])?\+?=")


class _NeedsShellError(Exception):
    """The command says something that only a shell understands."""


class _Splitter:
    """Walks the atoms once and gathers words; raises _NeedsShellError at the first thing that is not plain."""

    def __init__(self, atoms: Sequence[Atom]) -> None:
        self.atoms = _without_echo(atoms)
        self.text = as_text(self.atoms)
        self.position = 0
        self.words: list[Word] = []
        self.parts: list[Atom] | None = None  # of the word being read; None between words
        self.continued = False

    def split(self) -> tuple[Word, ...]:
        while self.position < len(self.atoms):
            atom = self.atoms[self.position]
            self.position += 1
            if isinstance(atom, Placeholder):
                self.add(atom)
            elif atom == "\n":
                self.line_end()
            elif atom in " \t":
                self.end_word()
            elif atom == "\\":
                self.backslash()
            elif atom == "'":
                self.single_quotes()
            elif atom == '"':
                self.double_quotes()
            else:
                self.check_plain(atom)
                self.add(atom)
        self.end_word()
        return tuple(self.words)

    def check_plain(self, character: str) -> None:
        starts_word = self.parts is None
        home = character == "~" and (starts_word or self.text[self.position - 2] in "=:")
        if character in _SHELL_CHARACTERS or (character == "#" and starts_word) or home:
            raise _NeedsShellError

    def add(self, atom: Atom) -> None:
        if self.parts is None:
            self.parts = []
        self.parts.append(atom)

    def end_word(self) -> None:
        if self.parts is not None:
            word = Word.of(self.parts)
            first = word.parts[0] if word.parts else ""
            starts_command = not self.words and isinstance(first, str)
            if starts_command and (_assignment_pattern.match(str(first)) or word.literal in _SHELL_WORDS):
                raise _NeedsShellError
            self.words.append(word)
        self.parts = None

    def line_end(self) -> None:
        """A line ends without a backslash: a shell ends the command here, unless nothing or an option follows."""
        self.end_word()
        while self.position < len(self.text) and self.text[self.position].isspace():
            self.position += 1
        if self.words and self.position < len(self.text):
            if self.text[self.position] != "-":
                raise _NeedsShellError
            self.continued = True

    def backslash(self) -> None:
        after = self.position
        while self.text[after : after + 1] in {" ", "\t"}:
            after += 1
        blanks = after - self.position
        at_end = after == len(self.text)
        if at_end or self.text[after] == "\n" or (blanks and self.text.startswith("--", after)):
            # The line goes on. Blanks behind the backslash are a slip; so is a fold that put the next line here, and a
            # next line without indent, which bash would glue to this word.
            glued = self.parts is not None and not self.text[after + 1 : after + 2].isspace()
            self.continued = self.continued or blanks > 0 or at_end or glued
            self.position = after if at_end or self.text[after] == "-" else after + 1
            self.end_word()
            return
        self.add(self.atoms[self.position])
        self.position += 1

    def single_quotes(self) -> None:
        self.add("")
        while (atom := self.quoted_atom("'")) != "'":
            self.add(atom)

    def double_quotes(self) -> None:
        self.add("")
        while (atom := self.quoted_atom('"')) != '"':
            if atom in ("$", "`"):
                raise _NeedsShellError
            if atom == "\\":
                escaped = self.quoted_atom('"')
                if escaped == "\n":
                    continue
                if not isinstance(escaped, str) or escaped not in '$`"\\':
                    self.add("\\")
                self.add(escaped)
            else:
                self.add(atom)

    def quoted_atom(self, quote: str) -> Atom:
        if self.position == len(self.atoms):
            raise ContractError(f"the command has a {quote} that is never closed", hint="close the quote")
        self.position += 1
        return self.atoms[self.position - 1]


def split_words(atoms: Sequence[Atom]) -> tuple[tuple[Word, ...] | None, bool]:
    """The words of a plain command, None where it needs a shell, and whether bash would not have joined its lines.

    Raises ContractError for a quote that is never closed.
    """
    splitter = _Splitter(atoms)
    try:
        return splitter.split(), splitter.continued
    except _NeedsShellError:
        return None, False


def as_text(atoms: Sequence[Atom]) -> str:
    """The atoms as a text of the same length, with NUL for a placeholder: what YAML can write has no NUL."""
    return "".join("\0" if isinstance(atom, Placeholder) else atom for atom in atoms)


def _without_echo(atoms: Sequence[Atom]) -> list[Atom]:
    """The atoms with `{x}` for every `$(echo {x})`."""
    text = as_text(atoms)
    result: list[Atom] = []
    position = 0
    for match in _echo_pattern.finditer(text):
        result += atoms[position : match.start()]
        alone = text[match.start() - 1 : match.start()] in _BLANKS and text[match.end() : match.end() + 1] in _BLANKS
        # Behind an option the value is that option's one argument.
        after_option = text[: match.start()].rsplit(None, 1)[-1:]
        split = alone and not (after_option and after_option[0].startswith("-"))
        placeholder = atoms[match.start(1)]
        result.append(Placeholder(placeholder.name, split) if isinstance(placeholder, Placeholder) else placeholder)
        position = match.end()
    return [*result, *atoms[position:]]
