"""One requirement as pip reads it: a name with its versions, an address, a path.

Each becomes an `Entry`, also a broken one: the entry then says what its problem is, and where.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
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

from artifactflow.errors import Place
from artifactflow.read.paths import exists


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
_address = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:(//|/|[^\s=<>]*@)|git@")
_archive = re.compile(r"\.(whl|zip|tar\.gz|tgz|tar\.bz2|tar\.xz)$", re.IGNORECASE)
_extras_of_path = re.compile(r"(?P<path>.+?)\s*(?:\[(?P<extras>[^\]]*)\])?$")
_commit = re.compile(r"@[0-9a-f]{40}$")
_leading_name = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_single_equals = re.compile(r"[\w.-]+\s*(?:\[[^\]]*\])?\s*=\s*(?P<version>[^=\s].*)")


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
            return parse_address(line, place, folder, role)
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


def is_remote(text: str) -> bool:
    """Whether a text is an address of another machine, of an archive or of a repository."""
    return _address.match(text) is not None and not text.startswith("file:")


def path_of(text: str) -> Path:
    """The path that a `file:` address or a text is; `~/` is the home folder."""
    path = Path(unquote(urlsplit(text).path)) if text.startswith("file:") else Path(text)
    return path.expanduser() if text.startswith("~/") else path


def parse_address(text: str, place: Place, folder: Path, role: EntryRole) -> Entry:
    """An address or a path, with its name where something tells it."""
    try:
        urlsplit(text)
    except ValueError as error:
        return _broken(text, place, role, error)
    if is_remote(text):
        parts = urlsplit(text)
        egg = re.search(r"(?:^|&)egg=([^&\[]+)", parts.fragment)
        name = canonicalize_name(unquote(egg[1])) if egg else _name_of_archive(unquote(parts.path))
        return Entry(text, place, role, name=name, pinned=_address_is_pinned(text), address=text)
    match = _extras_of_path.fullmatch(text.partition(" ;")[0].strip())
    written, listed = (match["path"], match["extras"] or "") if match else (text, "")
    extras = tuple(extra.strip() for extra in listed.split(",") if extra.strip())
    path = folder / path_of(written)
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
