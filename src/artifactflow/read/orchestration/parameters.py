"""What the parameters of a script's own function are where it is called."""

from __future__ import annotations

import ast
from collections.abc import Callable

from artifactflow.read.orchestration.known_calls import Call
from artifactflow.read.orchestration.symbols import (
    UNKNOWN,
    Entry,
    Function,
    Handle,
    Kind,
    Reference,
    Symbol,
    items,
    table,
)


def bound_parameters(function: Function, call: Call, evaluate: Callable[[ast.expr], Symbol]) -> dict[str, Symbol]:
    """Each parameter by name: what the call gives, the default, or what the function's decorator says fills it."""
    arguments = function.node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    bound: dict[str, Symbol] = {}
    if function.instance is not None and positional:
        bound[positional.pop(0).arg] = function.instance
    first = positional[0].arg if positional else None
    bound.update({argument.arg: symbol for argument, symbol in zip(positional, call.arguments, strict=False)})
    names = {argument.arg for argument in (*positional, *arguments.kwonlyargs)}
    bound.update({name: entry.value for name, entry in call.keywords.items() if name in names})
    defaults = _defaults(arguments)
    for name in names - bound.keys():
        if function.role == "command":
            bound[name] = Reference(Kind.PARAMETER, name)
        elif function.role == "hydra" and name == first:
            bound[name] = Reference(Kind.CONFIG)
        elif name in defaults and call.name and call.complete:
            bound[name] = evaluate(defaults[name])
        else:
            bound[name] = UNKNOWN
    if arguments.vararg:
        bound[arguments.vararg.arg] = items(call.arguments[len(positional) :])
    if arguments.kwarg:
        extra: dict[str, Entry] = {name: entry for name, entry in call.keywords.items() if name not in names}
        bound[arguments.kwarg.arg] = (
            Handle("arguments") if function.role == "command" else table(extra, call.complete and bool(call.name))
        )
    return bound


def _defaults(arguments: ast.arguments) -> dict[str, ast.expr]:
    """The defaults by parameter; those of positional parameters belong to the last ones."""
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = {
        argument.arg: default for argument, default in zip(positional[::-1], arguments.defaults[::-1], strict=False)
    }
    by_keyword = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return defaults | {argument.arg: default for argument, default in by_keyword if default is not None}
