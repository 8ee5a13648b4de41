"""The config that a Hydra or OmegaConf root reads, flattened to key paths."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from artifactflow.errors import Place
from artifactflow.parameters import Value
from artifactflow.read.paths import is_file
from artifactflow.read.yaml import read_yaml_file
from artifactflow.read.yaml_node import Node

Values = dict[str, tuple[Value, Place]]

_interpolation: Final = re.compile(r"\$\{([A-Za-z_][\w.]*)\}")
_number: Final = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+")


def find_config(folder: Path, config_path: str, config_name: str) -> Path | None:
    """The YAML file of a name in a folder below (or beside) the root's folder, None where there is none."""
    if config_path.startswith("/"):
        return None
    for ending in ("", ".yaml", ".yml"):
        path = folder / config_path / f"{config_name}{ending}"
        if path.suffix in {".yaml", ".yml"} and is_file(path):
            return path
    return None


def read_config(path: Path) -> Values:
    """The values of a config file by key path, with the groups that its Hydra `defaults` list names.

    `${a.b}` is replaced where it names another key; other interpolations stay as they are.
    Raises ContractError, with its place, where a file is not YAML.
    """
    document = read_yaml_file(path)
    values: Values = {}
    for group, name in _defaults(document):
        found = find_config(path.parent, group, name)
        if found is not None:
            values.update(_flat(read_yaml_file(found), group.replace("/", ".")))
    values.update(_flat(document, ""))
    return {key: (_interpolated(value, values), place) for key, (value, place) in values.items()}


def _defaults(document: Node) -> Iterator[tuple[str, str]]:
    node = document.get("defaults")
    for element in node.elements if node else ():
        if isinstance(element.value, str) and element.value != "_self_":
            yield "", element.value
        elif isinstance(element.value, dict):
            for group, choice in element.items.items():
                if isinstance(choice.value, str) and not group.startswith("override ") and ".." not in group:
                    yield group.removeprefix("optional "), choice.value


def _flat(node: Node, path: str) -> Values:
    values: Values = {}
    for key, child in node.items.items():
        if not (path == "" and key == "defaults"):
            values.update(_flat(child, f"{path}.{key}" if path else key))
    for index, child in enumerate(node.elements):
        values.update(_flat(child, f"{path}.{index}"))
    if path and not isinstance(node.value, (dict, list)):
        values[path] = (_scalar(node), node.place)
    return values


def _scalar(node: Node) -> Value:
    value = node.value
    # OmegaConf reads numbers as YAML 1.2 does, and dates as texts.
    if isinstance(value, str) and node.style == "plain" and _number.fullmatch(value):
        return float(value)
    return value if value is None or isinstance(value, (str, int, float)) else node.text


def _interpolated(value: Value, values: Values) -> Value:
    if not isinstance(value, str) or "${" not in value:
        return value
    whole = _interpolation.fullmatch(value)
    if whole and whole[1] in values and "${" not in str(values[whole[1]][0]):
        return values[whole[1]][0]

    def replaced(match: re.Match[str]) -> str:
        return str(values[match[1]][0]) if match[1] in values else match[0]

    return _interpolation.sub(replaced, value)
