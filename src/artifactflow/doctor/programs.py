"""What environments are built with: uv, conda, interpreters; and git."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from artifactflow.doctor.machine import NEWEST, OLDEST
from artifactflow.doctor.observation import Observation, ok, warn
from artifactflow.environments.conda import conda_command
from artifactflow.environments.interpreters import find_interpreter
from artifactflow.environments.uv import uv_command
from artifactflow.errors import ArtifactflowError, MissingToolError

MINORS: Final = [f"3.{minor}" for minor in range(OLDEST[1], NEWEST[1] + 1)]


def examine_programs() -> list[Observation]:
    """What is there, and what its absence means."""
    return [_uv(), _conda(), _interpreters(), _git()]


def _uv() -> Observation:
    try:
        return ok("uv", f"{' '.join(uv_command())}; builds environments of components")
    except MissingToolError:
        return warn("uv", "not installed: components run in the current environment only", "pip install uv")


def _conda() -> Observation:
    try:
        return ok("conda", str(conda_command()))
    except MissingToolError:
        return ok("conda", "none on PATH; needed only for --env conda and for packages that PyPI does not have")


def _interpreters() -> Observation:
    with ThreadPoolExecutor(len(MINORS)) as pool:
        found = dict(zip(MINORS, pool.map(_interpreter, MINORS), strict=True))
    there = ", ".join(version for version in found.values() if version)
    missing = [minor for minor, version in found.items() if not version]
    if not missing:
        return ok("interpreters", there)
    mend = f"uv python install {missing[-1]}, where a component asks for it"
    return ok("interpreters", f"{there}; none of {', '.join(missing)} ({mend})")


def _interpreter(minor: str) -> str:
    try:
        return find_interpreter(minor).version
    except ArtifactflowError:
        return ""


def _git() -> Observation:
    program = shutil.which("git")
    if program:
        return ok("git", program)
    return warn("git", "not installed: runs do not record the commit of the code", "install git")
