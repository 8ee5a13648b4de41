"""The elements of a list, or the arguments of a call, in a script's text: `*x` stands for as many as `x` has."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import TypeVar

Found = TypeVar("Found")


def spread(
    nodes: Iterable[ast.expr],
    evaluate: Callable[[ast.expr], Found],
    elements_of: Callable[[Found], Iterable[Found] | None],
) -> tuple[list[Found], bool]:
    """What each of `nodes` is by `evaluate`, and whether these are all: not where some `*x` has no known elements.

    >>> nodes = ast.parse("[1, *unknown, 2]", mode="eval").body.elts
    >>> spread(nodes, ast.unparse, lambda name: None)
    (['1', '2'], False)
    """
    found: list[Found] = []
    known = True
    for node in nodes:
        if not isinstance(node, ast.Starred):
            found.append(evaluate(node))
            continue
        several = elements_of(evaluate(node.value))
        known = known and several is not None
        found.extend(several or ())
    return found, known
