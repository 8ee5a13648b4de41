"""The runs of an orchestrator, each with the component that it starts as far as that is known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from artifactflow.check.subjects import ComponentSubject, EntryPointSubject, ScriptSubject
from artifactflow.check.tree import Tree
from artifactflow.contract import Contract
from artifactflow.errors import ArtifactflowError
from artifactflow.parameters import Required, Value
from artifactflow.read.imports import imports_of, local_closure
from artifactflow.read.mlproject import find_manifest
from artifactflow.read.orchestration.orchestrated import ChildRun, Orchestrator
from artifactflow.read.orchestration.symbols import Kind
from artifactflow.read.orchestration.texts import Text
from artifactflow.read.source import read_text

MOST_FOLDERS_UP = 6
"""How far above a root its repository's folder is looked for: relative targets may be meant from there."""


_logging = re.compile(r"\b(?:log_artifact|upsert_artifact|log_model)\s*\(")


@dataclass(frozen=True, slots=True)
class Child:
    """One run. `component` is None where its folder is unknown or elsewhere, `missing` where it should be and is not.

    `point` is the entry point that it runs, None where that is unknown or does not exist.
    """

    run: ChildRun
    component: ComponentSubject | None = None
    missing: Path | None = None
    point: EntryPointSubject | None = None

    @property
    def contract(self) -> Contract | None:
        """The contract of the entry point that it runs."""
        return self.point.contract if self.point else None

    @property
    def label(self) -> str:
        """The run in words: its gate, its folder or its entry point."""
        folder = (self.run.target or "").rstrip("/").rpartition("/")[2].strip(".")
        return self.run.gate or folder or self.run.entry_point or "the step"


def children_of(orchestrator: Orchestrator, tree: Tree) -> tuple[Child, ...]:
    """The runs of an orchestrator with their components."""
    return tuple(_child(run, orchestrator.file.parent, tree) for run in orchestrator.runs)


def _child(run: ChildRun, folder: Path, tree: Tree) -> Child:
    if run.target is None or _is_elsewhere(run.target):
        return Child(run)
    # A root that is not started in its own folder is started in one above: the repository's.
    bases = [folder, *folder.absolute().parents[:MOST_FOLDERS_UP]]
    found = next((base / run.target for base in bases if find_manifest(base / run.target)), None)
    if found is None:
        return Child(run, missing=folder / run.target)
    component = tree.component_at(found)
    points = component.entry_points if component else {}
    return Child(run, component, point=points.get(run.entry_point) if run.entry_point else None)


def _is_elsewhere(target: str) -> bool:
    """Whether a target is an address, a folder of another machine, or a template that somebody has to fill first."""
    return "://" in target or target.startswith(("git@", "/", "~")) or any(sign in target for sign in "{}$#")


def produced_by(child: Child) -> frozenset[str] | None:
    """The names of the artifacts that a run may leave for others; None where not all of them are known."""
    run, point = child.run, child.point
    if not run.complete or point is None or point.script is None:
        return None
    tracking = point.script.tracking
    if tracking is None or not _logs_in_sight(point.script, child.component):
        return None
    names = {handed.text for handed in run.artifacts if handed.produced}
    for artifact in tracking.artifacts:
        if artifact.kind == "logged" and artifact.api == "wandb":
            name = _name(artifact.name, child)
            if name is None:
                return None
            names.add(name)
    if any("{" in name for name in names):
        return None
    return frozenset(base_name(name) for name in names)


def _logs_in_sight(script: ScriptSubject, component: ComponentSubject | None) -> bool:
    """Whether every artifact that a script logs goes through a call of W&B in the script itself that was followed."""
    logged = [use for use in script.tracking.artifacts if use.kind == "logged"] if script.tracking else []
    try:
        modules = {use.module for use in imports_of(script.path)}
        others = local_closure(script.path, component.folder)[1:] if component else ()
        hidden = any("wandb" in read_text(file) for file in others)
    except ArtifactflowError:
        return False
    helpers = any("wandb" in module and module != "wandb" for module in modules)
    return not (hidden or helpers) and len(_logging.findall("\n".join(script.lines))) <= len(logged)


def consumed_by(child: Child) -> Iterator[str]:
    """The base names of the artifacts that a run is told to use."""
    for handed in child.run.artifacts:
        if not handed.produced and "{" not in handed.text:
            yield base_name(handed.text)


def base_name(reference: str) -> str:
    """An artifact's own name, without project and alias.

    >>> base_name("team/rentals/clean.csv:latest")
    'clean.csv'
    """
    return reference.rpartition("/")[2].partition(":")[0]


def _name(text: Text, child: Child) -> str | None:
    """The name that a script gives an artifact: a literal, or what the run hands over for a parameter."""
    if text.kind is Kind.LITERAL:
        return text.text
    if text.kind is not Kind.PARAMETER:
        return None
    value = _value(text.text, child)
    return value if isinstance(value, str) else None


def _value(name: str, child: Child) -> Value:
    source = child.run.parameters.get(name)
    if source is not None:
        return source.value
    contract = child.contract
    for parameter in contract.parameters if contract else ():
        if parameter.name == name and not isinstance(parameter.default, Required):
            return parameter.default
    return None
