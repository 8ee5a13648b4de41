"""What the scripts of a new component need installed, pinned to what is installed here."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
from collections.abc import Iterable
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from artifactflow.errors import UsageError
from artifactflow.read.imports import distribution_of, is_standard_library
from artifactflow.read.source import parse_module

OURSELVES: Final = "artifactflow"
OLDEST_PYTHON: Final = (3, 11)
"""The oldest that artifactflow runs on, which holds for whatever imports it."""

_python_version = re.compile(r"3\.[0-9]{1,2}(\.[0-9]{1,2})?")


def requirements_of(scripts: Iterable[str], packages: Iterable[str]) -> tuple[str, ...]:
    """The requirements of scripts by what they import, and `packages`, which a user named; each distribution once.

    A bare name is pinned to the installed version and stays bare where there is none. Raises UsageError for a package
    that is no requirement.
    """
    imported = sorted({_distribution(module) for script in scripts for module in _imported(script)}, key=str.lower)
    found = {canonicalize_name(name): _pinned(name) for name in imported}
    for package in packages:
        requirement = _requirement(package)
        bare = not (requirement.specifier or requirement.url or requirement.extras or requirement.marker)
        found[canonicalize_name(requirement.name)] = _pinned(requirement.name) if bare else str(requirement)
    return tuple(found.values())


def unpinned(requirements: Iterable[str]) -> list[str]:
    """The requirements that are a bare name: nothing of that name is installed here."""
    return [text for text in requirements if re.fullmatch(r"[A-Za-z0-9._-]+", text)]


def checked_python(version: str | None, *, needs_us: bool) -> str:
    """The version of Python to state: the running minor version unless another is asked for.

    Raises UsageError for what is no version, and for one that is too old where the script needs artifactflow.
    """
    if version is None:
        return f"{sys.version_info.major}.{sys.version_info.minor}"
    if not _python_version.fullmatch(version):
        raise UsageError(
            f"--python takes a version such as 3.11 or 3.12.1, got {version!r}", hint="for example: --python 3.11"
        )
    if needs_us and tuple(map(int, version.split(".")[:2])) < OLDEST_PYTHON:
        raise UsageError(
            f"--python {version} is too old: a step function needs artifactflow, which needs Python 3.11",
            hint="--template argparse needs no artifactflow",
        )
    return version


def _imported(script: str) -> set[str]:
    """The modules that a script imports and Python does not bring along."""
    found: set[str] = set()
    for node in ast.walk(parse_module(script)):
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return {module for module in found if not is_standard_library(module)}


def _distribution(module: str) -> str:
    return distribution_of(module) or module


def _pinned(name: str) -> str:
    try:
        return f"{name}=={importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return name


def _requirement(text: str) -> Requirement:
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        reason = str(error).split("\n", 1)[0]
        raise UsageError(
            f"--package {text!r} is no requirement: {reason}", hint="for example: --package 'pandas>=2.2'"
        ) from None
