"""A step function's signature as a contract, from its source: nothing is imported, nothing runs.

The function is the one that the script hands to `run` under `if __name__ == "__main__":`. Its annotations must be
literal, as they are in every example: what is computed cannot be known without running the script.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from artifactflow.contract import Contract, Input, Output
from artifactflow.errors import ContractError, Place
from artifactflow.formats import format_of_type_name
from artifactflow.parameters import REQUIRED, Required, Value
from artifactflow.read.signature import SCALAR_TYPES, OptionFacts, Slot, contract_from_slots
from artifactflow.read.source import imported_names, nodes_of, parse_source, read_text

LIBRARY = "artifactflow"


def contract_of_script(script: Path) -> Contract | None:
    """The contract of the step function that the script runs, or None where it runs none.

    Raises ContractError at the line of what cannot be understood.
    """
    return contract_of_source(read_text(script), str(script))


def step_function_of_script(script: Path) -> str | None:
    """The name of the step function that a script runs, None where it runs none."""
    module = parse_source(read_text(script), str(script)).tree
    return _function_that_runs(module, _imported_names(module))


def contract_of_source(text: str, file: str) -> Contract | None:
    """The same for source text; `file` is for messages."""
    module = parse_source(text, file).tree
    if LIBRARY not in text:
        return None
    names = _imported_names(module)
    function_name = _function_that_runs(module, names)
    if function_name is None:
        return None
    for statement in module.body:
        if isinstance(statement, ast.FunctionDef) and statement.name == function_name:
            return _Reader(module, names, file).contract(statement)
    raise ContractError(
        f"run({function_name}) names no function of this file", place=Place(file), hint="define it beside run(…)"
    )


def _imported_names(module: ast.Module) -> dict[str, str]:
    """Local names to dotted origins: {'pd': 'pandas', 'Input': 'artifactflow.Input'}."""
    names: dict[str, str] = {}
    for statement in nodes_of(module):
        if isinstance(statement, ast.Import) or (isinstance(statement, ast.ImportFrom) and not statement.level):
            names |= imported_names(statement)
    return names


def _function_that_runs(module: ast.Module, names: dict[str, str]) -> str | None:
    for statement in module.body:
        if not (isinstance(statement, ast.If) and "__name__" in ast.dump(statement.test)):
            continue
        for node in ast.walk(statement):
            if (
                isinstance(node, ast.Call)
                and _is_ours(_dotted(node.func, names), "run")
                and node.args
                and isinstance(node.args[0], ast.Name)
            ):
                return node.args[0].id
    return None


def _dotted(node: ast.expr, names: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value, names)}.{node.attr}"
    return ""


def _is_ours(dotted: str, name: str) -> bool:
    return dotted.partition(".")[0] == LIBRARY and dotted.rpartition(".")[2] == name


class _Reader:
    """Reads one function of one file; it exists to keep the file's names at hand."""

    def __init__(self, module: ast.Module, names: dict[str, str], file: str) -> None:
        self.names = names
        self.file = file
        self.classes = {node.name: node for node in module.body if isinstance(node, ast.ClassDef)}

    def contract(self, function: ast.FunctionDef) -> Contract:
        arguments = function.args
        if arguments.vararg or arguments.kwarg:
            starred = arguments.vararg or arguments.kwarg
            raise ContractError(
                f"a step function cannot take *{starred.arg if starred else ''}: every parameter has a name",
                place=self.place(function),
            )
        positional = [*arguments.posonlyargs, *arguments.args]
        defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults)) + list(
            arguments.defaults
        )
        pairs = [
            *zip(positional, defaults, strict=True),
            *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
        ]
        slots = [self.slot(argument, default) for argument, default in pairs]
        returned = list(self.returned(function.returns))
        return contract_from_slots(
            function.name, slots, returned, ast.get_docstring(function) or "", self.place(function)
        )

    def place(self, node: ast.AST) -> Place:
        line: int | None = getattr(node, "lineno", None)
        column: int | None = getattr(node, "col_offset", None)
        return Place(self.file, line, None if column is None else column + 1)

    def slot(self, argument: ast.arg, default: ast.expr | None) -> Slot:
        if argument.annotation is None:
            raise ContractError(f"parameter {argument.arg} has no annotation", place=self.place(argument))
        slot = self.annotated(argument.arg, argument.annotation)
        return replace(slot, default=REQUIRED if default is None else self.default(default), place=self.place(argument))

    def default(self, node: ast.expr) -> Value | Required:
        if isinstance(node, ast.Call) and _dotted(node.func, self.names) == "pathlib.Path" and len(node.args) == 1:
            return str(self.literal(node.args[0]))
        value = self.literal(node)
        if value is None or isinstance(value, (str, int, float, bool)):
            return value
        raise self.unknown(node)

    def returned(self, node: ast.expr | None) -> Iterator[Slot]:
        if node is None or (isinstance(node, ast.Constant) and node.value is None):
            return
        named_tuple = self.classes.get(node.id) if isinstance(node, ast.Name) else None
        if named_tuple is None:
            yield self.annotated("", node)
            return
        for statement in named_tuple.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                slot = self.annotated(statement.target.id, statement.annotation)
                yield replace(slot, output=slot.output or Output())

    def annotated(self, name: str, node: ast.expr) -> Slot:
        """What an annotation says: the type, `| None`, choices, and the option, input or output in `Annotated[…]`."""
        extras: list[ast.expr] = []
        if isinstance(node, ast.Subscript) and _dotted(node.value, self.names).endswith("Annotated"):
            node, *extras = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        base, optional = self.without_none(node)
        choices: tuple[Value, ...] = ()
        dotted = _dotted(base, self.names)
        scalar = "Path" if dotted == "pathlib.Path" else "Uri" if _is_ours(dotted, "Uri") else dotted
        if isinstance(base, ast.Subscript) and _dotted(base.value, self.names).endswith("Literal"):
            elements = base.slice.elts if isinstance(base.slice, ast.Tuple) else [base.slice]
            choices = tuple(self.choice(element) for element in elements)
            scalar = type(choices[0]).__name__
        elif isinstance(base, ast.Subscript):
            dotted = _dotted(base.value, self.names)
        elif dotted in self.classes:
            choices = tuple(self.enum_values(self.classes[dotted]))
            scalar = type(choices[0]).__name__ if choices else dotted
        chosen = format_of_type_name(dotted)
        slot = Slot(
            name=name,
            scalar=scalar if scalar in SCALAR_TYPES else None,
            ending=chosen.ending if chosen else None,
            optional=optional,
            choices=choices,
            place=self.place(node),
        )
        for extra in extras:
            slot = self.with_extra(slot, extra)
        return slot

    def with_extra(self, slot: Slot, node: ast.expr) -> Slot:
        if not isinstance(node, ast.Call):
            if isinstance(node, ast.Constant):
                return slot
            raise self.unknown(node)
        dotted = _dotted(node.func, self.names)
        positional = [self.literal(argument) for argument in node.args]
        named = {keyword.arg: self.literal(keyword.value) for keyword in node.keywords if keyword.arg}
        if dotted in ("typer.Option", "typer.params.Option"):
            return replace(
                slot,
                option=OptionFacts(
                    help=str(named.get("help") or ""),
                    minimum=_number(named.get("min")),
                    maximum=_number(named.get("max")),
                    declarations=tuple(str(text) for text in positional),
                    hide_input=named.get("hide_input") is True,
                ),
            )
        for kind in (Input, Output):
            if _is_ours(dotted, kind.__name__):
                types = {field.name: type(field.default) for field in fields(kind)}
                given: dict[str, Any] = dict(zip(types, positional, strict=False)) | named
                for name, value in given.items():
                    if name not in types:
                        raise ContractError(f"{kind.__name__} takes no {name!r}", place=self.place(node))
                    if not isinstance(value, types[name]):
                        expected = f"{kind.__name__} takes a {types[name].__name__} as {name}"
                        raise ContractError(f"{expected}, got {value!r}", place=self.place(node))
                if kind is Input:
                    return replace(slot, input=Input(**given))
                return replace(slot, output=Output(**given))
        raise self.unknown(node)

    def without_none(self, node: ast.expr) -> tuple[ast.expr, bool]:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            for side, other in ((node.left, node.right), (node.right, node.left)):
                if isinstance(side, ast.Constant) and side.value is None:
                    return other, True
        if isinstance(node, ast.Subscript) and _dotted(node.value, self.names).endswith("Optional"):
            return node.slice, True
        return node, False

    def choice(self, node: ast.expr) -> Value:
        value = self.literal(node)
        if value is None or isinstance(value, (str, int, float, bool)):
            return value
        raise self.unknown(node)

    def enum_values(self, node: ast.ClassDef) -> Iterator[Value]:
        for statement in node.body:
            if isinstance(statement, ast.Assign):
                yield self.choice(statement.value)

    def literal(self, node: ast.expr) -> object:
        try:
            return ast.literal_eval(node)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            raise self.unknown(node) from None

    def unknown(self, node: ast.expr) -> ContractError:
        return ContractError(
            f"{ast.unparse(node)!r} is not literal, so the contract cannot be known without running the script",
            hint="write the value out in the annotation",
            place=self.place(node),
        )


def _number(value: object) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
