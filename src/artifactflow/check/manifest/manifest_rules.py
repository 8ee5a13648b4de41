"""Rules about the manifest: its file name, its keys, its environment, its entry points."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from artifactflow.check.environment import environment_keys
from artifactflow.check.findings import Finding, Fix, Rule, Severity
from artifactflow.check.manifest import manifest_keys
from artifactflow.check.manifest.manifest_fixes import mend, quoted, repeat_entry_point, replace_value
from artifactflow.check.subjects import ComponentSubject
from artifactflow.check.tree import Tree
from artifactflow.contract import MAIN
from artifactflow.errors import Place
from artifactflow.read.mlproject import MANIFEST_NAME
from artifactflow.read.yaml_node import Node

MISNAMED = Rule(
    "M006",
    "misnamed-manifest",
    Severity.ERROR,
    "A manifest has a name under which MLflow does not find it.",
    """MLflow reads the file that is called MLproject, in any case and without an ending.

Wrong:  MLproject.yaml
Right:  MLproject""",
)
SECOND_MANIFEST = Rule(
    "M007",
    "second-manifest",
    Severity.WARNING,
    "A folder has two manifests, of which one is read.",
    """What the other one says is silently ignored; of `MLproject` and `mlproject`, which one is read depends on the
file system.""",
)
NAME_NOT_TEXT = Rule(
    "M008",
    "name-not-text",
    Severity.WARNING,
    "The component's name is read as a number, a truth value or a date.",
    """Wrong:  name: 1.10      # 1.1 to MLflow
Right:  name: "1.10\"""",
)
NO_ENTRY_POINTS = Rule(
    "M020",
    "no-entry-points",
    Severity.ERROR,
    "The manifest has no entry points.",
    """There is nothing to run.

Right:  entry_points:
          main:
            command: python main.py""",
)
NO_MAIN = Rule(
    "M021",
    "no-main",
    Severity.WARNING,
    "No entry point is called main.",
    """`mlflow run .` stops with "Could not find main among entry points"; `mlflow run . -e NAME` works. artifactflow
takes a single entry point for main. The mend lets the entry point be reached by both names.

Wrong:  entry_points:
          train:
            command: python train.py
Right:  entry_points:
          train: &train
            command: python train.py
          main: *train""",
)
NO_COMMAND = Rule(
    "M022",
    "no-command",
    Severity.ERROR,
    "An entry point has no command.",
    """MLflow crashes on it.

Right:  main:
          command: python main.py""",
)
EMPTY_PARAMETERS = Rule(
    "M023",
    "empty-parameters",
    Severity.ERROR,
    "A section of parameters has nothing below it.",
    """To YAML that is null and not an empty mapping, and MLflow crashes on it.

Wrong:  parameters:
        command: python main.py
Right:  parameters: {}
        command: python main.py""",
)

RULES: Final = (
    *manifest_keys.RULES,
    MISNAMED,
    SECOND_MANIFEST,
    NAME_NOT_TEXT,
    *environment_keys.RULES,
    NO_ENTRY_POINTS,
    NO_MAIN,
    NO_COMMAND,
    EMPTY_PARAMETERS,
)


def check_manifest(component: ComponentSubject) -> Iterator[Finding]:
    """What is wrong with the manifest as a whole."""
    # Read first, so that whatever MLflow refuses is known, also where no rule of ours has a name for it.
    if component.manifest is None and component.root is None:
        return
    root = component.root
    if root is None or not isinstance(root.value, dict):
        return
    yield from manifest_keys.check_keys(component, root)
    yield from environment_keys.check_environment_keys(component, root)
    yield from _check_name(component, root)
    points = root.get("entry_points")
    if points is None or not points.value:
        if "databricks_spark_job" not in root.items and not _is_misspelt(root, component):
            place = root.place if points is None else root.key_place("entry_points")
            yield NO_ENTRY_POINTS.at(
                place,
                "the manifest has no entry points: there is nothing to run",
                hint="for example: entry_points: {main: {command: python main.py}}",
            )
        return
    yield from _check_main(component, points)
    for name, point in points.items.items():
        yield from _check_entry_point(component, name, point, points.key_place(name))


def check_misnamed(tree: Tree) -> Iterator[Finding]:
    """Files that mean to be manifests and that MLflow does not look at."""
    for file in tree.misnamed:
        if not _looks_like_manifest(file):
            continue
        beside = sorted(path.name for path in file.parent.iterdir() if path.name.lower() == MANIFEST_NAME)
        place = Place(str(file), 1, 1)
        if beside:
            message = f"{file.name} stands beside {beside[0]}: MLflow reads {beside[0]} and nothing of this file"
            yield SECOND_MANIFEST.at(place, message, hint="remove one of the two")
        else:
            others = [path for path in tree.misnamed if path.parent == file.parent and path != file]
            yield MISNAMED.at(
                place,
                f"MLflow looks for a file called MLproject, this one is called {file.name}",
                hint="call it MLproject",
                fix=None if others else Fix(file, "call it MLproject", rename="MLproject"),
            )
    folders: dict[Path, Path] = {}
    for component in tree.components:
        first = folders.setdefault(component.folder, component.manifest_path)
        if first != component.manifest_path:
            place = Place(str(component.manifest_path), 1, 1)
            message = f"{component.manifest_path.name} stands beside {first.name}: MLflow reads one of them"
            yield SECOND_MANIFEST.at(place, message, hint="remove one of the two")


def _looks_like_manifest(file: Path) -> bool:
    try:
        return re.search(rb"entry[ _-]?point|^\s*command:", file.read_bytes(), re.IGNORECASE | re.MULTILINE) is not None
    except OSError:
        return False


def _is_misspelt(root: Node, component: ComponentSubject) -> bool:
    """Whether a key means `entry_points`: that is said of the key."""
    return any(
        manifest_keys.meant_top_key(component, key, node) == "entry_points"
        for key, node in root.items.items()
        if key != "entry_points"
    )


def _check_name(component: ComponentSubject, root: Node) -> Iterator[Finding]:
    name = root.get("name")
    if name is None or name.value is None or isinstance(name.value, str):
        return
    source = name.text or ""
    yield NAME_NOT_TEXT.at(
        name.place,
        f"the name must be a text, YAML reads {name.shown()}",
        hint=f"put it in quotes: {quoted(source)}" if source else "write a text",
        length=max(1, len(source)),
        fix=mend(component, f"name {source} in quotes", replace_value(["name"], quoted(source))) if source else None,
    )


def _check_main(component: ComponentSubject, points: Node) -> Iterator[Finding]:
    if MAIN in points.items or not points.items:
        return
    names = list(points.items)
    single = names[0] if len(names) == 1 else None
    message = f"no entry point is called main, so `mlflow run .` stops; it has {', '.join(names)}"
    edit = repeat_entry_point(single, MAIN) if single else None
    yield NO_MAIN.at(
        points.key_place(names[0]),
        message,
        hint=f"call it main, or reach it by both names: main: *{single}" if single else "call the usual one main",
        length=len(names[0]),
        fix=mend(component, f"main is {single}", edit) if edit else None,
    )


def _check_entry_point(component: ComponentSubject, name: str, point: Node, place: Place) -> Iterator[Finding]:
    command = point.get("command")
    if point.value is None or (isinstance(point.value, dict) and (command is None or _is_blank(command))):
        yield NO_COMMAND.at(
            command.place if command is not None else place,
            f"entry point {name} has no command",
            hint="for example: command: python main.py",
            length=len(name) if command is None else 1,
        )
    for section in ("parameters", "optional_parameters"):
        stated = point.get(section)
        if stated is not None and stated.value is None:
            edit = replace_value(["entry_points", name, section], "{}")
            yield EMPTY_PARAMETERS.at(
                point.key_place(section),
                f"{section} is empty, which is null to YAML: MLflow crashes on it",
                hint=f"leave the line out, or write {section}: {{}}",
                length=len(section),
                fix=mend(component, f"{section}: {{}}", edit),
            )


def _is_blank(command: Node) -> bool:
    return command.value is None or (isinstance(command.value, str) and not command.value.strip())
