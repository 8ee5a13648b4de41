"""The command line of a Typer script: the typed functions under `@app.command()` or given to `typer.run`."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from artifactflow.errors import Place
from artifactflow.parameters import REQUIRED, ParameterType
from artifactflow.read.script.argparse_options import plain_choices, plain_default, source_text
from artifactflow.read.script.click_options import Choices, Stated, option_spellings, stated
from artifactflow.read.script.click_script import Definition, called_at_start, functions
from artifactflow.read.script.command_line import CommandLine, Option
from artifactflow.read.script.constants import evaluate
from artifactflow.read.script.module_constants import Module, qualified_name
from artifactflow.read.script.static_values import UNKNOWN, EnumMember, Members, Unknown
from artifactflow.read.source import nodes_of, parse_expression

_TYPES: Final = {
    "builtins.str": ParameterType.STR,
    "builtins.int": ParameterType.INT,
    "builtins.float": ParameterType.FLOAT,
    "builtins.bool": ParameterType.BOOL,
    "pathlib.Path": ParameterType.PATH,
}
_ANNOTATED: Final = frozenset({"typing.Annotated", "typing_extensions.Annotated"})
_CONTEXTS: Final = frozenset({"typer.Context", "typer.CallbackParam", "click.Context"})
_LISTS: Final = frozenset({"builtins.list", "typing.List", "typing.Sequence", "collections.abc.Sequence"})


@dataclass(frozen=True)
class _Type:
    """What an annotation says. `own` is the call of `typer.Option` or `typer.Argument` inside `Annotated`."""

    type: ParameterType | Unknown = UNKNOWN
    choices: Choices = None
    multiple: bool = False
    own: ast.Call | None = None


@dataclass
class _App:
    commands: dict[str, Definition] = field(default_factory=dict)
    callback: Definition | None = None
    members: dict[str, str] = field(default_factory=dict)
    reasons: list[tuple[str, Place]] = field(default_factory=list)


def typer_command_line(module: Module) -> CommandLine | None:
    """The command line of a script whose functions are Typer commands; None where none is.

    As Typer has it, the only command of an app without a callback is the app itself.
    """
    reader = _Reader(module)
    for node in nodes_of(module.tree):
        if isinstance(node, ast.Call) and qualified_name(node.func, module.names) == "typer.run" and node.args:
            name = node.args[0].id if isinstance(node.args[0], ast.Name) else ""
            function = next((each for each in functions(module.tree.body) if each.name == name), None)
            if function is not None:
                return reader.function(function, ())
            reason = ("the function given to typer.run is not known", module.place(node))
            return CommandLine("typer", complete=False, unknown_reasons=(reason,))
    reader.find_apps()
    apps = {name: app for name, app in reader.apps.items() if app.commands or app.callback or app.members}
    if not apps:
        return None
    inner = {member for app in apps.values() for member in app.members.values()}
    called = [name for name in called_at_start(module) if name in apps]
    return reader.app((called or [name for name in apps if name not in inner] or list(apps))[0], ())


class _Reader:
    def __init__(self, module: Module) -> None:
        self.module = module
        self.names = module.names
        self.apps: dict[str, _App] = {}

    def find_apps(self) -> None:
        """Find the apps, the commands in them, and the apps in apps."""
        for node in nodes_of(self.module.tree):
            match node:
                case ast.Assign([ast.Name(name)], ast.Call(made)) if qualified_name(made, self.names) == "typer.Typer":
                    self.apps[name] = _App()
        for function in functions(self.module.tree.body):
            for decorator in function.decorator_list:
                self._decorator(function, decorator)
        for node in nodes_of(self.module.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add_typer":
                self._add_app(node, node.func.value)

    def _decorator(self, function: Definition, decorator: ast.expr) -> None:
        call = decorator if isinstance(decorator, ast.Call) else None
        target = call.func if call else decorator
        if not (isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name)):
            return
        app = self.apps.get(target.value.id)
        if app is None:
            return
        if target.attr == "callback":
            app.callback = function
        elif target.attr == "command":
            given = stated(call, self.names) if call else None
            word = given.spellings[0] if given and given.spellings else given.get("name") if given else None
            if word is None:
                word = function.name.lower().replace("_", "-")
            if isinstance(word, str):
                app.commands[word] = function
            else:
                app.reasons.append(("a command's name is not known", self.module.place(decorator)))

    def _add_app(self, node: ast.Call, owner: ast.expr) -> None:
        app = self.apps.get(owner.id) if isinstance(owner, ast.Name) else None
        if app is None:
            return
        member = node.args[0].id if node.args and isinstance(node.args[0], ast.Name) else ""
        word = stated(node, self.names).get("name")
        if member in self.apps and isinstance(word, str):
            app.members[word] = member
        else:
            app.reasons.append(("a sub-command is not known", self.module.place(node)))

    def app(self, name: str, above: tuple[str, ...]) -> CommandLine:
        """The command line of an app."""
        app = self.apps[name]
        reasons = tuple(app.reasons)
        if len(app.commands) == 1 and app.callback is None and not app.members and not above:
            return self.function(next(iter(app.commands.values())), reasons)
        base = self.function(app.callback, reasons) if app.callback else CommandLine("typer", unknown_reasons=reasons)
        subcommands = {word: self.function(function, ()) for word, function in app.commands.items()}
        for word, member in app.members.items():
            if member not in (*above, name):
                subcommands[word] = self.app(member, (*above, name))
        complete = not base.unknown_reasons and all(line.complete for line in subcommands.values())
        return replace(base, complete=complete, subcommands=subcommands)

    def function(self, node: Definition, reasons: tuple[tuple[str, Place], ...]) -> CommandLine:
        """The command line of one function."""
        stated_arguments = node.args
        arguments = [*stated_arguments.posonlyargs, *stated_arguments.args]
        padding: list[ast.expr | None] = [None] * (len(arguments) - len(stated_arguments.defaults))
        pairs = list(zip(arguments, [*padding, *stated_arguments.defaults], strict=True))
        pairs.extend(zip(stated_arguments.kwonlyargs, stated_arguments.kw_defaults, strict=True))
        options: list[Option] = []
        found = list(reasons)
        for argument, default in pairs:
            if _is_context(argument, self.names):
                continue
            option = self._option(argument, default)
            if option is None:
                found.append((f"how {argument.arg} is spelt is not known", self.module.place(argument)))
            else:
                options.append(option)
        if stated_arguments.vararg or stated_arguments.kwarg:
            found.append(("the function takes any arguments", self.module.place(node)))
        place = self.module.place(node)
        options.append(Option(("--help",), "help", place, None, flag=True, action="help", nargs=0, suppressed=True))
        return CommandLine("typer", tuple(options), not found, tuple(found))

    def _option(self, argument: ast.arg, default: ast.expr | None) -> Option | None:
        kind = annotated_type(argument.annotation, self.names)
        call = kind.own
        explicit: object = UNKNOWN
        required = default is None
        if call is None and isinstance(default, ast.Call) and self._typer_name(default) is not None:
            # In the default style the first argument is the default, and `...` says that there is none.
            call = default
            given = stated(ast.Call(call.func, call.args[1:], call.keywords), self.names)
            value = call.args[0] if call.args else given.expressions.get("default", ast.Constant(...))
            required = isinstance(value, ast.Constant) and value.value is ...
            explicit = evaluate(value, self.names)
        else:
            given = stated(call, self.names) if call else Stated((), {}, self.names, open=False)
            if default is not None:
                required = isinstance(default, ast.Constant) and default.value is ...
                explicit = evaluate(default, self.names)
        if given.open or {"parser", "click_type", "cls"} & set(given.expressions):
            kind = replace(kind, type=UNKNOWN, choices=UNKNOWN if given.open else None)
        if "default_factory" in given.expressions:
            required, explicit = False, UNKNOWN
        positional = (self._typer_name(call) == "typer.Argument") if call else required
        spelt = self._spellings(argument.arg, given, kind, positional)
        if spelt is None:
            return None
        names, off_names = spelt
        counts = given.truth("count") is True
        flag = not positional and (counts or (kind.type is ParameterType.BOOL and not kind.multiple))
        prompts = given.get("prompt", False) is not False
        text = given.get("help")
        return Option(
            names=(*names, *off_names),
            dest=argument.arg,
            place=self.module.place(argument),
            type=kind.type,
            default=REQUIRED if required and not prompts else UNKNOWN if required else plain_default(explicit),
            required=UNKNOWN if required and prompts else required,
            choices=kind.choices,
            description="" if text is None else text if isinstance(text, str) else UNKNOWN,
            flag=flag,
            action="count" if counts else "flag" if flag else "append" if kind.multiple and not positional else "store",
            nargs=0
            if flag
            else ("+" if required else "*")
            if kind.multiple and positional
            else UNKNOWN
            if kind.type is UNKNOWN
            else None,
            positional=positional,
            converter=source_text(given.expressions["parser"]) if "parser" in given.expressions else None,
            multiple=kind.multiple and not positional,
            off_names=tuple(off_names),
            hidden=given.truth("hidden") is True,
        )

    def _typer_name(self, node: ast.Call) -> str | None:
        name = qualified_name(node.func, self.names)
        return name if name in {"typer.Option", "typer.Argument"} else None

    def _spellings(self, name: str, given: Stated, kind: _Type, positional: bool) -> tuple[list[str], list[str]] | None:
        if positional:
            return [name], []
        if given.open:
            return None
        if given.spellings:
            spelt = option_spellings(given.spellings)
            return None if spelt is None else (spelt[0], spelt[1])
        dashed = name.replace("_", "-")
        switch = kind.type is ParameterType.BOOL and not kind.multiple
        return [f"--{dashed}"], [f"--no-{dashed}"] if switch else []


def _is_context(argument: ast.arg, names: Mapping[str, object]) -> bool:
    return argument.annotation is not None and qualified_name(argument.annotation, names) in _CONTEXTS


def annotated_type(node: ast.expr | None, names: Mapping[str, object], depth: int = 0) -> _Type:
    """What an annotation says of a parameter; without one it is a text."""
    if node is None:
        return _Type(ParameterType.STR)
    if depth > 5:
        return _Type()
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            return annotated_type(parse_expression(node.value), names, depth + 1)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return _Type()
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _optional([node.left, node.right], names, depth)
    if isinstance(node, ast.Subscript):
        owner = qualified_name(node.value, names)
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if owner in _ANNOTATED and parts:
            own = next((part for part in parts[1:] if isinstance(part, ast.Call)), None)
            return replace(annotated_type(parts[0], names, depth + 1), own=own)
        if owner == "typing.Optional":
            return annotated_type(parts[0], names, depth + 1)
        if owner == "typing.Union":
            return _optional(parts, names, depth)
        if owner in _LISTS:
            return replace(annotated_type(parts[0], names, depth + 1), multiple=True)
        if owner == "typing.Literal":
            words = [evaluate(part, names) for part in parts]
            return (
                _Type(ParameterType.STR, plain_choices(words))
                if all(isinstance(each, str) for each in words)
                else _Type()
            )
        return _Type()
    value = names.get(node.id) if isinstance(node, ast.Name) else None
    if isinstance(value, Members) and value.enum:
        members = [each for each in value.values.values() if isinstance(each, EnumMember)]
        texts = all(isinstance(each.value, str) for each in members)
        return _Type(ParameterType.STR, plain_choices(members)) if texts else _Type(UNKNOWN, UNKNOWN)
    return _Type(_TYPES.get(qualified_name(node, names), UNKNOWN))


def _optional(parts: list[ast.expr], names: Mapping[str, object], depth: int) -> _Type:
    others = [part for part in parts if not (isinstance(part, ast.Constant) and part.value is None)]
    return annotated_type(others[0], names, depth + 1) if len(others) == 1 else _Type()
