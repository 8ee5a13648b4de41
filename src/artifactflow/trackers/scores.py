"""Numbers for curves: what a metrics file says, as points with a name and a step."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

STEP_KEYS = ("step", "epoch", "iteration")
"""In a list of mappings, the first of these that each has says at which step the rest was measured."""

_unwanted = re.compile(r"[^\w\-./ ]")


@dataclass(frozen=True, slots=True)
class Point:
    """One number of a metric."""

    name: str
    value: float
    step: int = 0


def points(content: Any) -> list[Point]:
    """The numbers in what a metrics file holds; what is no number is left out.

    Names of nested mappings are joined by a dot. A list of numbers is the history of one metric, a list of mappings
    that of several.

    >>> [(point.name, point.value, point.step) for point in points({"loss": [2, 1.5], "test": {"r2": 0.9}})]
    [('loss', 2.0, 0), ('loss', 1.5, 1), ('test.r2', 0.9, 0)]
    >>> [(point.name, point.step) for point in points([{"epoch": 5, "loss": 1}, {"epoch": 10, "loss": 0.5}])]
    [('loss', 5), ('loss', 10)]
    """
    return list(_points(content, "", 0))


def last_values(found: list[Point]) -> dict[str, float]:
    """Each metric's value at its last step."""
    return {point.name: point.value for point in sorted(found, key=lambda point: point.step)}


def _points(content: Any, name: str, step: int) -> Iterator[Point]:
    if isinstance(content, bool) or content is None:
        return
    if isinstance(content, int | float):
        if name and _is_finite(content):
            yield Point(name, float(content), step)
    elif isinstance(content, Mapping):
        for key, item in content.items():
            part = _unwanted.sub("_", str(key))
            yield from _points(item, f"{name}.{part}" if name else part, step)
    elif isinstance(content, list):
        step_key = _step_key(content)
        for position, item in enumerate(content):
            if step_key is not None:
                rest = {key: value for key, value in item.items() if key != step_key}
                yield from _points(rest, name, int(item[step_key]))
            elif not isinstance(item, list):  # a matrix is no history
                yield from _points(item, name, position)


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(float(number))
    except OverflowError:
        return False


def _step_key(items: list[Any]) -> str | None:
    for key in STEP_KEYS:
        if items and all(
            isinstance(item, Mapping) and isinstance(item.get(key), int) and not isinstance(item[key], bool)
            for item in items
        ):
            return key
    return None
