"""The drawing of a run's steps: boxes with what was decided, arrows for what is handed on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from artifactflow.report.collect import groups
from artifactflow.report.facts import StepReport
from artifactflow.report.layout import Box, Layout, lay_out
from artifactflow.words import seconds_text

MARGIN = 6.0
WIDTH = 176.0
HEAD_HEIGHT = 52.0
ROW_HEIGHT = 20.0
FOOT = 8.0
LONGEST_NAME = 17
LONGEST_ROW = 22
PAGE_WIDTH = 1150.0
LEAST_SCALE = 0.75
MOST_ROWS = 6
"""A matrix with more cells than these is told in counts."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line inside a box: a cell of a matrix, or how many cells there are of a kind."""

    text: str
    full: str
    decision: str
    y: float
    step: str


@dataclass(frozen=True, slots=True)
class DrawnBox:
    """A step as it is drawn; `step` is the one that a click leads to."""

    name: str
    full: str
    line: str
    decision: str
    step: str
    x: float
    y: float
    height: float
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """Boxes, and arrows as SVG paths, with the size of it all in pixels."""

    boxes: tuple[DrawnBox, ...]
    paths: tuple[str, ...]
    width: float
    height: float

    @property
    def least_width(self) -> float:
        """How far it may be scaled down with its texts still legible."""
        return self.width * LEAST_SCALE


def drawings(steps: Sequence[StepReport]) -> tuple[Drawing, Drawing]:
    """The graph for a wide window and for a narrow one.

    A long chain is drawn downwards in both: whoever reads it would have to scroll sideways.
    """
    tall, wide = draw(steps, downwards=True), draw(steps, downwards=False)
    fits = wide.least_width <= PAGE_WIDTH or tall.width >= wide.width
    return (wide if fits else tall), tall


def draw(steps: Sequence[StepReport], *, downwards: bool) -> Drawing:
    """The graph of the steps with its arrows to the right or downwards; the cells of a matrix share a box."""
    grouped = groups(steps)
    heights = {name: _height(members) for name, members in grouped.items()}
    boxes = [Box(name, height, WIDTH) if downwards else Box(name, WIDTH, height) for name, height in heights.items()]
    edges = [
        (upstream.partition("[")[0], name)
        for name, members in grouped.items()
        for member in members
        for upstream in member.upstream
    ]
    layout = lay_out(boxes, edges, layer_gap=36.0 if downwards else 38.0)
    drawn = []
    for placed in layout.boxes:
        x, y = _turned(placed.along, placed.across, downwards)
        drawn.append(_box(placed.box.name, grouped[placed.box.name], x, y, heights[placed.box.name]))
    width, height = _turned(layout.along, layout.across, downwards)
    return Drawing(tuple(drawn), _paths(layout, downwards), width + MARGIN, height + MARGIN)


def overall(members: Sequence[StepReport]) -> str:
    """One decision for all cells of a matrix: the worst, and RUN where anything ran."""
    decisions = {member.outcome.decision for member in members}
    ranked = ("FAILED", "STOPPED", "BLOCKED", "RUN", "REUSE", "SKIP")
    return next((decision for decision in ranked if decision in decisions), next(iter(decisions)))


def _height(members: Sequence[StepReport]) -> float:
    rows = len(_rows(members, 0.0))
    return HEAD_HEIGHT + (rows * ROW_HEIGHT + FOOT if rows else 0.0)


def _box(name: str, members: Sequence[StepReport], x: float, y: float, height: float) -> DrawnBox:
    decision = overall(members)
    seconds = sum(member.seconds for member in members)
    cells = f"{len(members)} cell{'' if len(members) == 1 else 's'} · " if members[0].cell else ""
    known = members[0].outcome.decision not in ("SKIP", "BLOCKED")
    line = cells + (f"{decision} · {seconds_text(seconds)}" if known else decision)
    worst = next(member for member in members if member.outcome.decision == decision)
    return DrawnBox(
        name=_cut(name.rpartition("/")[2], LONGEST_NAME),  # of a step that another called, its own name
        full=f"{name}: {decision}, {worst.outcome.reason}",
        line=line,
        decision=decision,
        step=worst.outcome.step,
        x=x,
        y=y,
        height=height,
        rows=_rows(members, y + HEAD_HEIGHT),
    )


def _rows(members: Sequence[StepReport], top: float) -> tuple[Row, ...]:
    if not members[0].cell:
        return ()
    if len(members) <= MOST_ROWS:
        lines = [(member.cell, member.outcome.decision, member.outcome.step) for member in members]
    else:
        first: dict[str, str] = {}
        for member in members:
            first.setdefault(member.outcome.decision, member.outcome.step)
        counts = Counter(member.outcome.decision for member in members)
        lines = [
            (f"{counts[decision]} cell{'' if counts[decision] == 1 else 's'}", decision, step)
            for decision, step in first.items()
        ]
    return tuple(
        Row(_cut(text, LONGEST_ROW - len(decision)), f"{text}: {decision}", decision, top + number * ROW_HEIGHT, step)
        for number, (text, decision, step) in enumerate(lines)
    )


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _paths(layout: Layout, downwards: bool) -> tuple[str, ...]:
    return tuple(_path([_turned(*point, downwards) for point in line.points], downwards) for line in layout.lines)


def _path(points: Sequence[tuple[float, float]], downwards: bool) -> str:
    """A curve through every gap between layers, and straight past the boxes of a layer."""
    parts = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for number, (start, end) in enumerate(pairwise(points)):
        if number % 2:
            parts.append(f"L{end[0]:.1f} {end[1]:.1f}")
        elif downwards:
            middle = (start[1] + end[1]) / 2
            parts.append(f"C{start[0]:.1f} {middle:.1f} {end[0]:.1f} {middle:.1f} {end[0]:.1f} {end[1]:.1f}")
        else:
            middle = (start[0] + end[0]) / 2
            parts.append(f"C{middle:.1f} {start[1]:.1f} {middle:.1f} {end[1]:.1f} {end[0]:.1f} {end[1]:.1f}")
    return "".join(parts)


def _turned(along: float, across: float, downwards: bool) -> tuple[float, float]:
    return (MARGIN + across, MARGIN + along) if downwards else (MARGIN + along, MARGIN + across)
