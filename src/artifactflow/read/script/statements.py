"""Follows a script's statements without running them: what a name stands for when a call is reached.

Statements are taken in order and functions of the script where they are called, so that a parser made by one function
and filled by another is one parser. Where both ways of an `if` are possible both are followed, each in a *block* of
its own: what happens inside a block may not happen at all. The work is bounded, in steps and in depth.
"""

from __future__ import annotations

import ast
from collections import ChainMap
from collections.abc import Callable, Iterable, MutableMapping
from functools import partial
from itertools import count
from typing import Final, Literal

from artifactflow.read.script.constants import Evaluator
from artifactflow.read.script.module_constants import Module, bound_names, qualified_name
from artifactflow.read.script.script_objects import Class, Frame, Function, Instance
from artifactflow.read.script.static_values import (
    UNKNOWN,
    Imported,
    Members,
    elements_of,
    is_scalar,
    truth_of,
    unpacked,
)
from artifactflow.read.source import imported_names

MOST_TURNS: Final = 200
"""Turns of a loop over a list that stands in the script."""

Flow = Literal["return", "break", "exit"] | None
_EXITS: Final = frozenset({"sys.exit", "builtins.exit", "builtins.quit", "os._exit"})


class Statements(Evaluator):
    """Follows statements one by one, in the current `scope`: the names of the function, then those of its module."""

    def __init__(self, module: Module, steps: int) -> None:
        self.module = module
        self.scope: ChainMap[str, object] = ChainMap({}, dict(module.names))
        super().__init__(self.scope, steps)
        self.blocks: tuple[int, ...] = ()
        self.frame = Frame()
        self._ids = count(1)

    def new_block(self) -> int:
        """The number of a block that nothing else is in."""
        return next(self._ids)

    def block(self, body: Iterable[ast.stmt]) -> Flow:
        """Follow statements; tells what kept the last of them from being reached."""
        for statement in body:
            self.steps -= 1
            handler: Callable[..., Flow] | None = getattr(self, f"_on_{type(statement).__name__.lower()}", None)
            flow = handler(statement) if handler else self._on_other(statement)
            if flow:
                return flow
        return None

    def maybe(self, *ways: Callable[[], Flow]) -> Flow:
        """Follow several ways of which one, or none, is taken. Afterwards a name is known where all ways agree."""
        before, blocks = dict(self.scope.maps[0]), self.blocks
        ends: list[tuple[Flow, dict[str, object]]] = []
        for way in ways:
            self.steps -= len(before)
            self._restore(before)
            self.blocks = (*blocks, self.new_block())
            ends.append((way(), dict(self.scope.maps[0])))
        self.blocks = blocks
        flows = [flow for flow, _ in ends]
        going = [names for flow, names in ends if flow is None] or [names for _, names in ends]
        merged = dict(going[0])
        for names in going[1:]:
            for name in merged.keys() | names.keys():
                merged[name] = _agreed(merged.get(name, UNKNOWN), names.get(name, UNKNOWN))
        self._restore(merged)
        if None not in flows:
            return flows[0] if len(set(flows)) == 1 else "return"
        if "return" in flows or "break" in flows:
            self.blocks = (*blocks, self.new_block())  # what follows may not be reached
        return None

    def _restore(self, names: dict[str, object]) -> None:
        self.scope.maps[0].clear()
        self.scope.maps[0].update(names)

    def bind(self, name: str, value: object) -> None:
        """Let a name stand for a value from here on."""
        if isinstance(value, (list, dict, set)) and name in self.module.changed:
            value = UNKNOWN
        scope: MutableMapping[str, object] = self.scope.maps[0]
        if name in self.frame.shared:
            scope = self.scope.maps[-2]
        scope[name] = value

    def assign(self, target: ast.expr, value: object) -> None:
        """`target = value`."""
        match target:
            case ast.Name(name):
                self.bind(name, value)
            case ast.Tuple(parts) | ast.List(parts):
                for part, each in zip(parts, unpacked(value, len(parts)), strict=True):
                    self.assign(part, each)
            case ast.Starred(part):
                self.assign(part, UNKNOWN)
            case ast.Attribute(receiver, name):
                self.store(self.value(receiver), name, value)
            case ast.Subscript(receiver, key):
                self.store_item(self.value(receiver), self.value(key))

    def store(self, receiver: object, name: str, value: object) -> None:
        """`receiver.name = value`."""
        if isinstance(receiver, Instance):
            certain = name not in receiver.attributes or not self.blocks
            receiver.attributes[name] = value if certain else _agreed(receiver.attributes[name], value)

    def store_item(self, receiver: object, key: object) -> None:
        """`receiver[key] = value`."""

    def _on_other(self, statement: ast.stmt) -> Flow:
        self._parts(statement)
        return None

    def _on_expr(self, statement: ast.Expr) -> Flow:
        self.value(statement.value)
        call = statement.value
        return "exit" if isinstance(call, ast.Call) and qualified_name(call.func, self.names) in _EXITS else None

    def _on_assign(self, statement: ast.Assign) -> Flow:
        value = self.value(statement.value)
        for target in statement.targets:
            self.assign(target, value)
        return None

    def _on_annassign(self, statement: ast.AnnAssign) -> Flow:
        if statement.value:
            self.assign(statement.target, self.value(statement.value))
        return None

    def _on_augassign(self, statement: ast.AugAssign) -> Flow:
        self.value(statement.value)
        self.assign(statement.target, UNKNOWN)
        return None

    def _on_if(self, statement: ast.If) -> Flow:
        truth = truth_of(self.value(statement.test))
        if truth is None:
            return self.maybe(lambda: self.block(statement.body), lambda: self.block(statement.orelse))
        return self.block(statement.body if truth else statement.orelse)

    def _on_for(self, statement: ast.For | ast.AsyncFor) -> Flow:
        elements = elements_of(self.value(statement.iter))
        if elements is None or len(elements) > MOST_TURNS:
            return self._some_turns(statement)
        blocks = self.blocks
        for element in elements:
            self.assign(statement.target, element)
            flow = self.block(statement.body)
            if flow in {"return", "exit"}:
                return flow
        self.blocks = blocks
        return self.block(statement.orelse)

    _on_asyncfor = _on_for

    def _some_turns(self, statement: ast.For | ast.AsyncFor | ast.While) -> Flow:
        for part in [*statement.body, *([] if isinstance(statement, ast.While) else [statement.target])]:
            for name in bound_names(part):  # an earlier turn may have changed it
                self.bind(name, UNKNOWN)
        blocks = self.blocks
        flow = self.maybe(lambda: self.block(statement.body), lambda: None)
        self.blocks = self.blocks if flow == "return" else blocks
        return self.block(statement.orelse)

    def _on_while(self, statement: ast.While) -> Flow:
        self.value(statement.test)
        return self._some_turns(statement)

    def _on_with(self, statement: ast.With | ast.AsyncWith) -> Flow:
        for item in statement.items:
            self.value(item.context_expr)
            if item.optional_vars:
                self.assign(item.optional_vars, UNKNOWN)
        return self.block(statement.body)

    _on_asyncwith = _on_with

    def _on_try(self, statement: ast.Try) -> Flow:
        flow = self.block(statement.body)
        handlers = [partial(self.block, handler.body) for handler in statement.handlers]
        if handlers:
            flow = self.maybe(lambda: flow or self.block(statement.orelse), *handlers)
        else:
            flow = flow or self.block(statement.orelse)
        return self.block(statement.finalbody) or flow

    _on_trystar = _on_try

    def _on_match(self, statement: ast.Match) -> Flow:
        self.value(statement.subject)
        return self.maybe(lambda: None, *[partial(self.block, case.body) for case in statement.cases])

    def _on_functiondef(self, statement: ast.FunctionDef | ast.AsyncFunctionDef) -> Flow:
        for decorator in statement.decorator_list:
            self.value(decorator)
        self.bind(statement.name, Function(statement, self.module, self.scope))
        return None

    _on_asyncfunctiondef = _on_functiondef

    def _on_classdef(self, statement: ast.ClassDef) -> Flow:
        known = self.module.names.get(statement.name)
        if not (isinstance(known, Members) and known.enum):
            bases = tuple(qualified_name(base, self.names) for base in statement.bases)
            self.bind(statement.name, Class(statement, self.module, self.scope, bases))
        return None

    def _on_return(self, statement: ast.Return) -> Flow:
        self.frame.returns.append(self.value(statement.value) if statement.value else None)
        return "return"

    def _on_raise(self, statement: ast.Raise) -> Flow:
        self._parts(statement)
        return "exit"

    def _on_break(self, _: ast.Break) -> Flow:
        return "break"

    _on_continue = _on_break

    def _on_global(self, statement: ast.Global) -> Flow:
        self.frame.shared.update(statement.names)
        return None

    def _on_import(self, statement: ast.Import | ast.ImportFrom) -> Flow:
        for name, origin in imported_names(statement).items():
            self.bind(name, Imported(origin))
        return None

    _on_importfrom = _on_import

    def _namedexpr(self, node: ast.NamedExpr) -> object:
        value = self.value(node.value)
        self.assign(node.target, value)
        return value


def _agreed(left: object, right: object) -> object:
    """What a name stands for after two ways: what both say, or UNKNOWN."""
    same = left is right or (is_scalar(left) and type(left) is type(right) and left == right)
    return left if same else UNKNOWN
