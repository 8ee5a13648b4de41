"""What is installed: the distributions on a path, found by their folders' names, their metadata read when asked for.

`importlib.metadata` parses each distribution's whole metadata, long description included. Here only the header is
read, and only of those that somebody asks about: milliseconds instead of a tenth of a second.
"""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_separators = re.compile(r"[-_.]+")
_project = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._]*[A-Za-z0-9])?")


def normalised(name: str) -> str:
    """A distribution's name as the standard compares it. Here, so that a lookup need not import packaging.

    >>> normalised("Scikit_Learn")
    'scikit-learn'
    """
    return _separators.sub("-", name).lower()


@dataclass(frozen=True)
class Distribution:
    """One installed distribution: its normalised name and its `*.dist-info` or `*.egg-info` (a folder or a file)."""

    name: str
    folder: Path

    @functools.cached_property
    def header(self) -> Mapping[str, tuple[str, ...]]:
        """The fields of its metadata, keys in lower case; empty where the metadata is missing or broken."""
        candidates = (self.folder / "METADATA", self.folder / "PKG-INFO", self.folder)
        for candidate in candidates:
            try:
                with candidate.open(encoding="utf-8", errors="replace") as stream:
                    return _header(stream)
            except OSError:
                continue
        return {}

    @property
    def version(self) -> str:
        """Its version, from the folder's name, else from the metadata; empty where neither tells."""
        return version_in_name(self.folder.name) or next(iter(self.header.get("version", ())), "")

    @property
    def requires(self) -> tuple[str, ...]:
        """What it requires, as it says so itself: requirements with markers."""
        listed = self.header.get("requires-dist", ())
        return listed or (_egg_requires(self.folder) if self.folder.suffix == ".egg-info" else ())


def search_path() -> tuple[str, ...]:
    """The folders in which the running Python finds distributions.

    Without the current folder, which `python -m` puts first: what is installed does not change with where one stands.
    """
    current = str(Path.cwd())
    first_counts = bool(sys.path) and sys.path[0] not in ("", current)
    return tuple(dict.fromkeys(sys.path if first_counts else sys.path[1:]))


def metadata_names(paths: Sequence[str]) -> dict[str, list[str]]:
    """The sorted names of the metadata folders in each folder that has some: they change when anything is installed."""
    listing = {}
    for path in paths:
        try:
            with os.scandir(path) as entries:
                names = sorted(entry.name for entry in entries if entry.name.endswith((".dist-info", ".egg-info")))
        except OSError:
            continue
        if names:
            listing[path] = names
    return listing


def installed(listing: Mapping[str, Sequence[str]]) -> dict[str, Distribution]:
    """The distributions of a listing by normalised name. The first one on the path counts, as for imports."""
    found: dict[str, Distribution] = {}
    for path, names in listing.items():
        for folder in names:
            # What does not begin like a name is what pip leaves behind when it is interrupted: ~andas-2.2.0.dist-info.
            project = folder.rpartition(".")[0].partition("-")[0]
            if _project.fullmatch(project):
                found.setdefault(normalised(project), Distribution(normalised(project), Path(path, folder)))
    return found


def version_in_name(folder: str) -> str:
    """The version that a metadata folder's name states.

    >>> version_in_name("pandas-2.2.0.dist-info"), version_in_name("mine.egg-info")
    ('2.2.0', '')
    """
    version = folder.rpartition(".")[0].partition("-")[2].partition("-py")[0].replace("_", "-")
    return version if version[:1].isdigit() else ""


def _header(lines: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The fields up to the empty line after which the description follows; a folded field may hold lines of blanks."""
    fields: dict[str, list[str]] = {}
    for line in lines:
        if line == "\n":
            break
        key, separator, value = line.partition(":")
        if separator and not key[0].isspace():
            fields.setdefault(key.lower(), []).append(value.strip())
    return {key: tuple(values) for key, values in fields.items()}


def _egg_requires(folder: Path) -> tuple[str, ...]:
    """The requirements in requires.txt, the older form: sections such as `[extra:python_version < "3.9"]`."""
    try:
        lines = (folder / "requires.txt").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    requirements = []
    condition = ""
    for line in filter(None, map(str.strip, lines)):
        if line.startswith("["):
            extra, _, marker = line.strip("[]").partition(":")
            parts = [f"({marker})" if marker else "", f'extra == "{extra}"' if extra else ""]
            condition = " and ".join(filter(None, parts))
        else:
            requirements.append(f"{line} ; {condition}" if condition else line)
    return tuple(requirements)
