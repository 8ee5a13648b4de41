"""The command line of a Hydra script: the keys of its YAML configuration, each of which `key=value` overrides."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from artifactflow.errors import ArtifactflowError, Place
from artifactflow.parameters import REQUIRED, ParameterType
from artifactflow.read.paths import is_folder
from artifactflow.read.script.argparse_options import plain_default
from artifactflow.read.script.click_options import stated
from artifactflow.read.script.click_script import functions
from artifactflow.read.script.command_line import CommandLine, Default, Option
from artifactflow.read.script.module_constants import Module, qualified_name
from artifactflow.read.script.static_values import UNKNOWN, Imported, Unknown
from artifactflow.read.yaml import read_yaml_file
from artifactflow.read.yaml_node import Node

MOST_FILES: Final = 100
_FLAGS: Final = (
    ("--help", "-h"),
    ("--hydra-help",),
    ("--version",),
    ("--cfg", "-c"),
    ("--resolve",),
    ("--package", "-p"),
    ("--run", "-r"),
    ("--multirun", "-m"),
    ("--config-path", "-cp"),
    ("--config-name", "-cn"),
    ("--config-dir", "-cd"),
    ("--info", "-i"),
)
# OmegaConf reads 1e-3 as a number, which YAML 1.1 alone does not.
_NUMBER: Final = re.compile(r"[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)[eE][-+]?\d+")
_ENTRY: Final = re.compile(r"(?P<override>override\s+)?(?P<optional>optional\s+)?(?P<group>[^@]+)(@(?P<package>.+))?")


@dataclass
class _Composition:
    folder: Path
    options: dict[str, Option] = field(default_factory=dict)
    reasons: list[tuple[str, Place]] = field(default_factory=list)
    files: int = 0


def hydra_command_line(module: Module) -> CommandLine | None:
    """The command line of a script with a `@hydra.main` function; None where it has none.

    An option's name is its key, with dots; a config group is an option whose choices are its files. New keys are given
    by `+key=value`. Configurations that are made in code are not known.
    """
    for node in functions(module.tree.body):
        for decorator in node.decorator_list:
            function = decorator.func if isinstance(decorator, ast.Call) else decorator
            if qualified_name(function, module.names) == "hydra.main":
                return _read(module, decorator, module.place(decorator))
    return None


def _read(module: Module, decorator: ast.expr, place: Place) -> CommandLine:
    composition = _Composition(module.folder or Path())
    given = stated(decorator, module.names) if isinstance(decorator, ast.Call) else None
    path, name = (given.get("config_path"), given.get("config_name")) if given else (None, None)
    if given and given.spellings:
        path, name = (*given.spellings, name)[:2] if len(given.spellings) < 2 else given.spellings[:2]
    in_code = any(isinstance(value, Imported) and "ConfigStore" in value.name for value in module.names.values())
    if in_code:
        composition.reasons.append(("a configuration is made in code", place))
    text = str(path) if isinstance(path, (str, PurePosixPath)) else "." if path is None else None
    if name is None:
        pass  # there is no configuration: every key is a new one
    elif not isinstance(name, str) or text is None or module.folder is None or text.startswith("pkg:"):
        composition.reasons.append(("which configuration is read is not known", place))
    else:
        composition.folder = module.folder / text
        _add_file(composition, name.removesuffix(".yaml").removesuffix(".yml"), "", place, 0)
    flags = tuple(
        Option(names, names[0].lstrip("-").replace("-", "_"), place, None, action="hydra", hidden=True)
        for names in _FLAGS
    )
    reasons = tuple(composition.reasons)
    return CommandLine("hydra", (*composition.options.values(), *flags), not reasons, reasons)


def _add_file(composition: _Composition, name: str, package: str, place: Place, depth: int) -> None:
    """Add the keys of `name.yaml` below `package`, after those of the files that its defaults list names."""
    file = composition.folder / f"{name}.yaml"
    composition.files += 1
    if depth > 8 or composition.files > MOST_FILES:
        composition.reasons.append(("the configuration has more files than are followed", place))
        return
    try:
        root = read_yaml_file(file)
        with file.open(encoding="utf-8") as stream:
            header = stream.read(500)
    except ArtifactflowError as error:
        composition.reasons.append((f"the configuration {name}.yaml cannot be read: {error.message}", place))
        return
    stated_package = re.search(r"^#\s*@package\s+(\S+)", header, re.MULTILINE)
    if stated_package:
        package = (
            "" if stated_package[1] == "_global_" else package if stated_package[1] == "_group_" else stated_package[1]
        )
    own = {key: node for key, node in root.items.items() if key not in {"defaults", "hydra"}}
    defaults = root.get("defaults")
    entries = defaults.elements if defaults and isinstance(defaults.value, list) else ()
    selfs = [index for index, entry in enumerate(entries) if entry.value == "_self_"]
    before = set(composition.options)
    for index, entry in enumerate(entries):
        if index in selfs:
            _add_keys(composition, own, package)
        else:
            _add_entry(composition, entry, name, package, depth)
    if not selfs:
        added = set(composition.options) - before
        _add_keys(composition, own, package, doubtful=added)


def _add_entry(composition: _Composition, entry: Node, name: str, package: str, depth: int) -> None:
    """One line of a defaults list: `- model: forest`, `- base`, `- override hydra/launcher: basic`."""
    pairs = list(entry.items.items()) if entry.items else [(None, entry)]
    for key, node in pairs:
        matched = _ENTRY.fullmatch(key if key is not None else str(node.value))
        if not matched or (matched["package"] and not matched["package"].replace(".", "").isidentifier()):
            composition.reasons.append(("an entry of the defaults list is not followed", entry.place))
            continue
        group = matched["group"].strip()
        folder = "" if group.startswith("/") else str(PurePosixPath(name).parent)
        group = str(PurePosixPath(folder) / group.lstrip("/"))
        if group.startswith("hydra/") or ".." in group:
            continue
        if key is None:
            # A file by its name: its keys come where the file that names it has its own.
            inside = (
                package if PurePosixPath(group).parent == PurePosixPath(name).parent else _dotted(group, parent=True)
            )
            _add_file(composition, group, matched["package"] or inside, entry.place, depth + 1)
            continue
        chosen = node.value
        if matched["override"]:
            composition.reasons.append((f"the choice of {group} is overridden, which is not followed", entry.place))
        elif isinstance(chosen, str) and "${" in chosen:
            composition.reasons.append((f"the choice of {group} is not known", entry.place))
        _add_group(composition, group, chosen, node.place)
        if isinstance(chosen, str) and "${" not in chosen and not matched["override"]:
            _add_file(composition, f"{group}/{chosen}", matched["package"] or _dotted(group), entry.place, depth + 1)
        elif isinstance(chosen, list):
            composition.reasons.append((f"{group} has several files, which are not followed", entry.place))


def _dotted(group: str, parent: bool = False) -> str:
    parts = PurePosixPath(group).parts
    return ".".join(parts[:-1] if parent else parts)


def _add_group(composition: _Composition, group: str, chosen: object, place: Place) -> None:
    folder = composition.folder / group
    files = sorted(file.stem for file in folder.glob("*.yaml")) if is_folder(folder) else None
    composition.options[group] = Option(
        names=(group,),
        dest=group,
        place=place,
        default=REQUIRED if chosen == "???" else plain_default(chosen),
        required=chosen == "???",
        choices=tuple(files) if files else UNKNOWN,
        action="group",
    )


def _add_keys(
    composition: _Composition, items: dict[str, Node], package: str, doubtful: frozenset[str] | set[str] = frozenset()
) -> None:
    """Add keys; one that stands in `doubtful` too has a default that depends on the version of Hydra."""
    waiting = [(f"{package}.{key}" if package else key, node) for key, node in reversed(list(items.items()))]
    while waiting:
        key, node = waiting.pop()
        kind, default = _typed(node)
        if key in doubtful:
            default = UNKNOWN if composition.options[key].default != default else default
        composition.options[key] = Option(
            (key,), key, node.place, kind, default, required=default is REQUIRED, action="override"
        )
        if isinstance(node.value, dict):
            waiting.extend((f"{key}.{name}", inner) for name, inner in reversed(list(node.items.items())))


def _typed(node: Node) -> tuple[ParameterType | Unknown | None, Default]:
    value = node.value
    if isinstance(value, dict):
        return None, None
    if isinstance(value, str):
        if value == "???":
            return UNKNOWN, REQUIRED
        if "${" in value:
            return UNKNOWN, UNKNOWN
        if node.style == "plain" and _NUMBER.fullmatch(value):
            return ParameterType.FLOAT, float(value.replace("_", ""))
        return ParameterType.STR, value
    for kind, found in ((bool, ParameterType.BOOL), (int, ParameterType.INT), (float, ParameterType.FLOAT)):
        if isinstance(value, kind):
            return found, value
    return UNKNOWN, plain_default(value)
