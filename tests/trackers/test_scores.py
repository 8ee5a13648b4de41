"""Metrics files of every shape become points, and what is no number is left out."""

import pytest

from artifactflow.trackers.scores import Point, last_values, points


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"a": 1, "b": True, "c": None, "d": "x"}, [("a", 1.0, 0)]),
        ({"a": float("nan"), "b": float("inf"), "c": 10**400}, []),
        ({"a": {"b": {"c": 2}}}, [("a.b.c", 2.0, 0)]),
        ({"confusion": [[50, 0], [2, 48]]}, []),
        ([{"step": 3, "a": 1}, {"step": 1, "a": 2}], [("a", 1.0, 3), ("a", 2.0, 1)]),
        ([{"a": 1}, {"a": 2}], [("a", 1.0, 0), ("a", 2.0, 1)]),
        ({"a=1, b": 5}, [("a_1_ b", 5.0, 0)]),
        (7, []),
        (None, []),
    ],
)
def test_points(content: object, expected: list[tuple[str, float, int]]):
    assert [(point.name, point.value, point.step) for point in points(content)] == expected


def test_the_summary_is_the_value_at_the_last_step_and_not_the_last_written():
    assert last_values([Point("a", 1, 3), Point("a", 2, 1)]) == {"a": 1}
