"""Which steps start components by `mlflow.run`, as far as their text tells."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Final

from artifactflow.errors import ArtifactflowError
from artifactflow.read.command import parse_command
from artifactflow.read.imports import local_closure
from artifactflow.runner.binding.bound import BoundStep
from artifactflow.runner.mentions import word_is_in

CALLS: Final = "calls mlflow.run: its components are reused one by one"
"""Why such a step runs each time."""


def calls_components(bound: BoundStep) -> bool:
    """Whether the step's script, a module of its that it imports, or its command calls `mlflow.run` or `mlflow run`."""
    return not bound.component.built_in and _calls(bound.component.folder, bound.contract.command)


@functools.lru_cache(maxsize=4096)
def _calls(folder: Path, command: str) -> bool:
    if "mlflow run" in command:
        return True
    try:
        script = parse_command(command).script
    except ArtifactflowError:
        return False
    if script is None or not word_is_in("mlflow", folder / script):
        return False
    from artifactflow.read.orchestration.orchestrator import read_orchestrator

    for file in local_closure(folder / script, folder):
        try:
            if read_orchestrator(file) is not None:
                return True
        except ArtifactflowError:
            continue
    return False
