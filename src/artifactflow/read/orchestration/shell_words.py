"""A shell script or Makefile cut into commands, each a list of words; no shell is started.

Quotes, backslashes, comments, here-documents and variables are understood as far as they say what a word is; a command
substitution makes the word that it stands in unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from artifactflow.errors import Place
from artifactflow.read.orchestration.symbols import UNKNOWN, Constant, Kind, Reference, Symbol, Unknown
from artifactflow.read.orchestration.texts import join

Word = tuple[Symbol, Place]

_variable: Final = re.compile(r"\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*|[0-9@*#?$!-])")
_plain: Final = re.compile(r"[^\s'\"\\$`;&|()<>#]+")
_heredoc: Final = re.compile(r"<<-?\s*(['\"]?)([A-Za-z_]\w*)\1")


@dataclass(frozen=True, slots=True)
class Operator:
    """What stands between commands: `;`, `&&`, `|`, `(`, a line's end."""

    text: str


class Words:
    """Cuts one text. `variables` may grow while the words are taken, and are looked up at that moment."""

    def __init__(self, text: str, file: str, variables: Mapping[str, Symbol], *, makefile: bool = False) -> None:
        self.text = text
        self.file = file
        self.variables = variables
        self.makefile = makefile
        self._at = 0
        self._line = 1
        self._line_start = 0
        self._heredocs: list[str] = []

    def __iter__(self) -> Iterator[Word | Operator]:
        while self._at < len(self.text):
            character = self.text[self._at]
            if character in " \t\r":
                self._at += 1
            elif self.text.startswith("\\\n", self._at):
                self._newline(2)
            elif character == "\n":
                self._newline(1)
                self._skip_heredocs()
                yield Operator("\n")
            elif character == "#":
                self._at = self._end_of_line()
            elif found := _heredoc.match(self.text, self._at):
                self._heredocs.append(found[2])
                self._at = found.end()
            elif character in ";&|()<>":
                self._at += 1
                yield Operator(character)
            else:
                place = Place(self.file, self._line, self._at - self._line_start + 1)
                yield self._word(), place

    def _end_of_line(self) -> int:
        end = self.text.find("\n", self._at)
        return end if end >= 0 else len(self.text)

    def _newline(self, length: int) -> None:
        self._at += length
        self._line += 1
        self._line_start = self._at

    def _skip_heredocs(self) -> None:
        for ending in self._heredocs:
            while self._at < len(self.text):
                end = self._end_of_line()
                line = self.text[self._at : end].strip()
                self._at = end
                if end < len(self.text):
                    self._newline(1)
                if line == ending:
                    break
        self._heredocs.clear()

    def _word(self) -> Symbol:
        parts: list[Symbol] = []
        while self._at < len(self.text):
            character = self.text[self._at]
            if found := _plain.match(self.text, self._at):
                parts.append(Constant(found[0]))
                self._at = found.end()
            elif character == "'":
                parts.append(Constant(self._until("'")))
            elif character == '"':
                parts.append(self._quoted())
            elif character == "\\" and not self.text.startswith("\\\n", self._at):
                parts.append(Constant(self.text[self._at + 1 : self._at + 2]))
                self._at += 2
            elif character in "$`":
                parts.append(self._expansion())
            elif character == "#":
                parts.append(Constant("#"))
                self._at += 1
            else:
                break
        return join(*parts)

    def _until(self, closing: str) -> str:
        start = self._at + 1
        end = self.text.find(closing, start)
        end = end if end >= 0 else len(self.text)
        inside = self.text[start:end]
        self._at = end + 1
        if newlines := inside.count("\n"):
            self._line += newlines
            self._line_start = start + inside.rindex("\n") + 1
        return inside

    def _quoted(self) -> Symbol:
        parts: list[Symbol] = []
        self._at += 1
        while self._at < len(self.text) and (character := self.text[self._at]) != '"':
            if self.text.startswith("\\\n", self._at):
                self._newline(2)
            elif character == "\\" and self.text[self._at + 1 : self._at + 2] in {'"', "\\", "$", "`"}:
                parts.append(Constant(self.text[self._at + 1]))
                self._at += 2
            elif character in "$`":
                parts.append(self._expansion())
            elif character == "\n":
                parts.append(Constant(character))
                self._newline(1)
            else:
                found = re.compile(r'[^"\\$`\n]+|\\').match(self.text, self._at)
                parts.append(Constant(found[0] if found else character))
                self._at = found.end() if found else self._at + 1
        self._at += 1
        return join(*parts)

    def _expansion(self) -> Symbol:
        if self.text[self._at] == "`":
            return Reference(Kind.UNKNOWN, f"`{self._until('`')}`")
        if self.makefile and self.text.startswith("$$", self._at):
            self._at += 1  # the shell's own variable
        elif self.makefile and (found := re.compile(r"\$\(([\w.-]+)\)").match(self.text, self._at)):
            self._at = found.end()
            return self._value(found[1])
        if self.text.startswith("$(", self._at):
            start = self._at
            self._skip_substitution()
            return Reference(Kind.UNKNOWN, self.text[start : self._at][:120])
        found = _variable.match(self.text, self._at + 1)
        if found is None:
            self._at += 1
            if self.text.startswith("{", self._at):
                return Reference(Kind.UNKNOWN, f"${{{self._until('}')}}}"[:120])
            return Constant("$")
        self._at = found.end()
        return self._value(found[1] or found[2])

    def _value(self, name: str) -> Symbol:
        found = self.variables.get(name, UNKNOWN)
        return Reference(Kind.VARIABLE, name) if isinstance(found, Unknown) else found

    def _skip_substitution(self) -> None:
        depth = 0
        for match in re.compile(r"[()\n]").finditer(self.text, self._at):
            depth += {"(": 1, ")": -1}.get(match[0], 0)
            if match[0] == "\n":
                self._line += 1
                self._line_start = match.end()
            if depth == 0 and match[0] == ")":
                self._at = match.end()
                return
        self._at = len(self.text)
