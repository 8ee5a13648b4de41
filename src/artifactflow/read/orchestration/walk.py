"""Follow a script from top to bottom without running it, and tell an observer of every call.

Statements are taken in order, functions of the script where they are called (so that a name passed from `main` is known
inside), both branches of an `if` one after the other, a loop over a list that stands in the source once for each item.
The work is bounded: past `MOST_EVALUATIONS` no call and no loop is followed any further, and their values are unknown.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from artifactflow.errors import ContractError
from artifactflow.read.orchestration.expressions import MOST_EVALUATIONS, Expressions
from artifactflow.read.orchestration.gates import gate_of, gate_of_pattern
from artifactflow.read.orchestration.known_calls import Call
from artifactflow.read.orchestration.loops import Loops
from artifactflow.read.orchestration.operators import combined
from artifactflow.read.orchestration.parameters import bound_parameters
from artifactflow.read.orchestration.symbols import (
    UNKNOWN,
    Class,
    Constant,
    Function,
    Handle,
    Imported,
    Items,
    Kind,
    Method,
    Reference,
    Scope,
    Symbol,
    Table,
    either,
    items,
)
from artifactflow.read.orchestration.texts import literal_of
from artifactflow.read.source import Source, imported_names

Observer = Callable[[Call], Symbol | None]
"""Is told of each call, and may say what it gives; None leaves that to the rest."""

MOST_CALLS_DEEP: Final = 8

_command_callers: Final = {"typer.run", "fire.Fire", "artifactflow.run"}


class Walker(Expressions):
    """One walk over one script.

    `gates` are the step names of the `if`s around what is being read, `modules` the top names of what it imports.
    `config_items` may be set to tell the items of a list in the config by its key path.
    """

    def __init__(self, source: Source, observer: Observer) -> None:
        super().__init__(source)
        self.observer = observer
        self.gates: list[str] = []
        self.modules: set[str] = set()
        self.config_items: Callable[[str], tuple[Symbol, ...] | None] = lambda _: None
        self._functions: list[Function] = []
        self._walked: set[ast.AST] = set()
        self._active: list[ast.AST] = []
        self._returned: list[list[Symbol]] = []
        self._loops = Loops()

    def walk(self) -> None:
        """Follow the module, then each function that nothing in it called.

        Raises ContractError where the script is nested deeper than can be followed.
        """
        try:
            self.statements(self.source.tree.body)
            # The list grows on the way, by functions that are defined in functions.
            for function in self._functions:
                if function.node not in self._walked:
                    self._inline(function, Call("", (), {}, self.source.place(function.node)))
        except RecursionError:
            raise ContractError("the script is nested too deeply to be read", place=self.source.start) from None

    def statements(self, body: Iterable[ast.stmt]) -> None:
        """Follow statements in order."""
        for statement in body:
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Import() | ast.ImportFrom():
                self._import(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self.scope.names[node.name] = self._function(node)
            case ast.ClassDef():
                self._class(node)
            case ast.Assign(targets, value):
                symbol = self.evaluate(value)
                for target in targets:
                    self.assign(target, symbol)
            case ast.AnnAssign(target, _, value) if value is not None:
                self.assign(target, self.evaluate(value))
            case ast.AugAssign(target, operator, value):
                self.assign(target, combined(operator, self.evaluate(target), self.evaluate(value)))
            case ast.If():
                self._if(node)
            case ast.For() | ast.AsyncFor():
                self._for(node)
            case ast.While(test, body, orelse):
                self.forget(self._loops.names_of(node))
                self.evaluate(test)
                self._branches([body])
                self.statements(orelse)
            case ast.With(with_items, body) | ast.AsyncWith(with_items, body):
                self._with(with_items, body)
            case ast.Try(body, handlers, orelse, final) | ast.TryStar(body, handlers, orelse, final):
                self.statements([*body, *orelse])
                self._branches([handler.body for handler in handlers])
                self.statements(final)
            case ast.Match(subject, cases):
                self.evaluate(subject)
                self._branches([case.body for case in cases], [gate_of_pattern(case) for case in cases])
            case ast.Return(value):
                symbol = self.evaluate(value) if value else Constant(None)
                if self._returned:
                    self._returned[-1].append(symbol)
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self.evaluate(child)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        self.scope.names.update({name: Imported(origin) for name, origin in imported_names(node).items()})
        if isinstance(node, ast.Import):
            self.modules.update(alias.name.partition(".")[0] for alias in node.names)
        elif node.module and not node.level:
            self.modules.add(node.module.partition(".")[0])

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, instance: Handle | None = None) -> Function:
        role = ""
        for decorator in node.decorator_list:
            name = self._dotted(decorator.func if isinstance(decorator, ast.Call) else decorator)
            self.evaluate(decorator)
            if name == "hydra.main":
                role = "hydra"
            elif name.startswith("click.") or name.rpartition(".")[2] in {"command", "callback"}:
                role = "command"
        function = Function(node, self.scope, role, instance)
        self._functions.append(function)
        return function

    def _dotted(self, node: ast.expr) -> str:
        symbol = self.evaluate(node)
        if isinstance(symbol, Imported):
            return symbol.name
        return f".{symbol.name}" if isinstance(symbol, Method) else ""

    def _class(self, node: ast.ClassDef) -> None:
        instance = self.handle(f"instance {node.name}")
        methods = {}
        with self._new_scope(Scope(self.scope)) as scope:
            for statement in node.body:
                if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    methods[statement.name] = self._function(statement, instance)
                    self.attributes[instance, statement.name] = methods[statement.name]
                else:
                    self._statement(statement)
            for name, symbol in scope.names.items():
                self.attributes[instance, name] = symbol
        self.scope.names[node.name] = Class(node, instance, methods)

    def _if(self, node: ast.If) -> None:
        bodies: list[list[ast.stmt]] = []
        gates: list[str | None] = []
        rest: list[ast.stmt] = [node]
        # An `elif` is an `if` alone in the other's else: a chain of them is taken as one statement of many branches.
        while len(rest) == 1 and isinstance(rest[0], ast.If):
            clause = rest[0]
            test = self.evaluate(clause.test)
            rest = clause.orelse
            if test == Constant(False):
                continue
            bodies.append(clause.body)
            gates.append(gate_of(clause.test, self.evaluate))
            if test == Constant(True):
                rest = []
                break
        else:
            bodies.append(rest)
            gates.append(None)
        if len(bodies) == 1:
            with self._gated(gates[0]):
                self.statements(bodies[0])
        else:
            self._branches(bodies, gates, may_skip=False)

    def _branches(
        self, bodies: list[list[ast.stmt]], gates: list[str | None] | None = None, may_skip: bool = True
    ) -> None:
        scopes = [Scope(self.scope)] if may_skip else []
        for body, gate in zip(bodies, gates or [None] * len(bodies), strict=True):
            with self._new_scope(Scope(self.scope)) as scope, self._gated(gate):
                self.statements(body)
            scopes.append(scope)
        self.scope.merge(scopes)

    @contextmanager
    def _gated(self, gate: str | None) -> Iterator[None]:
        if gate is None:
            yield
            return
        self.gates.append(gate)
        yield
        self.gates.pop()

    @contextmanager
    def _new_scope(self, scope: Scope) -> Iterator[Scope]:
        before, self.scope = self.scope, scope
        yield scope
        self.scope = before

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        iterated = self.evaluate(node.iter)
        if isinstance(iterated, Table) and iterated.complete:
            iterated = items(tuple(Constant(key) for key in iterated.entries))
        found = iterated.items if isinstance(iterated, Items) else None
        # Where the body asks which step it has, a config's list of steps is what runs by default, not what can run.
        if isinstance(iterated, Reference) and iterated.kind is Kind.CONFIG and not self._loops.asks(node):
            found = self.config_items(iterated.name)
        if found is None:
            self.forget(self._loops.names_of(node))
            self.assign(node.target, UNKNOWN)
            self._branches([node.body])
        else:
            for symbol in found:
                if self.evaluations > MOST_EVALUATIONS:
                    break
                self.assign(node.target, symbol)
                # A step that the config lists is run because the config lists it.
                with self._gated(literal_of(symbol) if isinstance(iterated, Reference) else None):
                    self.statements(node.body)
        self.statements(node.orelse)

    def _with(self, with_items: list[ast.withitem], body: list[ast.stmt]) -> None:
        entered = []
        for item in with_items:
            symbol = self.evaluate(item.context_expr)
            place = self.source.place(item.context_expr)
            if isinstance(symbol, Handle):
                entered.append((symbol, place))
                self.observer(Call(f"{symbol.kind}.__enter__", (), {}, place, symbol))
            if item.optional_vars is not None:
                self.assign(item.optional_vars, symbol)
        self.statements(body)
        for symbol, place in reversed(entered):
            self.observer(Call(f"{symbol.kind}.__exit__", (), {}, place, symbol))

    def called(self, callee: Symbol, call: Call) -> Symbol:
        """What a call gives: what the observer says, what the script's own function returns, or what is known of it."""
        match callee:
            case Function():
                return self._inline(callee, call)
            case Class(_, instance, methods):
                if "__init__" in methods:
                    self._inline(methods["__init__"], call)
                return instance
        observed = self.observer(call)
        if observed is not None:
            return observed
        if call.name in _command_callers and call.arguments and isinstance(call.arguments[0], Function):
            function = call.arguments[0]
            return self._inline(Function(function.node, function.scope, "command"), Call("", (), {}, call.place))
        return super().called(callee, call)

    def _inline(self, function: Function, call: Call) -> Symbol:
        node = function.node
        self._walked.add(node)
        too_much = len(self._active) >= MOST_CALLS_DEEP or self.evaluations > MOST_EVALUATIONS
        if node in self._active or (too_much and self._active):
            return UNKNOWN
        self._active.append(node)
        self._returned.append([])
        with self._new_scope(Scope(function.scope)) as scope:
            scope.names.update(bound_parameters(function, call, self.evaluate))
            self.statements(node.body)
        self._active.pop()
        returned = self._returned.pop()
        if not returned:
            return Constant(None)
        result = returned[0]
        for symbol in returned[1:]:
            result = either(result, symbol)
        return result
