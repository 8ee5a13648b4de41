"""Places inside of a manifest's commands, and mends of its text that leave every other line as it is."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from artifactflow.errors import ContractError, Place
from artifactflow.read.yaml import read_yaml
from artifactflow.read.yaml_node import Node
from artifactflow.write.mlproject import edit_manifest
from artifactflow.write.yaml import format_mapping, format_text

if TYPE_CHECKING:
    from ruamel.yaml.comments import CommentedMap


def command_node(root: Node, entry_point: str) -> Node | None:
    """The command of an entry point with its source, or None where the manifest has none."""
    node: Node | None = root
    for key in ("entry_points", entry_point, "command"):
        node = node.get(key) if node is not None else None
    return node


def place_in(node: Node, pattern: str, occurrence: int = 0) -> Place:
    """Where `pattern` is met in the source of a scalar, which may span lines; the scalar's place where it is not."""
    source, place = node.text or "", node.place
    found = list(re.finditer(pattern, source))
    if place.line is None or place.column is None or occurrence >= len(found):
        return place
    before = source[: found[occurrence].start()]
    lines = before.count("\n")
    column = len(before) - before.rfind("\n") if lines else place.column + len(before)
    return Place(place.file, place.line + lines, column)


def rewrite_command(text: str, file: str, entry_point: str, edit: Callable[[str], str]) -> str:
    """The manifest with the command that `edit` makes of the present one.

    Where `edit` can be made in the source as it stands, lines and quotes of the command stay too; else the command is
    written anew. Raises ContractError where the manifest has no such command any more.
    """
    root = read_yaml(text, file)
    node = command_node(root, entry_point)
    if node is None or not isinstance(node.value, str) or not node.text:
        raise ContractError(f"entry point {entry_point} has no command", place=root.place)
    wanted = edit(node.value)
    expected = copy.deepcopy(root.value)
    expected["entry_points"][entry_point]["command"] = wanted
    start = _offset(text, node.place)
    for source in (edit(node.text), format_text(wanted, flow=False), format_text(wanted)):
        edited = text[:start] + source + text[start + len(node.text) :]
        if text[start : start + len(node.text)] == node.text and _reads_as(edited, expected, file):
            return edited

    def change(manifest: Any) -> None:
        manifest["entry_points"][entry_point]["command"] = wanted

    return edit_manifest(text, change, file)


def add_item(text: str, file: str, entry_point: str, section: str, name: str, item: Mapping[str, Any]) -> str:
    """The manifest with `name: {…}` as the last of a section of an entry point, which is made where there is none."""
    root = read_yaml(text, file)
    expected = copy.deepcopy(root.value)
    stated = expected["entry_points"][entry_point].setdefault(section, {})
    if stated.get(name) == item:
        return text
    new = name not in stated
    stated[name] = dict(item)
    line = f"{format_text(name, flow=False)}: {format_mapping(item)}"
    edited = _with_line(text, root.items["entry_points"].items[entry_point], section, line) if new else None
    if edited is not None and _reads_as(edited, expected, file):
        return edited

    def change(manifest: Any) -> None:
        _set(manifest["entry_points"][entry_point], section, name, item)

    return edit_manifest(text, change, file)


def remove_item(text: str, file: str, entry_point: str, section: str, name: str) -> str:
    """The manifest without an item of a section; a section that would be empty goes too, as MLflow stops at it."""

    root = read_yaml(text, file)
    expected = copy.deepcopy(root.value)
    section_value = expected["entry_points"][entry_point].get(section) or {}
    if name not in section_value:
        return text
    del section_value[name]
    if section_value:
        edited = _without_lines(text, root.items["entry_points"].items[entry_point].items[section].key_place(name))
        if _reads_as(edited, expected, file):
            return edited

    def change(manifest: Any) -> None:
        stated = manifest["entry_points"][entry_point]
        if name in (stated.get(section) or {}):
            del stated[section][name]
            if not stated[section]:
                del stated[section]

    return edit_manifest(text, change, file)


def _set(stated: CommentedMap, section: str, name: str, item: Mapping[str, Any]) -> None:
    """Change what is stated in place, so that comments stay at their keys."""
    from ruamel.yaml.comments import CommentedMap

    if section not in stated:
        before = list(stated).index("command")
        stated.insert(before, section, CommentedMap())
    old = stated[section].get(name)
    if not isinstance(old, MutableMapping):
        old = stated[section][name] = CommentedMap()
        old.fa.set_flow_style()
    for key in [key for key in old if key not in item]:
        del old[key]
    for key, value in item.items():
        if key not in old or old[key] != value:
            old[key] = list(value) if isinstance(value, tuple) else value


def _with_line(text: str, entry_point: Node, section: str, line: str) -> str | None:
    """The text with a line behind the last item of a section in block style; None for other ways of writing."""
    lines = text.splitlines(keepends=True)
    stated = entry_point.get(section)
    if stated is None or not stated.key_places:
        last = max((place.line or 0) for place in entry_point.key_places.values())
        return None if last == 0 else _before_command(lines, entry_point, section, line)
    last_key = max(stated.key_places.values())
    if last_key.line is None or last_key.column is None:
        return None
    end = _last_line(lines, last_key.line, last_key.column)
    if not lines[end - 1].endswith("\n"):
        lines[end - 1] += _line_end(lines)
    lines.insert(end, f"{' ' * (last_key.column - 1)}{line}{_line_end(lines)}")
    return "".join(lines)


def _without_lines(text: str, key: Place) -> str:
    """The text without the lines of the item whose key stands at a place."""
    lines = text.splitlines(keepends=True)
    if key.line is not None and key.column is not None:
        del lines[key.line - 1 : _last_line(lines, key.line, key.column)]
    return "".join(lines)


def _line_end(lines: list[str]) -> str:
    return "\r\n" if lines[0].endswith("\r\n") else "\n"


def _last_line(lines: list[str], line: int, column: int) -> int:
    """The last line of what is stated behind a key in block style; blank lines and comments behind it do not count."""
    end = line
    for number in range(line, len(lines)):
        content = lines[number].strip()
        if content and not content.startswith("#"):
            if len(lines[number]) - len(lines[number].lstrip()) < column:
                break
            end = number + 1
    return end


def _before_command(lines: list[str], entry_point: Node, section: str, line: str) -> str | None:
    """The lines with a new section before the command."""
    place = entry_point.key_place("command")
    if section in entry_point.items or place.line is None or place.column is None:
        return None
    indent, end = " " * (place.column - 1), _line_end(lines)
    lines[place.line - 1 : place.line - 1] = [f"{indent}{section}:{end}", f"{indent}  {line}{end}"]
    return "".join(lines)


def _offset(text: str, place: Place) -> int:
    lines = text.removeprefix("\ufeff").splitlines(keepends=True)
    skipped = sum(map(len, lines[: (place.line or 1) - 1])) + len(text) - len(text.removeprefix("\ufeff"))
    return skipped + (place.column or 1) - 1


def _reads_as(text: str, expected: object, file: str) -> bool:
    try:
        return bool(read_yaml(text, file).value == expected)
    except ContractError:
        return False
