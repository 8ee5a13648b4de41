"""Everything that keeps a pipeline file from being read, where reading it tells the first fault only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from artifactflow.errors import ArtifactflowError, Place
from artifactflow.read.pipeline import pipeline_from_node
from artifactflow.read.yaml import PIPELINE_BOUNDS, read_yaml_file
from artifactflow.read.yaml_node import Node

MOST_FAULTS: Final = 50

_NEEDED: Final = ("component", "steps")
"""Keys that cannot be left out alone: without them, what they belong to would be found faulty for another reason."""


def pipeline_faults(file: Path) -> Iterator[ArtifactflowError]:
    """The faults of a pipeline file, none where it can be read, and at most `MOST_FAULTS`.

    After each fault the file is read again without the smallest part that has it. What a fault hides, because it could
    not be known without that part, is not told.
    """
    try:
        root: Node | None = read_yaml_file(file, PIPELINE_BOUNDS)
    except ArtifactflowError as error:
        yield error
        return
    for _ in range(MOST_FAULTS):
        if root is None:
            return
        try:
            pipeline_from_node(root, file, None)
            return
        except ArtifactflowError as error:
            yield error
            root = _without(root, error.place)


def _without(node: Node, place: Place | None) -> Node | None:
    """The document without the item or element at `place`; None where nothing of it can be left out alone."""
    if place is None:
        return None
    if place in node.duplicates:
        return replace(node, duplicates=tuple(other for other in node.duplicates if other != place))
    for key, child in node.items.items():
        # A mapping begins where its first key stands, so the inner part comes first.
        smaller = _without(child, place)
        if smaller is not None:
            return replace(node, value={**node.value, key: smaller.value}, items={**node.items, key: smaller})
        if place == node.key_place(key) or _holds(child, place):
            return None if key in _NEEDED else _dropped(node, key)
    for number, element in enumerate(node.elements):
        if element.place == place:
            return replace(
                node,
                value=[*node.value[:number], *node.value[number + 1 :]],
                elements=(*node.elements[:number], *node.elements[number + 1 :]),
            )
    return None


def _dropped(node: Node, key: str) -> Node | None:
    rest = {name: child for name, child in node.items.items() if name != key}
    if not rest:
        return None
    places = {name: place for name, place in node.key_places.items() if name != key}
    return replace(node, value={name: child.value for name, child in rest.items()}, items=rest, key_places=places)


def _holds(node: Node, place: Place) -> bool:
    return (
        place in (node.place, *node.key_places.values())
        or any(_holds(child, place) for child in node.items.values())
        or any(_holds(element, place) for element in node.elements)
    )
