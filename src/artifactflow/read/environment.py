"""Environment files: conda.yaml, python_env.yaml, requirements files, pyproject.toml and script headers (PEP 723).

`read_environment` gives what planning and running need, `read_environment_entries` every line with its place and its
problem, for `check`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from artifactflow.contract import Environment, EnvironmentKind
from artifactflow.errors import ContractError, Place
from artifactflow.read.conda import parse_conda
from artifactflow.read.requirement import Entry, EntryRole, is_pinned, parse_requirement
from artifactflow.read.requirements import parse_lines, read_requirements, read_text
from artifactflow.read.yaml import read_yaml_file
from artifactflow.read.yaml_node import Node

PYTHON = "python"

_script_header = re.compile(r"#\s*///\s*script\s*")
_toml_place = re.compile(r"\(at line (\d+), column (\d+)\)")


@dataclass(frozen=True, slots=True)
class _Statement:
    """What a file says, whatever its form."""

    entries: tuple[Entry, ...]
    name: str = ""
    channels: tuple[str, ...] = ()


def read_environment(path: Path, kind: EnvironmentKind) -> Environment:
    """The environment that a file states. Files of requirements are followed, constraints apply to what is listed.

    Under `REQUIREMENTS`, a file called `*.toml` is read as a pyproject.toml and `*.py` by its script header. A line
    that has a problem is in the environment as it was written. `python` is a bare version (`3.11`: any 3.11.x) or a
    condition (`>=3.11`).

    Raises NotFoundError, OutsideError where a file cannot be read, and ContractError with its place for a file that is
    empty, broken or of another shape.
    """
    statement = _read(path, kind)
    listed = [entry for entry in statement.entries if entry.role is EntryRole.PIP]
    names = {entry.name for entry in listed if entry.name}
    limits = [entry for entry in statement.entries if entry.role is EntryRole.CONSTRAINT and entry.name in names]
    conda = [entry for entry in statement.entries if entry.role is EntryRole.CONDA and entry.name != "pip"]
    python = next((entry.specifier or entry.text for entry in statement.entries if entry.role is EntryRole.PYTHON), "")
    return Environment(
        kind=kind,
        file=path,
        python="" if python == PYTHON else python,
        requirements=tuple(dict.fromkeys(entry.text for entry in (*listed, *limits))),
        conda_packages=tuple(entry.text for entry in conda),
        name=statement.name,
        channels=statement.channels,
    )


def read_environment_entries(path: Path, kind: EnvironmentKind) -> tuple[Entry, ...]:
    """Every line of the file and of those that it includes, in order, with the same rules and errors."""
    return _read(path, kind).entries


def python_versions(python: str) -> SpecifierSet:
    """The versions that `Environment.python` allows. Raises ValueError for a text that means none.

    >>> "3.10.4" in python_versions("3.10"), "3.1" in python_versions("3.10"), "3.12.1" in python_versions(">=3.11")
    (True, False, True)
    """
    try:
        return SpecifierSet(f"=={python}.*" if python[:1].isdigit() else python)
    except InvalidSpecifier:
        raise ValueError(f"not a Python version: {python!r}") from None


def _read(path: Path, kind: EnvironmentKind) -> _Statement:
    if kind is EnvironmentKind.CONDA:
        return _read_conda(path)
    if kind is EnvironmentKind.PYTHON:
        return _read_python_env(path)
    readers: dict[str, Callable[[Path], tuple[Entry, ...]]] = {".toml": _read_pyproject, ".py": _read_script}
    return _Statement(readers.get(path.suffix, read_requirements)(path))


def _read_conda(path: Path) -> _Statement:
    items = _top(path)
    entries: list[Entry] = []
    dependencies = items.get("dependencies")
    for node in dependencies.sequence("dependencies") if dependencies else ():
        if isinstance(node.value, str):
            entries.append(_conda_entry(node.value, node.place))
        elif isinstance(node.value, dict) and set(node.items) == {"pip"}:
            entries.extend(_pip_entries(node.items["pip"], "the pip section", path.parent, EntryRole.PIP))
        else:
            raise node.error(
                f"a dependency is a package such as 'numpy=1.26' or the section 'pip:', got {node.shown()}",
                hint="indent what pip installs below '- pip:'",
            )
    name, channels = items.get("name"), items.get("channels")
    return _Statement(
        tuple(entries),
        name=str(name.value) if name and name.value is not None else "",
        channels=channels.strings("channels") if channels and channels.value is not None else (),
    )


def _read_python_env(path: Path) -> _Statement:
    items = _top(path)
    entries: list[Entry] = []
    if (python := items.get(PYTHON)) and python.value is not None:
        entries.append(_python_entry(python.text if python.text and python.style == "plain" else python.value, python))
    for key, role in (("build_dependencies", EntryRole.BUILD), ("dependencies", EntryRole.PIP)):
        if node := items.get(key):
            entries.extend(_pip_entries(node, key, path.parent, role))
    return _Statement(tuple(entries))


def _top(path: Path) -> Mapping[str, Node]:
    root = read_yaml_file(path)
    if root.value is None:
        raise root.error("the environment file is empty", hint="list its packages below 'dependencies:'")
    return root.mapping("an environment file")


def _pip_entries(node: Node, what: str, folder: Path, role: EntryRole) -> Iterator[Entry]:
    if node.value is None:
        return
    seen: set[tuple[Path, EntryRole]] = set()
    for element in node.sequence(what):
        yield from parse_lines(element.string(f"each of {what}"), element.place, folder, role, seen)


def _conda_entry(text: str, place: Place) -> Entry:
    try:
        specification = parse_conda(text)
    except ValueError as error:
        return Entry(text, place, EntryRole.CONDA, problem=str(error))
    if specification.name == PYTHON:
        return Entry(
            text,
            place,
            EntryRole.PYTHON,
            name=PYTHON,
            specifier=_plain_version(specification.specifier),
            pinned=specification.pinned,
        )
    return Entry(
        text,
        place,
        EntryRole.CONDA,
        name=specification.name,
        specifier=specification.specifier,
        pinned=specification.pinned,
    )


def _python_entry(value: object, node: Node) -> Entry:
    text = str(value)
    problem = None if isinstance(node.value, str) else f"YAML reads {text} as a number, put it in quotes: '{text}'"
    plain = _plain_version(text)
    return Entry(
        text, node.place, EntryRole.PYTHON, name=PYTHON, specifier=plain, pinned=plain[:1].isdigit(), problem=problem
    )


def _plain_version(specifier: str) -> str:
    """`=3.10`, `==3.10`, `3.10.*` as the bare version `3.10`; a condition as it is."""
    match = re.fullmatch(r"={0,2}\s*(\d+(?:\.\d+)*)(?:\.?\*)?", specifier.strip())
    return match[1] if match else specifier


def _read_pyproject(path: Path) -> tuple[Entry, ...]:
    text = read_text(path)
    project = _toml(text, path, 0).get("project")
    if not isinstance(project, dict):
        raise ContractError(
            "there is no table [project], so it declares no dependencies",
            hint="list them as the standard does: [project] dependencies = [...]",
            place=Place(str(path)),
        )
    return tuple(_toml_entries(project, text, path, 0))


def _read_script(path: Path) -> tuple[Entry, ...]:
    header, first = _header_of(read_text(path), path)
    return tuple(_toml_entries(_toml(header, path, first), header, path, first))


def _header_of(text: str, path: Path) -> tuple[str, int]:
    """The TOML in the comment block `# /// script` … `# ///`, and how many lines come before it; empty without one."""
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if _script_header.fullmatch(line)]
    if not starts:
        return "", 0
    body: list[str] = []
    for line in lines[starts[0] + 1 :]:
        if line.rstrip() == "# ///":
            return "\n".join(body), starts[0] + 1
        if not line.startswith("#"):
            break
        body.append(line[1:])
    raise ContractError(
        "the script header is not closed", hint="end it with the line: # ///", place=Place(str(path), starts[0] + 1)
    )


def _toml(text: str, path: Path, lines_before: int) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        match = _toml_place.search(str(error))
        place = Place(str(path), int(match[1]) + lines_before, int(match[2])) if match else Place(str(path))
        raise ContractError(f"not TOML: {_toml_place.sub('', str(error)).strip()}", place=place) from None


def _toml_entries(table: Mapping[str, Any], text: str, path: Path, lines_before: int) -> Iterator[Entry]:
    """What `requires-python` and `dependencies` say: a [project] table and a script header have both."""
    python, dependencies = table.get("requires-python"), table.get("dependencies", [])
    strings = dependencies if isinstance(dependencies, list) else [dependencies]
    for value in (*strings, *([python] if python is not None else [])):
        if not isinstance(value, str) or strings is not dependencies:
            raise ContractError("dependencies must be a list of texts, requires-python a text", place=Place(str(path)))
    if python is not None:
        place, _ = _place_in(text, python, 0, path, lines_before)
        plain = _plain_version(python)
        pinned = plain[:1].isdigit() or is_pinned(_specifiers(python))
        yield Entry(python, place, EntryRole.PYTHON, name=PYTHON, specifier=plain, pinned=pinned)
    start = max(text.find("dependencies"), 0)
    for dependency in dependencies:
        place, start = _place_in(text, dependency, start, path, lines_before)
        yield parse_requirement(dependency, place, path.parent)


def _specifiers(text: str) -> SpecifierSet:
    try:
        return SpecifierSet(text)
    except InvalidSpecifier:
        return SpecifierSet()


def _place_in(text: str, value: str, start: int, path: Path, lines_before: int) -> tuple[Place, int]:
    """Where a string stands in TOML, which keeps no places: the next literal of that text."""
    found = [at for quote in "\"'" if (at := text.find(f"{quote}{value}{quote}", start)) >= 0]
    if not found:
        return Place(str(path)), start
    at = min(found)
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    # A script header's lines lost their leading "#".
    return Place(str(path), text.count("\n", 0, at) + 1 + lines_before, column + bool(lines_before)), at + 1
