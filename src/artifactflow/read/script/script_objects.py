"""What the statements of a script define, while it is followed: functions, classes and their instances."""

from __future__ import annotations

import ast
from collections import ChainMap
from dataclasses import dataclass, field

from artifactflow.read.script.module_constants import Module


@dataclass(frozen=True, eq=False)
class Function:
    """A function of the script and the names that it sees; `receiver` where it is a method of something."""

    node: ast.FunctionDef | ast.AsyncFunctionDef
    module: Module
    names: ChainMap[str, object]
    receiver: object = None


@dataclass(frozen=True, eq=False)
class Class:
    """A class of the script. `bases` are the full names of its bases."""

    node: ast.ClassDef
    module: Module
    names: ChainMap[str, object]
    bases: tuple[str, ...]

    def method(self, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
        """The method that the class itself defines."""
        for statement in self.node.body:
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) and statement.name == name:
                return statement
        return None


@dataclass(frozen=True, eq=False)
class Instance:
    """An object of a class of the script, with the attributes that were set on it."""

    owner: Class
    attributes: dict[str, object] = field(default_factory=dict)


@dataclass
class Frame:
    """One call that is followed: what it returns, the module's names that it sets, whether it is a generator."""

    returns: list[object] = field(default_factory=list)
    shared: set[str] = field(default_factory=set)
    generates: bool = False
