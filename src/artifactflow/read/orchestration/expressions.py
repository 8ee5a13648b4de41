"""What an expression stands for, by the names that are known where it stands. `walk.py` builds on it."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable
from typing import Final

from artifactflow.read.orchestration.known_calls import ARGUMENTS, BUILTINS, Call, item_of, result_of
from artifactflow.read.orchestration.symbols import (
    ROOT,
    UNKNOWN,
    Class,
    Constant,
    Entry,
    Function,
    Handle,
    Imported,
    Items,
    Joined,
    Kind,
    Method,
    Reference,
    Scope,
    Symbol,
    Table,
    Unknown,
    either,
    items,
    table,
)
from artifactflow.read.orchestration.texts import join, join_path, last_part, parent
from artifactflow.read.script import constants
from artifactflow.read.source import Source

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
            case ast.Constant(value):
                known = value is None or isinstance(value, (str, int, float))
                return Constant(value) if known else UNKNOWN  # type: ignore[arg-type]
            case ast.Name(name):
                return self._name(name)
            case ast.Attribute(value, name):
                return self._attribute(self.evaluate(value), name)
            case ast.Subscript(value, key):
                return self._item(self.evaluate(value), self.evaluate(key))
            case ast.Call():
                return self._call(node)
            case ast.JoinedStr(values):
                return join(*[self.evaluate(value) for value in values])
            case ast.FormattedValue(value, _, None):
                return self.evaluate(value)
            case ast.BinOp(left, operator, right):
                return self.operation(operator, self.evaluate(left), self.evaluate(right))
            case ast.UnaryOp(operator, operand):
                return _constant(ast.UnaryOp(operator, _node(self.evaluate(operand))))
            case ast.BoolOp(operator, values):
                return self._all_or_any(operator, [self.evaluate(value) for value in values])
            case ast.Compare(left, [operator], [right]):
                return _compared(operator, self.evaluate(left), self.evaluate(right))
            case ast.IfExp(test, body, orelse):
                return self._choice(self.evaluate(test), self.evaluate(body), self.evaluate(orelse))
            case ast.Dict(keys, values):
                return self._dict(keys, values)
            case ast.List(elements) | ast.Tuple(elements) | ast.Set(elements):
                return self._elements(elements)
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
        match base:
            case Imported(module):
                return Imported(f"{module}.{name}")
            case Reference(Kind.CONFIG, key):
                return Reference(Kind.CONFIG, f"{key}.{name}" if key else name)
            case Reference(Kind.RUN | Kind.VARIABLE as kind, owner):
                return Reference(kind, f"{owner}.{name}")
            case Handle("arguments") if name != "get":
                return Reference(Kind.PARAMETER, name)
            case Constant(str()) | Joined() | Reference() if name == "parent":
                return parent(base)
            case Constant(str()) | Joined() if name == "name":
                return last_part(base)
        return Method(base, name)

    def _item(self, base: Symbol, key: Symbol) -> Symbol:
        if isinstance(base, Method) and base.name == "parents" and isinstance(key, Constant):
            found = base.receiver
            for _ in range(min(key.value, 20) + 1 if isinstance(key.value, int) else 0):
                found = parent(found)
            return found
        if isinstance(base, Imported) and isinstance(key, Constant):
            if base.name == "os.environ":
                return Reference(Kind.VARIABLE, str(key.value))
            if base.name == "sys.argv":
                return Reference(Kind.VARIABLE, f"sys.argv[{key.value}]")
        return item_of(base, key)

    def operation(self, operator: ast.operator, left: Symbol, right: Symbol) -> Symbol:
        """What `left operator right` gives."""
        match operator, left, right:
            case ast.Add(), Items(first), Items(second):
                return items((*first, *second))
            case ast.BitOr(), Table(first), Table(second):
                return table({**first, **second}, left.complete and right.complete)
            case ast.Mod(), Constant(str(text)), _ if "%%" not in text:
                values = right.items if isinstance(right, Items) else (right,)
                if text.count("%") != len(values) or text.count("%s") != len(values):
                    return UNKNOWN
                texts = text.split("%s")
                alternating: list[Symbol] = [Constant(texts[0])]
                for value, rest in zip(values, texts[1:], strict=True):
                    alternating += [value, Constant(rest)]
                return join(*alternating)
            case _, Constant(), Constant() if not (isinstance(operator, ast.Div) and isinstance(left.value, str)):
                return _constant(ast.BinOp(_node(left), operator, _node(right)))
            case ast.Add(), _, _:
                return join(left, right)
            case ast.Div(), _, _:
                return join_path(left, right)
        return UNKNOWN

    def _all_or_any(self, operator: ast.boolop, symbols: list[Symbol]) -> Symbol:
        for symbol in symbols[:-1]:
            if not isinstance(symbol, Constant):
                return UNKNOWN
            if bool(symbol.value) is isinstance(operator, ast.Or):
                return symbol
        return symbols[-1]

    def _choice(self, test: Symbol, body: Symbol, orelse: Symbol) -> Symbol:
        if isinstance(test, Constant):
            return body if test.value else orelse
        return either(body, orelse)

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

    def _elements(self, elements: list[ast.expr]) -> Symbol:
        found: list[Symbol] = []
        known = True
        for element in elements:
            symbol = self.evaluate(element.value if isinstance(element, ast.Starred) else element)
            if not isinstance(element, ast.Starred):
                found.append(symbol)
            elif isinstance(symbol, Items):
                found.extend(symbol.items)
            else:
                known = False
        return items(tuple(found)) if known else UNKNOWN

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
        arguments: list[Symbol] = []
        keywords: dict[str, Entry] = {}
        complete = True
        for argument in node.args:
            symbol = self.evaluate(argument.value if isinstance(argument, ast.Starred) else argument)
            if not isinstance(argument, ast.Starred):
                arguments.append(symbol)
            elif isinstance(symbol, Items):
                arguments.extend(symbol.items)
            else:
                complete = False
        for keyword in node.keywords:
            symbol = self.evaluate(keyword.value)
            if keyword.arg is not None:
                keywords[keyword.arg] = Entry(symbol, self.source.place(keyword.value))
            elif isinstance(symbol, Table):
                keywords.update(symbol.entries)
                complete = complete and symbol.complete
            else:
                complete = False
        name, receiver = _callee_name(callee)
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


def _callee_name(callee: Symbol) -> tuple[str, Symbol]:
    match callee:
        case Imported(name):
            return name, UNKNOWN
        case Method(Handle(kind) as receiver, name):
            return f"{kind}.{name}", receiver
        case Method(receiver, name):
            return f".{name}", receiver
        case Reference(Kind.CONFIG | Kind.RUN | Kind.VARIABLE as kind, key):
            # A method of what is known by name only: `config["etl"].get`, `run.wait`.
            base, _, method = key.rpartition(".")
            return f".{method}", Reference(kind, base)
        case Function(node) | Class(node):
            return node.name, UNKNOWN
    return "", UNKNOWN


def _node(symbol: Symbol) -> ast.expr:
    """A constant as syntax; what is no constant becomes a name that nothing defines."""
    return ast.Constant(symbol.value) if isinstance(symbol, Constant) else ast.Name("?", ast.Load())


def _constant(node: ast.expr) -> Symbol:
    """What an expression of constants gives."""
    value = constants.evaluate(node, {})
    if isinstance(value, float) and not math.isfinite(value):
        return UNKNOWN
    return Constant(value) if value is None or isinstance(value, (str, int, float)) else UNKNOWN


def _compared(operator: ast.cmpop, left: Symbol, right: Symbol) -> Symbol:
    if isinstance(right, Items) and isinstance(operator, (ast.In, ast.NotIn)) and isinstance(left, Constant):
        if all(isinstance(symbol, Constant) for symbol in right.items):
            return Constant((left in right.items) is isinstance(operator, ast.In))
        return UNKNOWN
    if isinstance(left, Constant) and isinstance(right, Constant):
        return _constant(ast.Compare(_node(left), [operator], [_node(right)]))
    return UNKNOWN
