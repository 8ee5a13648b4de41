"""What an expression of a script is worth, told from its text alone.

`evaluate` knows literals, names of constants, f-strings, simple arithmetic, `os.path` and `pathlib` paths, tuples,
lists, dicts, comprehensions over constants, `range`, and the members of enums and plain classes. Anything else is
UNKNOWN: a value is never guessed, and nothing is run or imported. Every size is bounded, so that a hostile
expression (`9 ** 9 ** 9`, `"a" * 10 ** 9`) costs nothing.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final

from artifactflow.read.script.pure_functions import (
    FUNCTIONS,
    arithmetic,
    attempt,
    bounded,
    call_method,
    compared,
    signed,
)
from artifactflow.read.script.static_values import (
    UNKNOWN,
    Arguments,
    Bound,
    EnumMember,
    Imported,
    Layered,
    Members,
    elements_of,
    is_constant,
    is_scalar,
    truth_of,
)
from artifactflow.read.spread import spread

DEEPEST: Final = 80
"""How deep an expression may nest before it is UNKNOWN."""


class TooMuch(Exception):  # noqa: N818 - not an error: following stops here, and what was left is unknown
    """The budget of steps is spent."""


def evaluate(node: ast.expr, names: Mapping[str, object]) -> object:
    """The constant that an expression is worth, or UNKNOWN. `names` are the names it may use and their values.

    >>> tree = ast.parse("os.path.join(ROOT, f'run_{2 + 1}')", mode="eval")
    >>> evaluate(tree.body, {"os": Imported("os"), "ROOT": "data"})
    'data/run_3'
    >>> evaluate(ast.parse("os.getcwd()", mode="eval").body, {"os": Imported("os")})
    UNKNOWN
    """
    try:
        found = Evaluator(names).value(node)
    except TooMuch:
        return UNKNOWN
    return found if is_constant(found) else UNKNOWN


class Evaluator:
    """Follows one expression. `argparse_script` extends it by the values that only a script has: parsers, functions."""

    def __init__(self, names: Mapping[str, object], steps: int = 20_000) -> None:
        self.names = names
        self.steps = steps
        self.depth = 0

    def value(self, node: ast.expr) -> object:
        """What `node` is worth. Every part is looked at, also where the whole is UNKNOWN."""
        self.steps -= 1
        if self.steps < 0:
            raise TooMuch
        handler: Callable[[Any], object] | None = getattr(self, f"_{type(node).__name__.lower()}", None)
        if handler is None or self.depth > DEEPEST:
            return self._parts(node)
        self.depth += 1
        try:
            return bounded(handler(node))
        finally:
            self.depth -= 1

    def attribute(self, value: object, name: str, _node: ast.Attribute) -> object:
        """What `value.name` is worth."""
        match value:
            case Imported():
                return Imported(f"{value.name}.{name}")
            case EnumMember() if name in {"name", "value"}:
                return value.name if name == "name" else value.value
            case Members():
                return value.values.get(name, UNKNOWN)
            case PurePosixPath() if name in {"parent", "name", "stem", "suffix", "parents", "parts"}:
                found = getattr(value, name)
                return list(found) if name == "parents" else found
        return Bound(value, name) if is_constant(value) else UNKNOWN

    def call(self, callee: object, arguments: Arguments, _node: ast.Call) -> object:
        """What calling `callee` gives: known for the pure functions and methods listed below, on known arguments."""
        if callee == Imported("builtins.dict") and not arguments.positional and not arguments.open:
            return dict(arguments.keywords)  # whatever it holds: `dict(type=int)`
        given = [*arguments.positional, *arguments.keywords.values()]
        if arguments.open or not all(is_constant(each) or isinstance(each, Members) for each in given):
            return UNKNOWN
        if isinstance(callee, Imported):
            function = FUNCTIONS.get(callee.name)
            return attempt(function, *arguments.positional, **arguments.keywords) if function else UNKNOWN
        if isinstance(callee, Bound):
            return attempt(call_method, callee, *arguments.positional, **arguments.keywords)
        return UNKNOWN

    def arguments(self, node: ast.Call) -> Arguments:
        """What a call is given, with known `*x` and `**x` spread out."""
        positional, known = spread(node.args, self.value, _listed)
        found = Arguments(positional, open=not known)
        for keyword in node.keywords:
            value = self.value(keyword.value)
            if keyword.arg is not None:
                found.keywords[keyword.arg] = value
            elif isinstance(value, dict) and all(isinstance(key, str) for key in value):
                found.keywords.update(value)
            else:
                found.open = True
        return found

    def _parts(self, node: ast.AST) -> object:
        for child in ast.iter_child_nodes(node):
            if self.depth > DEEPEST:
                break  # what lies deeper than anyone writes is not looked at
            self.depth += 1
            try:
                if isinstance(child, ast.expr):
                    self.value(child)
                else:
                    self._parts(child)
            finally:
                self.depth -= 1
        return UNKNOWN

    def _constant(self, node: ast.Constant) -> object:
        return UNKNOWN if node.value is Ellipsis or isinstance(node.value, complex) else node.value

    def _name(self, node: ast.Name) -> object:
        return self.names[node.id] if node.id in self.names else Imported(f"builtins.{node.id}")

    def _attribute(self, node: ast.Attribute) -> object:
        return self.attribute(self.value(node.value), node.attr, node)

    def _call(self, node: ast.Call) -> object:
        callee = self.value(node.func)
        return self.call(callee, self.arguments(node), node)

    def _joinedstr(self, node: ast.JoinedStr) -> object:
        parts = [self.value(part) for part in node.values]
        return "".join(map(str, parts)) if all(isinstance(part, str) for part in parts) else UNKNOWN

    def _formattedvalue(self, node: ast.FormattedValue) -> object:
        value = self.value(node.value)
        spec = self.value(node.format_spec) if node.format_spec else ""
        # An enum's text differs between Python versions; a wide spec would be a bomb.
        if not is_scalar(value) or isinstance(value, EnumMember) or not isinstance(spec, str) or len(spec) > 4:
            return UNKNOWN
        convert: dict[int, Callable[[object], object]] = {114: repr, 115: str, 97: ascii}
        return attempt(lambda: format(convert.get(node.conversion, _same)(value), spec))

    def _binop(self, node: ast.BinOp) -> object:
        left, right = self.value(node.left), self.value(node.right)
        return attempt(arithmetic, node.op, left, right)

    def _unaryop(self, node: ast.UnaryOp) -> object:
        return signed(node.op, self.value(node.operand))

    def _boolop(self, node: ast.BoolOp) -> object:
        values = [self.value(part) for part in node.values]
        for value in values[:-1]:
            truth = truth_of(value)
            if truth is None:
                return UNKNOWN
            if truth is isinstance(node.op, ast.Or):
                return value
        return values[-1]

    def _compare(self, node: ast.Compare) -> object:
        left, *rest = [self.value(node.left), *(self.value(part) for part in node.comparators)]
        if len(rest) != 1:
            return UNKNOWN
        return attempt(compared, node.ops[0], left, rest[0])

    def _ifexp(self, node: ast.IfExp) -> object:
        truth = truth_of(self.value(node.test))
        body, orelse = self.value(node.body), self.value(node.orelse)
        return UNKNOWN if truth is None else body if truth else orelse

    def _list(self, node: ast.List) -> object:
        values = self._elements(node.elts)
        return UNKNOWN if values is None else values

    def _tuple(self, node: ast.Tuple) -> object:
        # A tuple keeps what it knows: `args, rest = parser.parse_known_args()`.
        values = self._elements(node.elts)
        return UNKNOWN if values is None else tuple(values)

    def _set(self, node: ast.Set) -> object:
        values = self._elements(node.elts)
        return set(values) if values is not None and all(map(is_scalar, values)) else UNKNOWN

    def _elements(self, nodes: list[ast.expr]) -> list[object] | None:
        found, known = spread(nodes, self.value, _listed)
        return found if known else None

    def _dict(self, node: ast.Dict) -> object:
        found: dict[object, object] = {}
        known = True
        for key, value in zip(node.keys, node.values, strict=True):
            word, each = (UNKNOWN if key is None else self.value(key)), self.value(value)
            if key is None and isinstance(each, dict):
                found.update(each)
            elif word is not UNKNOWN and is_scalar(word):
                found[word] = each
            else:
                known = False
        return found if known else UNKNOWN

    def _subscript(self, node: ast.Subscript) -> object:
        return self.item(self.value(node.value), self.value(node.slice), node)

    def item(self, value: object, index: object, _node: ast.Subscript) -> object:
        """What `value[index]` is worth."""
        if isinstance(value, Members) and value.enum and isinstance(index, str):
            return value.values.get(index, UNKNOWN)
        if isinstance(value, (list, tuple, dict, str)) and is_scalar(index):
            return attempt(operator.getitem, value, index)
        return UNKNOWN

    def _listcomp(self, node: ast.ListComp | ast.GeneratorExp) -> object:
        generator = node.generators[0]
        values = elements_of(self.value(generator.iter))
        target = generator.target
        if values is None or len(node.generators) > 1 or generator.ifs or not isinstance(target, ast.Name):
            return self._inside({name: UNKNOWN for each in node.generators for name in _names(each.target)}, node)
        return [self._inside({target.id: value}, node.elt) for value in values]

    _generatorexp = _listcomp

    def _lambda(self, node: ast.Lambda) -> object:
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        self._inside({argument.arg: UNKNOWN for argument in every if argument}, node.body)
        return UNKNOWN

    def _setcomp(self, node: ast.SetComp | ast.DictComp) -> object:
        return self._inside({name: UNKNOWN for each in node.generators for name in _names(each.target)}, node)

    _dictcomp = _setcomp

    def _inside(self, inner: dict[str, object], node: ast.expr) -> object:
        """What `node` is worth where some names mean something else; a comprehension itself is only looked at."""
        before = self.names
        self.names = Layered(inner, before)
        try:
            comprehension = isinstance(node, (ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp))
            return self._parts(node) if comprehension else self.value(node)
        finally:
            self.names = before


def _names(target: ast.expr) -> list[str]:
    return [part.id for part in ast.walk(target) if isinstance(part, ast.Name)]


def _same(value: object) -> object:
    return value


def _listed(value: object) -> Sequence[object] | None:
    return value if isinstance(value, (list, tuple)) else None
