"""The interpreter, the platform and SQLite."""

from __future__ import annotations

import platform
import sqlite3
import sys
from collections.abc import Mapping
from typing import Final

from artifactflow.doctor.observation import Observation, fail, ok, warn
from artifactflow.store.catalog_file import SAFE_WAL

OLDEST: Final = (3, 11)
NEWEST: Final = (3, 13)


def examine_machine(environment: Mapping[str, str]) -> list[Observation]:
    """Whether this Python, platform and SQLite are ones that artifactflow is made for."""
    return [
        python_version(sys.version_info[:2]),
        _platform(sys.platform),
        journal_mode(sqlite3.sqlite_version_info),
        _bytecode(environment),
    ]


def python_version(minor: tuple[int, ...]) -> Observation:
    """What there is to say of a version of Python."""
    text = f"{platform.python_version()} at {sys.executable}"
    supported = f"{_dotted(OLDEST)} to {_dotted(NEWEST)}"
    if minor < OLDEST:
        return fail("Python", f"{text}, too old: artifactflow needs {supported}", f"install Python {_dotted(NEWEST)}")
    if minor > NEWEST:
        mend = f"use Python {_dotted(NEWEST)} where something behaves strangely"
        return warn("Python", f"{text}, newer than what artifactflow was tested with: {supported}", mend)
    return ok("Python", text)


def journal_mode(version: tuple[int, ...]) -> Observation:
    """How the catalog is written with a version of SQLite."""
    text = f"{_dotted(version)}, so the catalog is written with"
    if version >= SAFE_WAL:
        return ok("SQLite", f"{text} a write-ahead log")
    why = f"a write-ahead log is safe from {_dotted(SAFE_WAL)} on"
    return ok("SQLite", f"{text} a rollback journal ({why}); that is as safe, and a little slower")


def _platform(name: str) -> Observation:
    text = f"{platform.system()} {platform.release()} on {platform.machine()}"
    if name == "linux":
        return ok("platform", f"{text}; steps start in forks of warm workers")
    if name == "darwin":
        return ok("platform", f"{text}; each step starts in a fresh process, as forks are not safe here")
    return warn("platform", f"{text}, which nobody has tested", "use Linux or macOS")


def _bytecode(environment: Mapping[str, str]) -> Observation:
    if environment.get("PYTHONDONTWRITEBYTECODE"):
        return warn(
            "byte-compilation",
            "PYTHONDONTWRITEBYTECODE is set: every process compiles what it imports again",
            "unset PYTHONDONTWRITEBYTECODE",
        )
    return ok("byte-compilation", "on")


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
