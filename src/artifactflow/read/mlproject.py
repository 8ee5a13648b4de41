"""MLproject → Component: everything that MLflow loads, as MLflow loads it, and the keys of our dialect beside it.

MLflow's rules that hold here: the file is any whose name lowercases to `mlproject`; `x: float` is short for
`x: {type: float}`; unknown keys are ignored; `default: null` makes a parameter required; without an environment key
`python_env.yaml` and then `conda.yaml` of the folder serve. What makes MLflow stop or crash is a ContractError with
its place. A command is kept as text; `read/command.py` reads it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from artifactflow.contract import (
    DEFAULT_OUTPUT_TYPE,
    Component,
    Contract,
    Environment,
    EnvironmentKind,
    Input,
    Output,
)
from artifactflow.errors import ContractError, NotFoundError, Place
from artifactflow.parameters import Parameter
from artifactflow.read.mlproject_parameters import mlflow_text, read_parameters, text_of
from artifactflow.read.paths import exists, is_folder
from artifactflow.read.yaml import read_yaml_file
from artifactflow.read.yaml_node import Node

MANIFEST_NAME = "mlproject"
ENVIRONMENT_KEYS = {
    "python_env": EnvironmentKind.PYTHON,
    "conda_env": EnvironmentKind.CONDA,
    "docker_env": None,
}
"""The keys that name an environment, of which MLflow allows one; artifactflow builds no images."""

MANIFEST_KEYS = ("name", *ENVIRONMENT_KEYS, "entry_points")
ENTRY_POINT_KEYS = (
    "description",
    "parameters",
    "optional_parameters",
    "outputs",
    "env",
    "include",
    "cache",
    "command",
)
OUTPUT_KEYS = ("name", "type", "path", "description", "unwrap")

_DEFAULT_FILES = {"python_env.yaml": EnvironmentKind.PYTHON, "conda.yaml": EnvironmentKind.CONDA}
_placeholder_pattern = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]*)\}")


@dataclass(frozen=True, slots=True)
class EnvironmentFile:
    """The environment file that a manifest refers to; it need not exist. `place` is None for one found by its name."""

    kind: EnvironmentKind
    path: Path
    place: Place | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Manifest:
    """An MLproject file read: the component without its environment, and the text's values with their places."""

    path: Path
    root: Node
    component: Component
    environment_file: EnvironmentFile | None = None


def find_manifest(folder: Path) -> Path | None:
    """The manifest of a component's folder, or None."""
    if not is_folder(folder):
        return None
    found = (path for path in folder.iterdir() if path.name.lower() == MANIFEST_NAME and path.is_file())
    return min(found, default=None)


def read_component(folder: Path) -> Component:
    """The component in a folder, with its environment.

    Raises NotFoundError where there is no manifest, ContractError for what MLflow rejects, an environment file that is
    missing among it.
    """
    path = find_manifest(folder)
    if path is None:
        raise NotFoundError(
            f"there is no MLproject file in {folder}", hint="make one of a script: artifactflow adopt PATH"
        )
    manifest = read_manifest(path)
    return replace(manifest.component, environment=_environment(manifest.environment_file))


def _environment(file: EnvironmentFile | None) -> Environment | None:
    from artifactflow.read.environment import read_environment

    if file is None:
        return None
    if not exists(file.path):
        raise ContractError(
            f"there is no environment file {file.path}", hint="write it, or correct its name here", place=file.place
        )
    return read_environment(file.path, file.kind)


def read_manifest(path: Path) -> Manifest:
    """The manifest in a file. Nothing but this file is read. Raises ContractError for what MLflow cannot use.

    An unknown word for a type means a text, as it does to MLflow. A default that its type cannot hold is the text that
    MLflow would pass, and the parameter's type is then `str`; `places` has it under `parameters.NAME.default`.
    """
    root = read_yaml_file(path)
    if root.value is None:
        raise root.error("the manifest is empty", hint="for example: artifactflow scaffold NAME")
    root.mapping("a manifest")
    folder = path.parent
    name = root.get("name")
    component = Component(
        name=folder.resolve().name if name is None or name.value is None else text_of(name, "name"),
        folder=folder,
        entry_points=_entry_points(root),
        manifest=path,
    )
    return Manifest(path, root, component, _environment_file(root, folder))


def _environment_file(root: Node, folder: Path) -> EnvironmentFile | None:
    stated = [key for key in ENVIRONMENT_KEYS if key in root.items]
    if len(stated) > 1:
        raise ContractError(
            f"a manifest names one environment, this one has {' and '.join(stated)}",
            hint="keep one of the keys",
            place=max(root.key_place(key) for key in stated),
        )
    for key in stated:
        node, kind = root.items[key], ENVIRONMENT_KEYS[key]
        if node.value and kind is not None:
            return EnvironmentFile(kind, folder / node.string(key), node.place)
        if node.value:
            return None
    for file_name, default_kind in _DEFAULT_FILES.items():
        if (folder / file_name).exists():
            return EnvironmentFile(default_kind, folder / file_name)
    return None


def _entry_points(root: Node) -> dict[str, Contract]:
    node = root.get("entry_points")
    if node is None:
        return {}
    return {
        name: _contract(name, entry_point, node.key_place(name))
        for name, entry_point in node.mapping("entry_points").items()
    }


def _contract(name: str, node: Node, place: Place) -> Contract:
    what = f"entry point {name}"
    stated_keys = node.mapping(what)
    items = {key: stated_keys[key] for key in ENTRY_POINT_KEYS if key in stated_keys}
    places = {"entry_point": place}
    command = items.get("command")
    if command is None:
        raise ContractError(f"{what} has no command", hint="for example: command: python main.py", place=place)
    template = command.string(f"the command of {what}")
    places["command"] = command.place
    found = read_parameters(items.get("parameters"), places)
    absent = read_parameters(items.get("optional_parameters"), places, optional=True)
    for twice in found.keys() & absent.keys():
        raise ContractError(
            f"{twice} is stated under parameters and under optional_parameters",
            hint="keep one of them",
            place=places[f"parameters.{twice}"],
        )
    outputs = _outputs(items.get("outputs"), template, found, places)
    for output in outputs:
        if output.placeholder:
            found.pop(output.key, None)
    stated = [*found.values(), *absent.values()]
    return Contract(
        entry_point=name,
        description=text_of(items.get("description"), "description"),
        parameters=tuple(item for item in stated if isinstance(item, Parameter)),
        inputs=tuple(item for item in stated if isinstance(item, Input)),
        outputs=tuple(outputs),
        command=template,
        environment_variables=_names(items.get("env"), "env", places),
        include=_names(items.get("include"), "include", places),
        cache=items["cache"].boolean("cache") if "cache" in items else True,
        places=places,
    )


def _names(node: Node | None, key: str, places: dict[str, Place]) -> tuple[str, ...]:
    if node is None:
        return ()
    places[key] = node.place
    return node.strings(key)


def _outputs(
    node: Node | None, command: str, parameters: Mapping[str, Parameter | Input], places: dict[str, Place]
) -> list[Output]:
    """The outputs, each folded with the parameter of its name where the command has a placeholder for it."""
    if node is None:
        return []
    placeholders = set(_placeholder_pattern.findall(command))
    outputs = []
    for key, stated in node.mapping("outputs").items():
        places[f"outputs.{key}"] = node.key_place(key)
        what = f"output {key}"
        if isinstance(stated.value, str):
            items: Mapping[str, Node] = {"path": stated}
        else:
            items = stated.items if stated.value is None else stated.mapping(what)
            stated.refuse_unknown_keys(OUTPUT_KEYS, what)
        path = text_of(items.get("path"), f"the path of {what}")
        parameter = parameters.get(key)
        if key in placeholders and not path:
            default = parameter.default if isinstance(parameter, Parameter) else None
            path = mlflow_text(default) if isinstance(default, (str, int, float)) else ""
            path = path or key
        if not path:
            raise ContractError(
                f"{what} is neither in the command nor has it a path",
                hint=f"put {{{key}}} into the command, or state where the file is: path: FILE",
                place=places[f"outputs.{key}"],
            )
        outputs.append(
            Output(
                name=text_of(items.get("name"), f"the name of {what}") or key,
                type=text_of(items.get("type"), f"the type of {what}") or DEFAULT_OUTPUT_TYPE,
                description=text_of(items.get("description"), f"the description of {what}"),
                key=key,
                path=path,
                placeholder=key in placeholders,
                unwrap=items["unwrap"].boolean("unwrap") if "unwrap" in items else False,
            )
        )
    return outputs
