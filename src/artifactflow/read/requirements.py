"""Requirements as pip reads them: one line, and whole requirements files with what they include.

Every line becomes an `Entry`, also a broken one: the entry then says what its problem is, and where. So `check` can
report all of them, and only a file that cannot be read at all raises.
"""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import Specifier, SpecifierSet
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from artifactflow.errors import ContractError, NotFoundError, OutsideError, Place
from artifactflow.read.paths import exists, is_file

MAX_FILE_SIZE = 4 * 1024 * 1024
"""Bytes of a requirements file that are read at most; a locked file with hashes has some hundred thousand."""


class EntryRole(StrEnum):
    """What a line of an environment file is for."""

    PYTHON = "python"
    CONDA = "conda"
    PIP = "pip"
    BUILD = "build"
    CONSTRAINT = "constraint"
    OPTION = "option"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an environment file.

    `text` is the requirement as written, without comment and per-line options; `name` is normalised, and empty where
    the line does not tell it (an option, a folder, an address without a file name). `pinned` says that the line allows
    one version only. `address` is the URL, VCS address or local path that is installed instead of an index's package.
    `problem` says what is wrong with the line, None where nothing is.
    """

    text: str
    place: Place
    role: EntryRole = EntryRole.PIP
    name: str = ""
    specifier: str = ""
    pinned: bool = False
    extras: tuple[str, ...] = ()
    marker: str = ""
    address: str = ""
    problem: str | None = None

    @property
    def conda(self) -> bool:
        """Whether the line is for conda and pip never sees it."""
        return self.role is EntryRole.CONDA


_options_of_line = re.compile(r"\s--?[a-zA-Z]")
_include = re.compile(r"(-r|--requirement|-c|--constraint)(?:\s*=\s*|\s+|(?<=-[rc]))(.+)")
_editable = re.compile(r"(?:-e|--editable)(?:\s*=\s*|\s+|(?<=-e))(.+)")
_comment = re.compile(r"(?:^|\s+)#.*$")
_address = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:(//|/|[^\s=<>]*@)|git@")
_archive = re.compile(r"\.(whl|zip|tar\.gz|tgz|tar\.bz2|tar\.xz)$", re.IGNORECASE)
_extras_of_path = re.compile(r"(?P<path>.+?)\s*(?:\[(?P<extras>[^\]]*)\])?$")
_commit = re.compile(r"@[0-9a-f]{40}$")
_leading_name = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_single_equals = re.compile(r"[\w.-]+\s*(?:\[[^\]]*\])?\s*=\s*(?P<version>[^=\s].*)")


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
            yield from _entries_of_file(folder / _path_of(target), role, set() if seen is None else seen)
    elif editable := _editable.fullmatch(line):
        yield replace(_addressed(unquote_word(editable[1]), place, folder, role), text=line)
    elif line.startswith("-"):
        yield Entry(line, place, EntryRole.OPTION)
    else:
        yield parse_requirement(line, place, folder, role)


def unquote_word(word: str) -> str:
    """A word without the quotes around it."""
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] and word[0] in "'\"" else word


def parse_requirement(text: str, place: Place, folder: Path, role: EntryRole = EntryRole.PIP) -> Entry:
    """One requirement: `name[extra]>=1; marker`, `name @ address`, an address or a local path.

    >>> entry = parse_requirement("Scikit_Learn==1.5.0 ; python_version > '3'", Place("r.txt"), Path())
    >>> entry.name, entry.specifier, entry.pinned
    ('scikit-learn', '==1.5.0', True)
    >>> parse_requirement("wandb=0.21.3", Place("r.txt"), Path()).problem
    "'=' in a pip line, pip says wandb==0.21.3"
    """
    line = text.strip()
    if options := _options_of_line.search(line):
        line = line[: options.start()].rstrip()
    try:
        requirement = Requirement(line)
        applies(requirement.marker)
        address = requirement.url or ""
        pinned = _address_is_pinned(address) if address else is_pinned(requirement.specifier)
    except (ValueError, RecursionError) as error:
        if _address.match(line) or _is_path(line):
            return _addressed(line, place, folder, role)
        return _broken(line, place, role, error)
    return Entry(
        line,
        place,
        role,
        name=canonicalize_name(requirement.name),
        specifier=str(requirement.specifier),
        pinned=pinned,
        extras=tuple(sorted(requirement.extras)),
        marker=str(requirement.marker or ""),
        address=address,
    )


def applies(marker: Marker | None, extra: str = "") -> bool:
    """Whether a marker holds for the running Python, with `extra` asked for. Raises ValueError where it compares badly.

    >>> applies(Marker("python_version >= '3.11'")), applies(Marker("extra == 'plot'"))
    (True, False)
    """
    return marker is None or marker.evaluate({"extra": extra})


def is_pinned(specifiers: SpecifierSet) -> bool:
    """Whether one version only can satisfy it.

    >>> [is_pinned(SpecifierSet(text)) for text in ("==1.5", "==1.*", ">=1", "")]
    [True, False, False, False]
    """
    return any(_pins(specifier) for specifier in specifiers)


def _pins(specifier: Specifier) -> bool:
    return specifier.operator in ("==", "===") and not specifier.version.endswith(".*")


def read_text(file: Path) -> str:
    """The text of an environment file: UTF-8, or what a byte order mark says (PowerShell redirects as UTF-16).

    Raises NotFoundError, OutsideError where it cannot be read, and ContractError where it is too large or no text.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_FILE_SIZE + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError(f"there is no file {file}") from None
    except OSError as error:
        raise OutsideError(f"{file} cannot be read: {error.strerror}") from error
    if len(content) > MAX_FILE_SIZE:
        raise ContractError(f"larger than {MAX_FILE_SIZE} bytes, so no list of requirements", place=Place(str(file)))
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = None if marked else content.count(b"\n", 0, error.start) + 1
        raise ContractError(
            f"byte {error.start} is not UTF-8", hint="save the file as UTF-8", place=Place(str(file), line)
        ) from None


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
    if _address.match(target) and not target.startswith("file:"):
        return f"requirements behind an address are not read: {target}"
    file = folder / _path_of(target)
    return None if is_file(file) else f"there is no file {target}"


def _addressed(text: str, place: Place, folder: Path, role: EntryRole) -> Entry:
    """An entry for an address or a path, with its name where something tells it."""
    try:
        urlsplit(text)
    except ValueError as error:
        return _broken(text, place, role, error)
    if _address.match(text) and not text.startswith("file:"):
        parts = urlsplit(text)
        egg = re.search(r"(?:^|&)egg=([^&\[]+)", parts.fragment)
        name = canonicalize_name(unquote(egg[1])) if egg else _name_of_archive(unquote(parts.path))
        return Entry(text, place, role, name=name, pinned=_address_is_pinned(text), address=text)
    match = _extras_of_path.fullmatch(text.partition(" ;")[0].strip())
    written, listed = (match["path"], match["extras"] or "") if match else (text, "")
    extras = tuple(extra.strip() for extra in listed.split(",") if extra.strip())
    path = folder / _path_of(written)
    problem = None if exists(path) else f"there is no file or folder {written}"
    name = _name_of_archive(path.name) or _name_of_project(path)
    return Entry(text, place, role, name=name, extras=extras, address=written, problem=problem)


def _broken(line: str, place: Place, role: EntryRole, error: Exception) -> Entry:
    leading = _leading_name.match(line)
    name = canonicalize_name(leading[0]) if leading else ""
    if (equals := _single_equals.fullmatch(line)) and leading:
        problem = f"'=' in a pip line, pip says {leading[0]}=={equals['version']}"
    else:
        problem = f"not a requirement: {str(error).partition(chr(10))[0]}"
    return Entry(line, place, role, name=name, problem=problem)


def _is_path(text: str) -> bool:
    return " @ " not in text and ("/" in text or text.startswith(".") or bool(_archive.search(text)))


def _path_of(text: str) -> Path:
    path = Path(unquote(urlsplit(text).path)) if text.startswith("file:") else Path(text)
    return path.expanduser() if text.startswith("~/") else path


def _address_is_pinned(address: str) -> bool:
    """An archive's address is one thing; a repository's is one thing only where it names a whole commit."""
    path = urlsplit(address).path
    return bool(_archive.search(path) or _commit.search(path))


def _name_of_archive(path: str) -> str:
    base = path.rpartition("/")[2]
    try:
        return parse_wheel_filename(base)[0] if base.endswith(".whl") else parse_sdist_filename(base)[0]
    except (InvalidWheelFilename, InvalidSdistFilename):
        return ""


def _name_of_project(folder: Path) -> str:
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8")).get("project")
    except (OSError, ValueError):
        return ""
    name = project.get("name") if isinstance(project, dict) else None
    return canonicalize_name(name) if isinstance(name, str) else ""
