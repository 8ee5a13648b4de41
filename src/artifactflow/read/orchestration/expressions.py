"""What an expression stands for, by the names that are known where it stands. `walk.py` builds on it."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Final

from artifactflow.read.orchestration.known_calls import ARGUMENTS, BUILTINS, Call, name_of_callee, result_of
from artifactflow.read.orchestration.members import attribute_of, item_of
from artifactflow.read.orchestration.operators import chosen, combined, compared, decided, signed
from artifactflow.read.orchestration.symbols import (
    ROOT,
    UNKNOWN,
    Constant,
    Entry,
    Handle,
    Imported,
    Items,
    Kind,
    Reference,
    Scope,
    Symbol,
    Table,
    Unknown,
    either,
    items,
    table,
)
from artifactflow.read.orchestration.texts import join
from artifactflow.read.source import Source
from artifactflow.read.spread import spread

MOST_EVALUATIONS: Final = 100_000
"""Expressions that are evaluated before loops and calls are no longer followed."""


class Expressions:
    """Evaluates the expressions of one script in the current `scope`. `evaluations` counts them."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.scope = Scope()
        self.scope.names["__name__"] = Constant("__main__")
        self.scope.names["__file__"] = join(ROOT, Constant("/" + source.file.rpartition("/")[2]))
        self.attributes: dict[tuple[Symbol, str], Symbol] = {}
        self.evaluations = 0
        self._handles = 0

    def handle(self, kind: str) -> Handle:
        """A new object of a kind."""
        self._handles += 1
        return Handle(kind, self._handles)

    def evaluate(self, node: ast.expr) -> Symbol:
        """The symbol of an expression; every call in it is made known on the way."""
        self.evaluations += 1
        match node:
            case ast.Constant(None | str() | int() | float() as value):
                return Constant(value)
            case ast.Name(name):
                return self._name(name)
            case ast.Attribute(value, name):
                return self._attribute(self.evaluate(value), name)
            case ast.Subscript(value, key):
                return item_of(self.evaluate(value), self.evaluate(key))
            case ast.Call():
                return self._call(node)
            case ast.JoinedStr(values):
                return join(*[self.evaluate(value) for value in values])
            case ast.FormattedValue(value, _, None):
                return self.evaluate(value)
            case ast.BinOp(left, operator, right):
                return combined(operator, self.evaluate(left), self.evaluate(right))
            case ast.UnaryOp(operator, operand):
                return signed(operator, self.evaluate(operand))
            case ast.BoolOp(operator, values):
                return decided(operator, [self.evaluate(value) for value in values])
            case ast.Compare(left, [operator], [right]):
                return compared(operator, self.evaluate(left), self.evaluate(right))
            case ast.IfExp(test, body, orelse):
                return chosen(self.evaluate(test), self.evaluate(body), self.evaluate(orelse))
            case ast.Dict(keys, values):
                return self._dict(keys, values)
            case ast.List(elements) | ast.Tuple(elements) | ast.Set(elements):
                found, known = self._spread(elements)
                return items(tuple(found)) if known else UNKNOWN
            case ast.NamedExpr(target, value):
                symbol = self.evaluate(value)
                self.assign(target, symbol)
                return symbol
            case ast.Await(value):
                return self.evaluate(value)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self._comprehension(node)
            case ast.Lambda():
                return UNKNOWN
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.evaluate(child)
        return UNKNOWN

    def _name(self, name: str) -> Symbol:
        symbol = self.scope.get(name)
        if symbol is None:
            return Imported(name) if name in BUILTINS else Reference(Kind.VARIABLE, name)
        # What is not known still has a name, by which a person recognises it.
        return Reference(Kind.VARIABLE, name) if isinstance(symbol, Unknown) else symbol

    def _attribute(self, base: Symbol, name: str) -> Symbol:
        if isinstance(base, Handle) and (base, name) in self.attributes:
            return self.attributes[base, name]
        return attribute_of(base, name)

    def _dict(self, keys: list[ast.expr | None], values: list[ast.expr]) -> Symbol:
        entries: dict[str, Entry] = {}
        complete = True
        for key, value in zip(keys, values, strict=True):
            word, symbol = (self.evaluate(key) if key else None), self.evaluate(value)
            if word is None and isinstance(symbol, Table):
                entries.update(symbol.entries)
                complete = complete and symbol.complete
            elif key is not None and isinstance(word, Constant):
                entries[str(word.value)] = Entry(symbol, self.source.place(key))
            else:
                complete = False
        return table(entries, complete)

    def _spread(self, nodes: list[ast.expr]) -> tuple[list[Symbol], bool]:
        return spread(nodes, self.evaluate, lambda symbol: symbol.items if isinstance(symbol, Items) else None)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Symbol:
        before, self.scope = self.scope, Scope(self.scope)
        found: list[Symbol] | None = None
        iterated: list[Symbol] = []
        for generator in node.generators:
            iterated.append(self.evaluate(generator.iter))
            self.assign(generator.target, UNKNOWN)
            for test in generator.ifs:
                self.evaluate(test)
        if isinstance(node, ast.DictComp):
            self.evaluate(node.key)
            self.evaluate(node.value)
        elif len(iterated) == 1 and isinstance(iterated[0], Items) and not node.generators[0].ifs:
            found = []
            for symbol in iterated[0].items:
                if self.evaluations > MOST_EVALUATIONS:
                    break
                self.assign(node.generators[0].target, symbol)
                found.append(self.evaluate(node.elt))
        else:
            self.evaluate(node.elt)
        self.scope = before
        if found is None or self.evaluations > MOST_EVALUATIONS:
            return UNKNOWN
        return items(tuple(found))

    def _call(self, node: ast.Call) -> Symbol:
        callee = self.evaluate(node.func)
        arguments, complete = self._spread(node.args)
        keywords: dict[str, Entry] = {}
        for keyword in node.keywords:
            symbol = self.evaluate(keyword.value)
            if keyword.arg is not None:
                keywords[keyword.arg] = Entry(symbol, self.source.place(keyword.value))
            elif isinstance(symbol, Table):
                keywords.update(symbol.entries)
                complete = complete and symbol.complete
            else:
                complete = False
        name, receiver = name_of_callee(callee)
        call = Call(name, tuple(arguments), keywords, self.source.place(node), receiver, complete)
        self._changed_in_place(node.func, call)
        return self.called(callee, call)

    def called(self, callee: Symbol, call: Call) -> Symbol:
        """What a call gives."""
        del callee
        return result_of(call)

    def _changed_in_place(self, function: ast.expr, call: Call) -> None:
        """`parameters.update(…)` and `steps.append(…)` give nothing; they change what a name stands for."""
        if not (isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)):
            return
        name = function.value.id
        match call.receiver, function.attr:
            case Table(entries), "update":
                first = call.argument(0)
                more = first.entries if isinstance(first, Table) else {}
                complete = call.receiver.complete and call.complete and (first is None or isinstance(first, Table))
                self.scope.names[name] = table({**entries, **more, **call.keywords}, complete)
            case Items(elements), "append" if call.arguments:
                self.scope.names[name] = items((*elements, call.arguments[0]))
            case Items(), "extend" | "insert" | "remove" | "pop" | "clear":
                self.scope.names[name] = UNKNOWN

    def assign(self, target: ast.expr, symbol: Symbol) -> None:
        """Give what stands on the left of `=` its symbol."""
        match target:
            case ast.Name(name):
                self.scope.names[name] = symbol
            case ast.Tuple(elements) | ast.List(elements):
                parts = symbol.items if isinstance(symbol, Items) and len(symbol.items) == len(elements) else None
                for index, element in enumerate(elements):
                    self.assign(element, parts[index] if parts else UNKNOWN)
            case ast.Starred(value):
                self.assign(value, UNKNOWN)
            case ast.Attribute(value, name):
                base = self.evaluate(value)
                if isinstance(base, Handle):
                    before = self.attributes.get((base, name))
                    if before is None and base == ARGUMENTS:
                        before = Reference(Kind.PARAMETER, name)
                    self.attributes[base, name] = symbol if before is None else either(before, symbol)
            case ast.Subscript(ast.Name(name) as value, key):
                base, word = self.evaluate(value), self.evaluate(key)
                if isinstance(base, Table):
                    entries, complete = dict(base.entries), False
                    if isinstance(word, Constant):
                        entries[str(word.value)] = Entry(symbol, self.source.place(key))
                        complete = base.complete
                    self.scope.names[name] = table(entries, complete)

    def forget(self, names: Iterable[str]) -> None:
        """Names that a loop assigns are not known at its beginning: an earlier turn may have changed them."""
        for name in names:
            self.scope.names[name] = UNKNOWN
