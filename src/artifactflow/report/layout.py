"""Where the boxes of a directed graph go: in layers, with few crossings and short lines.

The usual four stages (after Sugiyama): layers by the longest path, a waypoint in every layer that a line passes, an
order within the layers by the mean position of the neighbours, and positions by isotonic regression, which moves the
boxes as little as their order and the gaps allow. Everything happens along two axes: `along` the direction of the
arrows, and `across` it; the caller decides which of them is x.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

SWEEPS = 8
WAYPOINT_SIZE = 8.0


@dataclass(frozen=True, slots=True)
class Box:
    """A box to be placed: how long it is along and across the direction of the arrows."""

    name: str
    along: float
    across: float


@dataclass(frozen=True, slots=True)
class Placed:
    """A box in its place: its near corner, and its sizes."""

    box: Box
    along: float
    across: float


@dataclass(frozen=True, slots=True)
class Line:
    """An arrow from one box to another: the points (along, across) that it passes, in pairs that it runs straight."""

    source: str
    target: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """The boxes and lines, and how large the drawing is."""

    boxes: tuple[Placed, ...]
    lines: tuple[Line, ...]
    along: float
    across: float


@dataclass(slots=True)
class _Node:
    """A box, or a waypoint of a line (without `box`), in a layer."""

    layer: int
    size: float
    box: Box | None = None
    before: list[_Node] = field(default_factory=list)
    after: list[_Node] = field(default_factory=list)
    centre: float = 0.0
    rank: float = 0.0


def lay_out(
    boxes: Sequence[Box], edges: Iterable[tuple[str, str]], *, layer_gap: float = 56.0, gap: float = 18.0
) -> Layout:
    """Place boxes, which are given in an order that edges never go back in; one that would is left out.

    >>> layout = lay_out([Box("a", 10, 4), Box("b", 10, 4)], [("a", "b")], layer_gap=5)
    >>> [(placed.box.name, placed.along) for placed in layout.boxes], layout.along
    ([('a', 0.0), ('b', 15.0)], 25.0)
    """
    positions = {box.name: number for number, box in enumerate(boxes)}
    kept = [edge for edge in dict.fromkeys(edges) if positions.get(edge[0], len(boxes)) < positions.get(edge[1], -1)]
    nodes = _layered(boxes, kept)
    chains = [_chain(nodes[source], nodes[target]) for source, target in kept]
    layers = _layers([*nodes.values(), *(node for chain in chains for node in chain[1:-1])])
    _order(layers)
    _place(layers, gap)
    starts = _starts(layers, layer_gap)
    lowest = min((node.centre - node.size / 2 for layer in layers for node in layer), default=0.0)
    placed = tuple(
        Placed(box, starts[nodes[box.name].layer], nodes[box.name].centre - box.across / 2 - lowest) for box in boxes
    )
    return Layout(
        boxes=placed,
        lines=tuple(
            Line(source, target, _points(chain, starts, layers, lowest))
            for (source, target), chain in zip(kept, chains, strict=True)
        ),
        along=max((one.along + one.box.along for one in placed), default=0.0),
        across=max((node.centre + node.size / 2 - lowest for layer in layers for node in layer), default=0.0),
    )


def _layered(boxes: Sequence[Box], edges: Sequence[tuple[str, str]]) -> dict[str, _Node]:
    upstream: dict[str, list[str]] = {}
    for source, target in edges:
        upstream.setdefault(target, []).append(source)
    nodes: dict[str, _Node] = {}
    for box in boxes:
        layer = max((nodes[name].layer + 1 for name in upstream.get(box.name, ())), default=0)
        nodes[box.name] = _Node(layer, box.across, box)
    return nodes


def _chain(source: _Node, target: _Node) -> list[_Node]:
    waypoints = [_Node(layer, WAYPOINT_SIZE) for layer in range(source.layer + 1, target.layer)]
    chain = [source, *waypoints, target]
    for one, following in pairwise(chain):
        one.after.append(following)
        following.before.append(one)
    return chain


def _layers(nodes: Iterable[_Node]) -> list[list[_Node]]:
    found: dict[int, list[_Node]] = {}
    for node in nodes:
        found.setdefault(node.layer, []).append(node)
    return [found[number] for number in sorted(found)]


def _order(layers: list[list[_Node]]) -> None:
    """Sort each layer by where its neighbours stand, forth and back."""
    for layer in layers:
        _number(layer)
    for sweep in range(SWEEPS):
        forth = sweep % 2 == 0
        for layer in layers[1:] if forth else layers[-2::-1]:
            means = {id(node): _mean_rank(node.before if forth else node.after, node.rank) for node in layer}
            layer.sort(key=lambda node: means[id(node)])
            _number(layer)


def _number(layer: list[_Node]) -> None:
    # Between 0 and 1, so that layers of different lengths compare.
    for number, node in enumerate(layer):
        node.rank = (number + 0.5) / len(layer)


def _mean_rank(neighbours: Sequence[_Node], otherwise: float) -> float:
    return sum(node.rank for node in neighbours) / len(neighbours) if neighbours else otherwise


def _place(layers: list[list[_Node]], gap: float) -> None:
    for layer in layers:
        length = sum(node.size for node in layer) + gap * (len(layer) - 1)
        edge = -length / 2
        for node in layer:
            node.centre = edge + node.size / 2
            edge += node.size + gap
    for sweep in range(SWEEPS):
        for layer in layers if sweep % 2 else reversed(layers):
            wanted = [_wanted(node) for node in layer]
            offsets = [0.0]
            for one, following in pairwise(layer):
                offsets.append(offsets[-1] + (one.size + following.size) / 2 + gap)
            smoothed = _isotonic([goal - offset for goal, offset in zip(wanted, offsets, strict=True)])
            for node, position, offset in zip(layer, smoothed, offsets, strict=True):
                node.centre = position + offset


def _wanted(node: _Node) -> float:
    neighbours = [*node.before, *node.after]
    return sum(one.centre for one in neighbours) / len(neighbours) if neighbours else node.centre


def _isotonic(values: Sequence[float]) -> list[float]:
    """The nearest list that never falls (least squares; pool adjacent violators)."""
    pools: list[tuple[float, int]] = []
    for value in values:
        mean, count = value, 1
        while pools and pools[-1][0] > mean:
            other, more = pools.pop()
            mean, count = (mean * count + other * more) / (count + more), count + more
        pools.append((mean, count))
    return [mean for mean, count in pools for _ in range(count)]


def _starts(layers: list[list[_Node]], layer_gap: float) -> list[float]:
    starts = [0.0]
    for layer in layers:
        starts.append(starts[-1] + _depth(layer) + layer_gap)
    return starts


def _depth(layer: list[_Node]) -> float:
    return max(node.box.along if node.box else 0.0 for node in layer)


def _points(
    chain: list[_Node], starts: Sequence[float], layers: list[list[_Node]], lowest: float
) -> tuple[tuple[float, float], ...]:
    first, last = chain[0], chain[-1]
    along = first.box.along if first.box else 0.0
    points = [(starts[first.layer] + along, first.centre - lowest)]
    for waypoint in chain[1:-1]:
        start, across = starts[waypoint.layer], waypoint.centre - lowest
        points += [(start, across), (start + _depth(layers[waypoint.layer]), across)]
    return (*points, (starts[last.layer], last.centre - lowest))
