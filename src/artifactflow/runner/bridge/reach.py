"""Which steps the bridge has to reach, as far as their code tells."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from pathlib import Path

from artifactflow.contract import Component, Contract
from artifactflow.errors import ArtifactflowError
from artifactflow.read.command import parse_command
from artifactflow.read.imports import imports_of, local_closure
from artifactflow.runner.binding.bound import BoundStep
from artifactflow.runner.bridge.names import local_name
from artifactflow.runner.mentions import is_mentioned


class Reach(Enum):
    """Whether a step's processes import wandb."""

    NO = "no"
    PERHAPS = "perhaps"
    YES = "yes"


def reach_of(component: Component, contract: Contract) -> Reach:
    """What the script and the component's modules that it imports say; PERHAPS where other code may be run."""
    if component.built_in:
        return Reach.NO
    script = _script(component, contract)
    if script is None:
        return Reach.YES if is_mentioned("wandb", component.folder) else Reach.PERHAPS
    imported = _imported(local_closure(script, component.folder))
    if "wandb" in imported:
        return Reach.YES
    if "mlflow" in imported:  # it may run projects
        return Reach.PERHAPS
    is_perhaps = is_mentioned("wandb", component.folder) or is_mentioned("mlflow", component.folder)
    return Reach.PERHAPS if is_perhaps else Reach.NO  # `mlflow run` may be started as a program


def steps_that_log(steps: Iterable[BoundStep], name: str) -> list[str]:
    """The steps whose scripts log an artifact of that name, as far as their text and parameters tell."""
    # For the text of an error only: no other run is to wait until they are imported.
    from artifactflow.read.orchestration.symbols import Kind
    from artifactflow.read.orchestration.tracking import read_tracking

    found = []
    for step in steps:
        if any(slot.name == name for slot in step.outputs):
            found.append(step.name)
            continue
        script = None if step.component.built_in else _script(step.component, step.contract)
        try:
            uses = read_tracking(script).logged() if script else ()
        except ArtifactflowError:
            continue
        for use in uses:
            logged = use.name.text
            if use.name.kind is Kind.PARAMETER:
                logged = str(step.parameters.get(logged, ""))
            if local_name(logged) == name:
                found.append(step.name)
                break
    return found


def _script(component: Component, contract: Contract) -> Path | None:
    """The file that the command runs with Python, where it says so plainly."""
    try:
        script = parse_command(contract.command).script
    except ArtifactflowError:
        return None
    return component.folder / script if script else None


def _imported(files: Iterable[Path]) -> set[str]:
    found: set[str] = set()
    for file in files:
        try:
            found |= {use.module for use in imports_of(file)}
        except ArtifactflowError:
            found |= {"mlflow"}  # what cannot be read may import anything
    return found
