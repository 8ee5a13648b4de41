"""YAML with places: what `yaml.safe_load` makes of a text, and the line and column of every key and value.

MLflow reads its manifests by `yaml.safe_load`, so YAML 1.1 holds here too: `no` is False, `010` is 8, `1.10` is 1.1 and
`1e-3` is a text. A `Node` keeps the source beside the value, so that such surprises can be named.
Anything that is not YAML, or that was made to hurt, becomes a ContractError with its place.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from artifactflow.errors import ContractError, NotFoundError, Place
from artifactflow.read.bounded_text import read_bounded_text
from artifactflow.read.paths import is_file
from artifactflow.read.yaml_errors import place_of, translated, unprintable
from artifactflow.read.yaml_node import Node


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a text may be: its bytes, and its values with aliases counted as if they were written out."""

    size: int
    nodes: int


MANIFEST_BOUNDS: Final = Bounds(1024 * 1024, 40_000)
PIPELINE_BOUNDS: Final = Bounds(4 * 1024 * 1024, 250_000)
"""Room for ten thousand steps, each with its own bindings."""

MAXIMUM_DEPTH: Final = 50
MAXIMUM_NUMBER_LENGTH: Final = 1000
"""Characters of one number: PyYAML takes a quadratic time for `1:1:1:…`, a number in base 60."""

_TAG = "tag:yaml.org,2002:"
_SCALAR_STYLES = {None: "plain", "": "plain"}

# The C loader is ten times as fast and reads the same; the wheels of PyYAML have it.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml_file(path: Path, bounds: Bounds = MANIFEST_BOUNDS) -> Node:
    """The document in a file; an empty file has the value None.

    Raises NotFoundError where there is no file, OutsideError where it cannot be read, and ContractError for more bytes
    than the `bounds` allow, for bytes that are not UTF-8 and for everything that `read_yaml` refuses.
    """
    if not is_file(path):
        raise NotFoundError(f"there is no file {path}")
    text = read_bounded_text(path, bounds.size, "manifest")
    # Line ends as Python's text mode, and so MLflow, reads them.
    return read_yaml(text.replace("\r\n", "\n").replace("\r", "\n"), str(path), bounds)


@functools.lru_cache(maxsize=16)
def read_yaml(text: str, file: str, bounds: Bounds = MANIFEST_BOUNDS) -> Node:
    """The one document in `text`, with `file` as the name in places. The last few are kept: nobody may change one.

    >>> node = read_yaml("seed: 042\\nname: 'no'", "MLproject")
    >>> node.value, node.items["seed"].text, str(node.items["seed"].place)
    ({'seed': 34, 'name': 'no'}, '042', 'MLproject:1:7')

    Raises ContractError for a text that is not YAML, is nested deeper than 50 levels or grows beyond the `bounds`
    (1 MiB, 40,000 values) when its aliases are followed, and for tags that make anything else than plain data.
    """
    if len(text) > bounds.size:
        raise ContractError(f"the text is longer than {bounds.size} characters", place=Place(file))
    source = text.removeprefix("\ufeff")
    try:
        _check_bounds(source, file, bounds)
        loader = _Loader(source)
        try:
            root = loader.get_single_node()
        finally:
            loader.dispose()
        if root is None:
            return Node(None, Place(file, 1, 1), text="", style="plain")
        return _Converter(source, file).convert(root)
    except yaml.MarkedYAMLError as error:
        raise translated(error, source, file) from None
    except (yaml.reader.ReaderError, UnicodeEncodeError):
        raise unprintable(source, file) from None


def _check_bounds(source: str, file: str, bounds: Bounds) -> None:
    """Refuse what would be too deep or too large before anything is built of it, aliases counted as if written out."""
    nodes = 0
    sizes: dict[str, tuple[int, int]] = {}  # by anchor: values and levels below it
    opened: list[tuple[str | None, int]] = []  # by open collection: its anchor, the count of values before it
    levels: list[int] = [0]  # by open collection: the levels found below it
    for event in yaml.parse(source, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            if any(anchor == event.anchor for anchor, _ in opened):
                raise ContractError(f"*{event.anchor} stands inside itself", place=place_of(file, event.start_mark))
            count, below = sizes.get(str(event.anchor), (1, 0))
            nodes += count
            levels[-1] = max(levels[-1], below)
        elif isinstance(event, yaml.ScalarEvent):
            nodes += 1
            if event.anchor:
                sizes[event.anchor] = (1, 0)
        elif isinstance(event, yaml.CollectionStartEvent):
            opened.append((event.anchor, nodes))
            levels.append(0)
            nodes += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = opened.pop()
            below = levels.pop() + 1
            levels[-1] = max(levels[-1], below)
            if anchor:
                sizes[anchor] = (nodes - before, below)
        if len(opened) + levels[-1] > MAXIMUM_DEPTH:
            raise ContractError(
                f"values are nested deeper than {MAXIMUM_DEPTH} levels", place=place_of(file, event.start_mark)
            )
        if nodes > bounds.nodes:
            raise ContractError(
                f"there are more than {bounds.nodes} values, aliases followed", place=place_of(file, event.start_mark)
            )


class _Converter:
    """PyYAML's nodes into ours. Aliases share their node; anchors come first, so that recursion stays shallow."""

    def __init__(self, source: str, file: str) -> None:
        self.source = source
        self.file = file
        self.constructor = yaml.constructor.SafeConstructor()
        self.known: dict[int, Node] = {}

    def convert(self, node: Any) -> Node:
        if id(node) not in self.known:
            if isinstance(node, yaml.ScalarNode):
                converted = self.scalar(node)
            elif node.tag == _TAG + "map" and isinstance(node, yaml.MappingNode):
                converted = self.mapping(node)
            elif node.tag == _TAG + "seq" and isinstance(node, yaml.SequenceNode):
                elements = tuple(self.convert(element) for element in node.value)
                values = [element.value for element in elements]
                converted = Node(values, place_of(self.file, node.start_mark), elements=elements)
            else:
                raise self.unknown_tag(node)
            self.known[id(node)] = converted
        return self.known[id(node)]

    def unknown_tag(self, node: Any) -> ContractError:
        shown = node.tag.replace(_TAG, "!!")[:60]
        return ContractError(
            f"the tag {shown} makes no plain data", hint="leave the tag out", place=place_of(self.file, node.start_mark)
        )

    def scalar(self, node: Any) -> Node:
        place = place_of(self.file, node.start_mark)
        if node.tag in {_TAG + "int", _TAG + "float"} and len(node.value) > MAXIMUM_NUMBER_LENGTH:
            raise ContractError(f"a number of {len(node.value)} characters is no parameter", place=place)
        if node.tag not in self.constructor.yaml_constructors:
            raise self.unknown_tag(node)
        try:
            value = self.constructor.construct_object(node)
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
            # What PyYAML lets through for 2024-13-45, `!!int abc` and the like.
            word = node.tag.removeprefix(_TAG)
            raise ContractError(
                f"YAML takes {node.value[:60]!r} for a {word}, and it is none", hint="put it in quotes", place=place
            ) from None
        text = self.source[node.start_mark.index : node.end_mark.index].rstrip()
        return Node(value, place, text=text, style=_SCALAR_STYLES.get(node.style, node.style))

    def mapping(self, node: Any) -> Node:
        own = {id(key_node) for key_node, _ in node.value}
        self.constructor.flatten_mapping(node)  # brings in `<<: *other`
        values: dict[Any, Any] = {}
        items: dict[str, Node] = {}
        key_places: dict[str, Place] = {}
        stated: set[Any] = set()
        duplicates = []
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise ContractError(
                    "a mapping or a list cannot be a key",
                    hint="fill in the template" if "{{" in self.source else "put a text with braces in quotes",
                    place=place_of(self.file, key_node.start_mark),
                )
            key = self.convert(key_node)
            if id(key_node) in own:
                if key.value in stated:
                    duplicates.append(key.place)
                stated.add(key.value)
            name = str(key.value)
            items[name] = self.convert(value_node)
            key_places[name] = key.place
            values[key.value] = items[name].value
        place = place_of(self.file, node.start_mark)
        return Node(values, place, items=items, key_places=key_places, duplicates=tuple(duplicates))
