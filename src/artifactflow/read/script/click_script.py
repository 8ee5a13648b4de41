"""The command line of a click script: its commands and groups, told from the decorators of its functions."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from artifactflow.errors import Place
from artifactflow.parameters import REQUIRED, ParameterType
from artifactflow.read.script.click_options import make_click_argument, make_click_option, stated
from artifactflow.read.script.command_line import CommandLine, Option
from artifactflow.read.script.constants import evaluate
from artifactflow.read.script.module_constants import Module, qualified_name
from artifactflow.read.script.static_values import Imported
from artifactflow.read.source import nodes_of

Definition = ast.FunctionDef | ast.AsyncFunctionDef

_PASSES: Final = frozenset({"click.pass_context", "click.pass_obj", "click.make_pass_decorator"})
_HARMLESS: Final = ("functools.", "contextlib.", "torch.", "mlflow.", "wandb.", "typing.", "builtins.staticmethod")
_READY_MADE: Final = {
    "click.version_option": ("--version",),
    "click.confirmation_option": ("--yes",),
    "click.help_option": ("--help",),
}


@dataclass
class _Command:
    node: Definition
    name: str | None
    group: bool
    parent: str | None
    settings: ast.Call | None
    members: dict[str, str] = field(default_factory=dict)
    reasons: list[tuple[str, Place]] = field(default_factory=list)


def click_command_line(module: Module) -> CommandLine | None:
    """The command line of a script whose functions are click commands; None where none is.

    Of several commands it is the one that `if __name__ == "__main__":` calls, or else the one that is in no group.
    """
    # rich_click is click with colours.
    names = {
        name: Imported("click" + value.name.removeprefix("rich_click"))
        if isinstance(value, Imported) and value.name.partition(".")[0] == "rich_click"
        else value
        for name, value in module.names.items()
    }
    reader = _Reader(module, names)
    for statement in functions(module.tree.body):
        reader.add(statement)
    if not reader.commands:
        return None
    reader.join()
    roots = [name for name, command in reader.commands.items() if command.parent is None]
    called = [name for name in called_at_start(module) if name in reader.commands]
    chosen = (called or roots or list(reader.commands))[0]
    line = reader.command_line(chosen, ())
    if not called and len(roots) > 1:
        reason = ("which of the commands is called is not known", module.place(reader.commands[chosen].node))
        line = CommandLine(**{**line.__dict__, "complete": False, "unknown_reasons": (*line.unknown_reasons, reason)})
    return line


def functions(body: Iterable[ast.stmt]) -> Iterator[Definition]:
    """The functions of a module, also those inside an `if` or a `try`."""
    for statement in body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield statement
        elif isinstance(statement, (ast.If, ast.Try)):
            yield from functions([*statement.body, *statement.orelse])


def called_at_start(module: Module) -> list[str]:
    """The names of what the module calls when it is started: `main()`, `app()`, `cli.main()`."""
    found: list[str] = []
    waiting: list[ast.stmt] = list(reversed(module.tree.body))
    while waiting:
        statement = waiting.pop()
        if isinstance(statement, (ast.If, ast.Try, ast.With)):
            waiting.extend(reversed(statement.body))
        elif isinstance(statement, (ast.Expr, ast.Assign, ast.Raise)):
            for node in ast.walk(statement):
                if isinstance(node, ast.Call):
                    function = node.func
                    if isinstance(function, ast.Attribute) and function.attr == "main":
                        function = function.value
                    if isinstance(function, ast.Name):
                        found.append(function.id)
    return found


class _Reader:
    def __init__(self, module: Module, names: dict[str, object]) -> None:
        self.module = module
        self.names = names
        self.commands: dict[str, _Command] = {}
        self.assigned: dict[str, ast.expr] = {}
        for statement in module.tree.body:
            if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                self.assigned[statement.targets[0].id] = statement.value

    def add(self, node: Definition) -> None:
        """Keep a function that is a command."""
        for decorator in node.decorator_list:
            call = decorator if isinstance(decorator, ast.Call) else None
            function = call.func if call else decorator
            name = qualified_name(function, self.names)
            parent = None
            if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
                owner = self.commands.get(function.value.id)
                if owner and owner.group and function.attr in {"command", "group"}:
                    parent, name = function.value.id, f"click.{function.attr}"
            if name not in {"click.command", "click.group"}:
                continue
            given = stated(call, self.names) if call else None
            explicit = given.spellings[0] if given and given.spellings else given.get("name") if given else None
            own = node.name.lower().replace("_", "-")
            # Newer versions of click drop such an ending, older ones keep it.
            changes = own.rpartition("-")[2] in {"command", "cmd", "group", "grp"} and "-" in own
            word = explicit if isinstance(explicit, str) else None if explicit is not None or changes else own
            self.commands[node.name] = _Command(node, word, name == "click.group", parent, call)

    def join(self) -> None:
        """Put the commands into their groups."""
        for name, command in self.commands.items():
            if command.parent:
                self._join(command.parent, name, command.name)
        for node in nodes_of(self.module.tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
                continue
            group = self.commands.get(node.func.value.id) if isinstance(node.func.value, ast.Name) else None
            if group is None or node.func.attr != "add_command":
                continue
            member = node.args[0].id if isinstance(node.args[0], ast.Name) else ""
            if member not in self.commands:
                group.reasons.append(("a sub-command is not known", self.module.place(node)))
                continue
            given = stated(node, self.names)
            word = given.spellings[1] if len(given.spellings) > 1 else given.get("name", self.commands[member].name)
            self.commands[member].parent = group.node.name
            self._join(group.node.name, member, word if isinstance(word, str) else None)

    def _join(self, group: str, member: str, word: str | None) -> None:
        if word is None:
            place = self.module.place(self.commands[member].node)
            self.commands[group].reasons.append(("a sub-command's name is not known", place))
        else:
            self.commands[group].members[word] = member

    def command_line(self, name: str, above: tuple[str, ...]) -> CommandLine:
        """The command line of one command and of those in it."""
        command = self.commands[name]
        options: list[Option] = []
        reasons = list(command.reasons)
        below_command = False
        for decorator in command.node.decorator_list:
            below_command = below_command or decorator is command.settings or self._makes_command(decorator)
            if not self._makes_command(decorator) and below_command:
                self._decorator(decorator, options, reasons)
        place = self.module.place(command.node)
        given = stated(command.settings, self.names) if command.settings else None
        context = given.get("context_settings", {}) if given else {}
        if given and ({"cls", "params"} & set(given.expressions) or given.open or not isinstance(context, dict)):
            reasons.append(("the command's settings are not followed", place))
        settings = context if isinstance(context, dict) else {}
        subcommands = {
            word: self.command_line(member, (*above, name))
            for word, member in command.members.items()
            if member not in (*above, name)
        }
        if command.group:
            options.append(
                Option(
                    (),
                    "",
                    place,
                    None,
                    REQUIRED,
                    True,
                    tuple(subcommands),
                    action="parsers",
                    nargs="A...",
                    positional=True,
                )
            )
        if not any("--help" in option.names for option in options):
            helps = settings.get("help_option_names", ["--help"])
            names = tuple(each for each in helps if isinstance(each, str)) if isinstance(helps, list) else ("--help",)
            options.append(_ready_made(names, place))
        swallows = settings.get("allow_extra_args") is True or any(
            option.positional and option.nargs in {"*", "+"} for option in options
        )
        return CommandLine(
            kind="click",
            options=tuple(options),
            complete=not reasons and all(line.complete for line in subcommands.values()),
            unknown_reasons=tuple(reasons),
            accepts_unknown=settings.get("ignore_unknown_options") is True and swallows,
            subcommands=subcommands,
        )

    def _makes_command(self, decorator: ast.expr) -> bool:
        function = decorator.func if isinstance(decorator, ast.Call) else decorator
        match function:
            case ast.Attribute(ast.Name(owner), "command" | "group") if owner in self.commands:
                return True
        return qualified_name(function, self.names) in {"click.command", "click.group"}

    def _decorator(self, decorator: ast.expr, options: list[Option], reasons: list[tuple[str, Place]]) -> None:
        place = self.module.place(decorator)
        if isinstance(decorator, ast.Name) and isinstance(self.assigned.get(decorator.id), ast.Call):
            decorator = self.assigned[decorator.id]  # verbose = click.option("--verbose"), used as @verbose
        function = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = qualified_name(function, self.names)
        if isinstance(decorator, ast.Call) and name in {"click.option", "click.argument"}:
            make = make_click_option if name == "click.option" else make_click_argument
            option = make(decorator, self.names, self.module.place(decorator))
            if option is None:
                reasons.append(("the name of an option is not known", place))
            else:
                options.append(option)
        elif name == "click.password_option":
            options.append(Option(("--password",), "password", place, ParameterType.STR))
        elif name in _READY_MADE and isinstance(decorator, ast.Call):
            spelt = [each for each in (evaluate(arg, self.names) for arg in decorator.args) if isinstance(each, str)]
            dashed = tuple(each for each in spelt if each.startswith("-"))
            options.append(_ready_made(dashed or _READY_MADE[name], place))
        elif name not in _PASSES and not name.startswith(_HARMLESS):
            reasons.append((f"the decorator {ast.unparse(function)[:80]} may add options", place))


def _ready_made(names: tuple[str, ...], place: Place) -> Option:
    dest = names[0].lstrip("-") if names else "help"
    return Option(names, dest, place, None, flag=True, action="help", nargs=0, suppressed=True)
