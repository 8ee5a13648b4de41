"""The Python interpreters on this machine, from which environments are made. Nothing is downloaded."""

from __future__ import annotations

import functools
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from artifactflow.errors import ContractError, MissingToolError

PLATFORM: Final = f"{sys.platform}-{platform.machine()}"

_question = "import json, platform, sys; print(json.dumps([platform.python_version(), sys.implementation.cache_tag]))"
_minors = range(20, 5, -1)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python on this machine: its program, its version, and the tag in the names of its compiled files."""

    path: Path
    version: str
    cache_tag: str

    @property
    def minor(self) -> str:
        """Its version without the last number: `3.11`."""
        return ".".join(self.version.split(".")[:2])


@functools.cache
def find_interpreter(python: str = "") -> Interpreter:
    """An interpreter of the version that an environment asks for: `3.11`, `3.11.7`, `>=3.10`, or empty for any.

    The running one is taken where it serves; then those of pyenv and of uv, the newest first, and those on PATH.
    Raises MissingToolError where none serves, and ContractError for a text that is no version.
    """
    from artifactflow.read.environment import python_versions

    try:
        allowed = python_versions(python)
    except ValueError as error:
        raise ContractError(str(error), hint="state it as 3.11 or '>=3.10'") from None
    found: dict[str, Path] = {}
    for path, stated in _candidates():
        if stated and not allowed.contains(stated, prereleases=True):
            found.setdefault(stated, path)
            continue
        interpreter = _running() if path == _running().path else _asked(path)
        if interpreter is None:
            continue
        if allowed.contains(interpreter.version, prereleases=True):
            return interpreter
        found.setdefault(interpreter.version, path)
    raise MissingToolError(
        f"no Python {python} on this machine, there is {', '.join(found) or 'none'}",
        hint=f"install it (uv python install {python}, or pyenv install {python}), or ask for one that is there"
        if python[:1].isdigit()
        else "install one, or ask for one that is there",
    )


@functools.cache
def _running() -> Interpreter:
    # A virtual environment made from a virtual environment is one of the interpreter below both.
    base = Path(getattr(sys, "_base_executable", None) or sys.executable)
    return Interpreter(base, platform.python_version(), sys.implementation.cache_tag or "")


def _candidates() -> Iterator[tuple[Path, str]]:
    """Programs that may be interpreters, with their version where the name of their folder states it."""
    yield _running().path, _running().version
    home = _home()
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv", "versions")
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    of_uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv" / "python")
    yield from _in_folders(pyenv, "")
    yield from _in_folders(of_uv, "cpython-")
    for name in (*(f"python3.{minor}" for minor in _minors), "python3", "python"):
        if program := shutil.which(name):
            yield Path(program), ""


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # a user whom this system does not know, as in a container: nothing lies below this file
        return Path(os.devnull)


def _in_folders(parent: Path, prefix: str) -> Iterator[tuple[Path, str]]:
    from packaging.version import InvalidVersion, Version

    versions = []
    for folder in parent.glob(f"{prefix}*"):
        stated = folder.name.removeprefix(prefix).partition("-")[0]
        try:
            versions.append((Version(stated), folder))
        except InvalidVersion:
            continue  # another implementation, or an environment of pyenv-virtualenv
    for version, folder in sorted(versions, reverse=True):
        if (program := folder / "bin" / "python3").exists():
            yield program, str(version)


def _asked(path: Path) -> Interpreter | None:
    """What a program says of itself; None for one that is no Python (such as a shim without a version behind it)."""
    try:
        done = subprocess.run([path, "-I", "-S", "-c", _question], capture_output=True, timeout=20, check=True)
        version, cache_tag = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return Interpreter(path, version, cache_tag or "")
