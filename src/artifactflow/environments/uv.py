"""uv: found, and run so that its failures are errors in our words."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from artifactflow.environments.program import run_program
from artifactflow.errors import ArtifactflowError, ContractError, MissingToolError, OutsideError

_UNRESOLVED: Final = "No solution found"
_LEFT_OUT: Final = ("CONDA_PREFIX", "PYTHONHOME", "PYTHONPATH", "UV_PYTHON", "VIRTUAL_ENV")
"""Variables of the environment that is active, which is not the one being built."""

_not_found = re.compile(r"\b([A-Za-z0-9][A-Za-z0-9._-]*) was not found in")


class UnknownPackageError(ContractError):
    """A requirement that no index has; `names` in its message's order."""

    @property
    def names(self) -> list[str]:
        """The packages that were not found."""
        return list(dict.fromkeys(_not_found.findall(self.message)))


def uv_command() -> list[str]:
    """How to call uv: the program on PATH, else the package of this interpreter. Raises MissingToolError."""
    if program := shutil.which("uv"):
        return [program]
    if importlib.util.find_spec("uv"):
        return [sys.executable, "-m", "uv"]
    raise MissingToolError("uv, which builds environments, is not installed", hint="pip install uv")


def run_uv(*arguments: object, folder: Path, text: str = "", keep: Sequence[int] = ()) -> str:
    """What uv prints, called in `folder`. `text` is its standard input; `keep` are locks that it holds on to.

    It obeys the user's own settings (uv.toml, UV_INDEX_URL, UV_FIND_LINKS, UV_OFFLINE, …) and downloads no Python.
    Raises ContractError where requirements contradict each other or no index has them, OutsideError for all else.
    """
    command = [*uv_command(), *map(str, arguments), "--no-python-downloads", "--no-progress", "--color", "never"]
    environment = {name: value for name, value in os.environ.items() if name not in _LEFT_OUT}
    done = run_program(command, text=text, folder=folder, environment=environment, keep=keep)
    if done.returncode:
        raise _failure(done.stderr.strip())
    return done.stdout


def _failure(said: str) -> ArtifactflowError:
    reason = re.sub(r"\s*\n\s*", " ", said.removeprefix("error:").strip())
    if _UNRESOLVED in said:
        reason = reason.partition("cause: ")[2] or reason
        kind = UnknownPackageError if _not_found.search(said) else ContractError
        return kind(f"the requirements cannot be met: {reason}", hint="correct the versions in the environment file")
    return OutsideError(f"uv could not build the environment: {reason}", hint="see what uv says, and try again")
