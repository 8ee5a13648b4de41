"""Requirements files as pip reads them, with what they include.

Every line becomes an `Entry`, also a broken one, so that `check` can report all of them; only a file that cannot be
read at all raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from artifactflow.errors import Place
from artifactflow.read.bounded_text import read_bounded_text
from artifactflow.read.paths import is_file
from artifactflow.read.requirement import Entry, EntryRole, is_remote, parse_address, parse_requirement, path_of

MAX_FILE_SIZE = 4 * 1024 * 1024
"""Bytes of a requirements file that are read at most; a locked file with hashes has some hundred thousand."""


_include = re.compile(r"(-r|--requirement|-c|--constraint)(?:\s*=\s*|\s+|(?<=-[rc]))(.+)")
_editable = re.compile(r"(?:-e|--editable)(?:\s*=\s*|\s+|(?<=-e))(.+)")
_comment = re.compile(r"(?:^|\s+)#.*$")


def read_requirements(file: Path) -> tuple[Entry, ...]:
    """Every line of a requirements file, of those that it includes by `-r`, and of its constraints (`-c`).

    A file that includes itself, by whatever detour, is read once. Raises what `read_text` does.
    """
    return tuple(_entries_of_file(file, EntryRole.PIP, set()))


def parse_lines(
    text: str,
    place: Place,
    folder: Path,
    role: EntryRole = EntryRole.PIP,
    seen: set[tuple[Path, EntryRole]] | None = None,
) -> Iterator[Entry]:
    """The entries of one logical line: none for a comment, one as a rule, many for `-r FILE`.

    `folder` is what relative paths are relative to. `seen` holds the files that were read before, in the given role.
    """
    line = _comment.sub("", text).strip()
    if not line:
        return
    if len(line.splitlines()) > 1:
        yield Entry(line, place, role, problem="a line break stands in a line, which would make two of it")
        return
    if included := _include.fullmatch(line):
        role = role if included[1] in ("-r", "--requirement") else EntryRole.CONSTRAINT
        target = unquote_word(included[2])
        if problem := _problem_of_include(target, folder):
            yield Entry(line, place, role, address=target, problem=problem)
        else:
            yield from _entries_of_file(folder / path_of(target), role, set() if seen is None else seen)
    elif editable := _editable.fullmatch(line):
        yield replace(parse_address(unquote_word(editable[1]), place, folder, role), text=line)
    elif line.startswith("-"):
        yield Entry(line, place, EntryRole.OPTION)
    else:
        yield parse_requirement(line, place, folder, role)


def unquote_word(word: str) -> str:
    """A word without the quotes around it."""
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] and word[0] in "'\"" else word


def read_text(file: Path) -> str:
    """The text of an environment file: UTF-8, or what a byte order mark says (PowerShell redirects as UTF-16).

    Raises NotFoundError, OutsideError where it cannot be read, and ContractError where it is too large or no text.
    """
    return read_bounded_text(file, MAX_FILE_SIZE, "environment file", utf_16=True)


def _entries_of_file(file: Path, role: EntryRole, seen: set[tuple[Path, EntryRole]]) -> Iterator[Entry]:
    identity = (file.resolve(), role)
    if identity in seen:
        return
    seen.add(identity)
    for number, line in _logical_lines(read_text(file)):
        column = len(line) - len(line.lstrip()) + 1
        yield from parse_lines(line, Place(str(file), number, column), file.parent, role, seen)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines joined where one ends in a backslash, with the number of their first. A comment is never continued."""
    start, parts = 1, list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        if not parts:
            start = number
        continued = line.endswith("\\") and not _comment.search(line)
        parts.append(line[:-1] if continued else line)
        if not continued:
            yield start, "".join(parts)
            parts = []
    if parts:
        yield start, "".join(parts)


def _problem_of_include(target: str, folder: Path) -> str | None:
    if is_remote(target):
        return f"requirements behind an address are not read: {target}"
    file = folder / path_of(target)
    return None if is_file(file) else f"there is no file {target}"
