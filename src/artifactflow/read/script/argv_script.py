"""The command line of a script that takes it from `sys.argv` by position."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from artifactflow.errors import Place
from artifactflow.parameters import REQUIRED, ParameterType
from artifactflow.read.script.click_script import called_at_start
from artifactflow.read.script.command_line import CommandLine, Option
from artifactflow.read.script.constants import evaluate
from artifactflow.read.script.converters import CONVERTERS
from artifactflow.read.script.module_constants import Module, qualified_name
from artifactflow.read.script.static_values import UNKNOWN, Unknown


@dataclass(frozen=True)
class _Argument:
    position: int
    name: str | None
    type: ParameterType | Unknown
    converter: str | None
    guarded: bool
    place: Place


def argv_command_line(module: Module) -> CommandLine | None:
    """The command line of a script that reads `sys.argv[n]`; None where it never looks at `sys.argv`.

    An argument is named by the variable that it is first put into. One that is read inside an `if`, a `try`, a
    conditional expression or a function that is not called at the start may be left out: required is UNKNOWN.
    """
    arguments: dict[int, _Argument] = {}
    reasons: list[tuple[str, Place]] = []
    seen = False
    for node, guarded, target, converter in _expressions(module):
        if qualified_name(node, module.names) == "sys.argv":
            reasons.append(("sys.argv is used as a whole", module.place(node)))
        elif isinstance(node, ast.Subscript):
            position = evaluate(node.slice, module.names)
            if isinstance(position, bool) or not isinstance(position, int) or position < 0:
                reasons.append(("which arguments are read is not known", module.place(node)))
            elif position > 0:
                known = CONVERTERS.get(converter, UNKNOWN) if converter else ParameterType.STR
                text = converter.removeprefix("builtins.") if converter else None
                found = _Argument(position, target, known, text, guarded, module.place(node))
                first = arguments.get(position)
                if first is None or (first.guarded and not guarded) or (first.name is None and target):
                    arguments[position] = found
        seen = True
    if not seen:
        return None
    certain = max((each.position for each in arguments.values() if not each.guarded), default=0)
    options: list[Option] = []
    for position in range(1, min(max(arguments, default=0), 100) + 1):
        each = arguments.get(position)
        needed = position <= certain
        name = (each and each.name) or f"argv[{position}]"
        options.append(
            Option(
                names=(name,),
                dest=name,
                place=each.place if each else Place(module.file),
                type=each.type if each else UNKNOWN,
                default=REQUIRED if needed else UNKNOWN,
                required=True if needed else UNKNOWN,
                positional=True,
                converter=each.converter if each else None,
            )
        )
    return CommandLine("argv", tuple(options), not reasons, tuple(reasons))


def _expressions(module: Module) -> Iterator[tuple[ast.expr, bool, str | None, str | None]]:
    """Every use of `sys.argv`: its widest expression, whether it may be passed by, its variable, its converter."""
    waiting: list[tuple[ast.AST, bool, str | None, str | None]] = [(module.tree, False, None, None)]
    started = set(called_at_start(module))
    while waiting:
        node, guarded, target, converter = waiting.pop()
        if isinstance(node, ast.Subscript) and qualified_name(node.value, module.names) == "sys.argv":
            yield node, guarded, target, converter
            continue
        if isinstance(node, (ast.Name, ast.Attribute)) and qualified_name(node, module.names) == "sys.argv":
            yield node, guarded, target, converter
            continue
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            guarded = guarded or node.name not in started
        waiting.extend(reversed(list(_children(node, guarded, target, module))))


def _children(
    node: ast.AST, guarded: bool, target: str | None, module: Module
) -> Iterator[tuple[ast.AST, bool, str | None, str | None]]:
    if isinstance(node, ast.Call):
        function = qualified_name(node.func, module.names)
        given = [qualified_name(argument, module.names) for argument in node.args]
        if function == "builtins.len" and given == ["sys.argv"]:
            return  # how many there are is asked, not what they are
        converts = len(node.args) == 1 and not node.keywords and function in CONVERTERS
        yield node.func, guarded, None, None
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
            yield argument, guarded, target if converts else None, function if converts else None
    elif isinstance(node, ast.Assign):
        name = node.targets[0].id if isinstance(node.targets[0], ast.Name) else None
        yield node.value, guarded, name, None
    elif isinstance(node, ast.If):
        main = evaluate(node.test, module.names) is True  # `if __name__ == "__main__":`
        yield node.test, guarded, None, None
        for statement in [*node.body, *node.orelse]:
            yield statement, guarded or not main, None, None
    else:
        conditional = isinstance(node, (ast.IfExp, ast.Try, ast.While, ast.For, ast.BoolOp, ast.Match))
        for child in ast.iter_child_nodes(node):
            yield child, guarded or conditional, target if isinstance(node, ast.IfExp) else None, None
