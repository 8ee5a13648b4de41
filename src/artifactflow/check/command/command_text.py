"""What bash and MLflow make of a command's text: its braces, its lines, placeholders that quotes make unsafe."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from artifactflow.errors import ContractError
from artifactflow.read.command import CommandTemplate, parse_command
from artifactflow.read.command_safety import refuse_unsafe_placeholders
from artifactflow.read.command_words import Atom, Placeholder

_brace_pattern = re.compile(r"\{\{|\}\}|\$?\{([^{}]*)\}|[{}]")
_name_pattern = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_quoted_pattern = re.compile(r"""(?P<quote>['"])\{(?P<name>[A-Za-z_][A-Za-z0-9_-]*)\}(?P=quote)""")

# A quoted text, an escaped character, or a place where lines meet; the first is left alone.
_QUOTED: Final = r"""'[^']*'|"(?:\\.|[^"\\])*\""""
_join_pattern = re.compile(
    rf"""(?P<kept>{_QUOTED})"""
    r"""|(?P<backslash>(?P<lead>[ \t]*)\\(?P<blanks>[ \t]*)(?P<end>\n[ \t\n]*|\Z))"""
    r"""|(?P<folded>[ \t]*\\[ \t]+(?=--))"""
    r"""|(?P<newline>[ \t]*\n\s*(?=-))"""
    r"""|(?P<escaped>\\.)""",
    re.DOTALL,
)
_redirection_pattern = re.compile(
    rf"{_QUOTED}|\\.|(?P<name><(?P<word>[A-Za-z_][\w-]*)>)|(?P<compared>[\w\]][<>]=)|(?P<arrow>[-=]>)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Brace:
    """Braces in a command. `name` is None where they are no placeholder; `variable` says that a dollar precedes."""

    text: str
    start: int
    name: str | None
    variable: bool = False

    @property
    def literal(self) -> bool:
        """Whether they surely mean themselves: `{}`, `{1:2}`, `{1..3}` name nothing."""
        return self.name is None and self.text.endswith("}") and len(self.text) > 1 and self.text[1] in "}0123456789\"'"


def braces(template: str) -> list[Brace]:
    """The braces of a command that are not doubled, as `str.format` would pair them."""
    found = []
    for match in _brace_pattern.finditer(template):
        if match[0] in ("{{", "}}"):
            continue
        named = match[1] is not None and _name_pattern.fullmatch(match[1])
        found.append(Brace(match[0], match.start(), match[1] if named else None, match[0].startswith("$")))
    return found


def atoms_of(template: str, kept: int | None = None) -> list[Atom]:
    """The template as characters and placeholders; with `kept`, all placeholders but that one are harmless text."""
    atoms: list[Atom] = []
    position = count = 0
    for match in _brace_pattern.finditer(template):
        atoms += template[position : match.start()]
        if match[0] in ("{{", "}}"):
            atoms.append(match[0][0])
        elif match[1]:
            atoms.append(Placeholder(match[1]) if kept is None or kept == count else "x")
            count += 1
        position = match.end()
    return [*atoms, *template[position:]]


def quotes_pair(template: str) -> bool:
    """Whether every quote of a command is closed."""
    return _is_safe(atoms_of(template, kept=-1))


def unsafe_placeholders(template: str) -> list[int]:
    """Which placeholders, by their number, stand where bash takes a quoted value apart: its text could be run.

    >>> unsafe_placeholders("python main.py {a} '{b}'")
    [1]
    """
    if _is_safe(atoms_of(template)):
        return []
    count = sum(brace.name is not None for brace in braces(template))
    return [number for number in range(count) if not _is_safe(atoms_of(template, kept=number))]


def _is_safe(atoms: list[Atom]) -> bool:
    try:
        refuse_unsafe_placeholders(atoms)
    except ContractError:
        return False
    return True


def without_quotes(template: str) -> str:
    """The template with `{x}` for each `'{x}'` and `"{x}"` that is an argument, or an option's value, of its own.

    >>> without_quotes("python main.py --a='{a}' 'x {b}'")
    "python main.py --a={a} 'x {b}'"
    """

    def bare(match: re.Match[str]) -> str:
        before, after = template[: match.start()], template[match.end() :]
        alone = (not before or before[-1] in " \t\n=") and (not after or after[0] in " \t\n;|&)")
        return f"{{{match['name']}}}" if alone else match[0]

    return _quoted_pattern.sub(bare, template)


def joined(template: str) -> str:
    """The template on one line: whatever continues a line, or means to, becomes a blank.

    >>> joined("python main.py --a {a}\\\\ \\n  --b {b}")
    'python main.py --a {a} --b {b}'
    """

    def join(match: re.Match[str]) -> str:
        if match["kept"] or match["escaped"]:
            return match[0]
        return "" if match["end"] == "" else " "

    return _join_pattern.sub(join, template)


def breaks_under_bash(template: str) -> bool:
    """Whether lines of a command that needs a shell go on where bash ends or glues them.

    >>> breaks_under_bash("cd x && python main.py\\n  --a {a}"), breaks_under_bash("cd x && \\\\\\n  python main.py")
    (True, False)
    """
    if "<<" in template:
        return False  # the lines of a here-document are its text
    for match in _join_pattern.finditer(template):
        following = template[match.end() : match.end() + 1]
        if match["newline"] or match["folded"] or match["end"] == "":
            return True
        if match["backslash"]:
            glued = not match["lead"] and match["end"] == "\n"
            if (glued and following == "-") or (match["blanks"] and following in ("-", "&", "|")):
                return True
    return False


def same_words(one: CommandTemplate, template: str) -> bool:
    """Whether a rewritten command says the same and is one that bash reads so too."""
    try:
        other = parse_command(template)
    except ContractError:
        return False
    return not other.continued and other.words == one.words and other.placeholders == one.placeholders


@dataclass(frozen=True, slots=True)
class Redirection:
    """What bash takes for a redirection and a person does not. `name` is that of `<name>`."""

    text: str
    name: str | None = None


def accidental_redirections(template: str) -> Iterator[Redirection]:
    """`<name>`, `pandas>=2` and arrows outside of quotes.

    >>> [found.text for found in accidental_redirections("pip install pandas>=2 '<x>' && python main.py <y> > log")]
    ['s>=', '<y>']
    """
    for match in _redirection_pattern.finditer(template):
        if match["name"]:
            yield Redirection(match["name"], match["word"])
        elif match["compared"] or match["arrow"]:
            yield Redirection(match[0])
