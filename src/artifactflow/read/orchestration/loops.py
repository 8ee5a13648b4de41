"""What the loops of a script assign and ask, told without following them."""

from __future__ import annotations

import ast
from typing import Final

MOST_NODES: Final = 100_000
"""Nodes that are looked at for a question of `asks`: loops within loops are looked through again and again."""


class Loops:
    """The loops of one script."""

    def __init__(self) -> None:
        self._names: dict[ast.AST, set[str]] = {}
        self._looked_at = 0

    def names_of(self, loop: ast.AST) -> set[str]:
        """The names that a loop assigns. Each loop is looked through once, however many are around it."""
        if loop not in self._names:
            names: set[str] = set()
            rest = list(ast.iter_child_nodes(loop))
            while rest:
                node = rest.pop()
                if isinstance(node, (ast.For, ast.AsyncFor, ast.While)):
                    names |= self.names_of(node)
                    continue
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    names.add(node.id)
                rest.extend(ast.iter_child_nodes(node))
            self._names[loop] = names
        return self._names[loop]

    def asks(self, loop: ast.For | ast.AsyncFor) -> bool:
        """Whether the body compares the loop's variable with something; True too where that is too much to look at."""
        names = {name.id for name in ast.walk(loop.target) if isinstance(name, ast.Name)}
        for inner in (inner for statement in loop.body for inner in ast.walk(statement)):
            self._looked_at += 1
            if self._looked_at > MOST_NODES:
                return True
            if isinstance(inner, (ast.Compare, ast.Match)):
                subject = [inner.left, *inner.comparators] if isinstance(inner, ast.Compare) else [inner.subject]
                if any(isinstance(name, ast.Name) and name.id in names for name in subject):
                    return True
        return False
