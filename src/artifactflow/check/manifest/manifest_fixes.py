"""Edits of a manifest's text at one place, each proved: it is read again and differs by what was meant and no more.

An edit finds its place by keys, so that it stays right where an earlier mend has moved lines. It raises ContractError
where the text cannot be edited so, for example because an alias shares the value.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Sequence
from typing import Any

import yaml

from artifactflow.check.findings import Fix
from artifactflow.check.subjects import ComponentSubject
from artifactflow.errors import ArtifactflowError, ContractError, Place
from artifactflow.read.yaml import read_yaml
from artifactflow.read.yaml_node import Node

Edit = Callable[[str], str]


def mend(component: ComponentSubject, summary: str, edit: Edit) -> Fix | None:
    """The fix of a component's manifest, or None where the edit does not work on it."""
    path = component.manifest_path
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            text = stream.read()
        edit(text)
    except (OSError, ValueError, yaml.YAMLError, ArtifactflowError):
        return None
    return Fix(path, summary, change=edit)


def replace_value(keys: Sequence[str], source: str) -> Edit:
    """Write `source` in the place of the scalar below `keys`; for an absent one, behind its colon.

    An element of a list has its place, counted from 0, for a key.

    >>> print(replace_value(["version"], '"1.10"')("version: 1.10  # of the data"))
    version: "1.10"  # of the data
    """

    def edit(text: str) -> str:
        root = read_yaml(text, "")
        node = _node(root, keys)
        value = yaml.safe_load(source)

        def put(data: Any) -> None:
            holder = _holder(data, keys[:-1])
            holder[_own_key(holder, keys[-1])] = value

        old = node.text or ""
        return _spliced(root, text, node.place, old, source if old else f" {source}", put)

    return edit


def replace_key(keys: Sequence[str], source: str) -> Edit:
    """Write `source` in the place of the last of `keys`: another key, or `key: value` for a key without a value.

    >>> replace_key(["x", "type str"], "type: str")("x: {type str, default: 1}")
    'x: {type: str, default: 1}'
    """

    def edit(text: str) -> str:
        root = read_yaml(text, "")
        _node(root, keys)  # which has to be there still
        mapping = _node(root, keys[:-1])
        ((key, value),) = yaml.safe_load("{" + source + "}").items()

        def put(data: Any) -> None:
            holder = _holder(data, keys[:-1])
            old_value = holder.pop(_own_key(holder, keys[-1]))
            if key in holder:
                raise ContractError(f"there is a key {key} already")
            holder[key] = old_value if value is None else value

        place = mapping.key_place(keys[-1])
        return _spliced(root, text, place, key_source(text, place), source, put)

    return edit


def repeat_entry_point(name: str, other: str) -> Edit:
    """Let the entry point `name` be reached as `other` too, by a YAML alias below it.

    >>> print(repeat_entry_point("train", "main")("entry_points:\\n  train:\\n    command: python train.py"))
    entry_points:
      train: &train
        command: python train.py
      main: *train
    """

    def edit(text: str) -> str:
        root = read_yaml(text, "")
        _node(root, ["entry_points", name])  # which has to be there still
        place = root.items["entry_points"].key_place(name)
        lines = _lines(text)
        number, column = (place.line or 1) - 1, (place.column or 1) - 1
        head = re.compile(r"\s*:(?P<anchor>\s*&(?P<name>\S+))?")
        key = key_source(text, place)
        match = head.match(lines[number], column + len(key))
        if match is None:
            raise ContractError(f"the entry point {name} cannot be given another name")
        anchor = match["name"] or re.sub(r"[^A-Za-z0-9_-]", "_", name)
        if match["anchor"] is None:
            lines[number] = lines[number][: match.end()] + f" &{anchor}" + lines[number][match.end() :]
        last = _last_line(lines, number, column)
        end = "\r\n" if lines[number].endswith("\r\n") else "\n"
        if not lines[last].endswith("\n"):
            lines[last], end = lines[last] + end, ""
        lines.insert(last + 1, f"{' ' * column}{other}: *{anchor}{end}")

        def put(data: Any) -> None:
            points = data["entry_points"]
            points[other] = points[_own_key(points, name)]

        return _proved(root, text, "".join(lines), put)

    return edit


def key_source(text: str, place: Place) -> str:
    """A key as it is written at `place`, with its quotes."""
    rest = _lines(text)[(place.line or 1) - 1][(place.column or 1) - 1 :]
    match = re.match(r"'(?:[^']|'')*'|\"(?:[^\"\\]|\\.)*\"|[^\n]*?(?=\s*(?::\s|:$|[,}]|$))", rest)
    return match[0] if match else ""


def quoted(text: str) -> str:
    """A text in double quotes, as YAML of every version reads it.

    >>> quoted('say "no"')
    '"say \\\\"no\\\\""'
    """
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _last_line(lines: Sequence[str], first: int, column: int) -> int:
    """The last line of the block that a key at `column` of the line `first` opens."""
    last = first
    for number in range(first + 1, len(lines)):
        stripped = lines[number].strip()
        indent = len(lines[number]) - len(lines[number].lstrip())
        if stripped and indent > column:
            last = number
        elif stripped and not stripped.startswith("#"):
            break
    return last


def _node(root: Node, keys: Sequence[str]) -> Node:
    node = root
    for key in keys:
        found = dict(enumerate(node.elements)).get(int(key)) if node.elements else node.get(key)
        if found is None:
            raise ContractError(f"there is no key {key} any more")
        node = found
    return node


def _holder(data: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        data = data[_own_key(data, key)]
    return data


def _own_key(data: Any, key: str) -> Any:
    """A mapping's key by its text (`False` for `"False"`), or the place in a list."""
    if isinstance(data, list):
        return int(key)
    for own in data:
        if str(own) == key:
            return own
    raise ContractError(f"there is no key {key} any more")


def _lines(text: str) -> list[str]:
    return text.removeprefix("\ufeff").splitlines(keepends=True) or [""]


def _spliced(root: Node, text: str, place: Place, old: str, new: str, put: Callable[[Any], None]) -> str:
    lines = _lines(text)
    number, column = (place.line or 1) - 1, (place.column or 1) - 1
    line = lines[number]
    if not line.startswith(old, column):
        raise ContractError("the value is not written on one line", place=place)
    lines[number] = line[:column] + new + line[column + len(old) :]
    return _proved(root, text, "".join(lines), put)


def _proved(root: Node, before: str, after: str, put: Callable[[Any], None]) -> str:
    expected = copy.deepcopy(root.value)
    put(expected)
    if read_yaml(after, "").value != expected:
        raise ContractError("the text cannot be edited in one place: another value depends on it")
    return ("\ufeff" if before.startswith("\ufeff") else "") + after
