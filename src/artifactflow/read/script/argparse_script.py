"""The command line of an argparse script: its parsers, groups and sub-commands, and the `args.x` it reads."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Final

from artifactflow.errors import Place
from artifactflow.parameters import REQUIRED
from artifactflow.read.script.argparse_options import CONSTANTS, SUPPRESS, make_option, source_text
from artifactflow.read.script.argparse_parsers import (
    Added,
    Attributes,
    Namespace,
    Parser,
    Subparsers,
    command_line_of,
    with_default,
)
from artifactflow.read.script.command_line import CommandLine, Option
from artifactflow.read.script.constants import TooMuch
from artifactflow.read.script.follow import Follower
from artifactflow.read.script.module_constants import Module, qualified_name
from artifactflow.read.script.script_objects import Class
from artifactflow.read.script.static_values import (
    UNKNOWN,
    Arguments,
    Bound,
    Imported,
    elements_of,
    is_scalar,
)

_PARSER: Final = "argparse.ArgumentParser"
_GROUPS: Final = frozenset({"add_argument_group", "add_mutually_exclusive_group"})
_PARSES: Final = frozenset({"parse_args", "parse_known_args", "parse_intermixed_args", "parse_known_intermixed_args"})
_HARMLESS: Final = frozenset(
    {"print_help", "print_usage", "format_help", "format_usage", "error", "exit", "get_default"}
)
_READERS: Final = frozenset(
    {"builtins.print", "builtins.str", "builtins.repr", "builtins.isinstance", "builtins.len"}
    | {"builtins.type", "builtins.id", "builtins.dict", "builtins.sorted", "builtins.hasattr"}
    | {"argcomplete.autocomplete", "copy.deepcopy", "copy.copy", "pprint.pprint"}
)
_READING_LIBRARIES: Final = ("wandb.", "mlflow.", "json.", "logging.", "yaml.", "os.", "pprint.")
_READING_METHODS: Final = frozenset({"info", "debug", "warning", "error", "log", "log_params", "update", "format"})


class ArgparseFollower(Follower):
    """Follows a script and keeps the parsers that it makes."""

    def __init__(self, module: Module) -> None:
        super().__init__(module)
        self.parsers: list[Parser] = []
        self.unresolved: list[tuple[str, Place]] = []

    def attribute(self, value: object, name: str, node: ast.Attribute) -> object:
        """The methods of parsers, the attributes of namespaces."""
        if isinstance(value, Namespace):
            if name == "__dict__":
                return Attributes(value)
            if not name.startswith("_") and isinstance(node.ctx, ast.Load):
                value.uses[self.module.place(node)] = name
            return UNKNOWN
        if isinstance(value, Parser) and name in {"_add_action", "_actions", "_remove_action"}:
            self._doubt(value, f"the script uses parser.{name}", node)
        if isinstance(value, (Parser, Subparsers, Attributes)) or (value is UNKNOWN and name == "add_argument"):
            return Bound(value, name)
        found = super().attribute(value, name, node)
        return CONSTANTS.get(found.name, found) if isinstance(found, Imported) else found

    def _name(self, node: ast.Name) -> object:
        found = super()._name(node)
        return CONSTANTS.get(found.name, found) if isinstance(found, Imported) else found

    def item(self, value: object, index: object, node: ast.Subscript) -> object:
        """`vars(args)["x"]`."""
        if isinstance(value, Attributes):
            if isinstance(index, str) and isinstance(node.ctx, ast.Load):
                value.namespace.uses[self.module.place(node)] = index
            return UNKNOWN
        return super().item(value, index, node)

    def store(self, receiver: object, name: str, value: object) -> None:
        """`args.x = value`."""
        if isinstance(receiver, Namespace):
            receiver.stored.add(name)
        super().store(receiver, name, value)

    def store_item(self, receiver: object, key: object) -> None:
        """`vars(args)["x"] = value`."""
        if isinstance(receiver, Attributes):
            self._stored(receiver.namespace, key)

    def _stored(self, namespace: Namespace, name: object) -> None:
        if isinstance(name, str):
            namespace.stored.add(name)
        else:
            namespace.open = True

    def call(self, callee: object, arguments: Arguments, node: ast.Call) -> object:
        """What a call does to a parser or a namespace."""
        match callee:
            case Imported(name) if name == _PARSER:
                return self._parser(arguments, node)
            case Imported("builtins.vars") if arguments.positional and isinstance(arguments.positional[0], Namespace):
                return Attributes(arguments.positional[0])
            case Imported("builtins.getattr" | "builtins.setattr" | "builtins.hasattr" as name):
                if arguments.positional and isinstance(arguments.positional[0], Namespace):
                    return self._reflected(name, arguments.positional[0], arguments.positional[1:], node)
            case Bound(Parser() as parser, name):
                return self._parser_method(parser, name, arguments, node)
            case Bound(Subparsers(parser), "add_parser"):
                return self._subparser(parser, arguments, node)
            case Bound(Attributes(namespace), name):
                if name in {"update", "setdefault", "pop"}:
                    namespace.open = True
                return UNKNOWN
            case Bound(receiver, "add_argument") if receiver is UNKNOWN:
                self.unresolved.append(("an option is added to a parser that is not known", self.module.place(node)))
        return super().call(callee, arguments, node)

    def escape(self, callee: object, arguments: Arguments, node: ast.Call) -> None:
        """A parser that is given away may get more options, a namespace more attributes."""
        name = callee.name if isinstance(callee, (Imported, Bound)) else qualified_name(node.func, self.names)
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        reads = name in _READERS or name.startswith(_READING_LIBRARIES) or method in _READING_METHODS
        for value in [*arguments.positional, *arguments.keywords.values()]:
            if isinstance(value, (Parser, Subparsers)) and name not in _READERS:
                parser = value.parser if isinstance(value, Subparsers) else value
                self._doubt(parser, f"the parser is given to {source_text(node.func)}, which is not followed", node)
            elif isinstance(value, (Namespace, Attributes)) and not reads:
                (value.namespace if isinstance(value, Attributes) else value).open = True

    def _reflected(self, name: str, namespace: Namespace, rest: list[object], node: ast.Call) -> object:
        attribute = rest[0] if rest else UNKNOWN
        if name == "builtins.setattr":
            self._stored(namespace, attribute)
        elif name == "builtins.hasattr" and isinstance(attribute, str):
            namespace.stored.add(attribute)  # it asks first, so its uses are not mistakes
        elif isinstance(attribute, str) and len(rest) == 1:
            namespace.uses[self.module.place(node)] = attribute
        return UNKNOWN

    def instance(self, owner: Class, arguments: Arguments, node: ast.Call) -> object:
        """A parser of the script's own class is a parser that may do anything."""
        if _PARSER not in owner.bases:
            return super().instance(owner, arguments, node)
        parser = self._parser(arguments, node)
        if any(owner.method(name) for name in ("__init__", "add_argument", "parse_args", "parse_known_args")):
            self._doubt(parser, f"{owner.node.name} is a parser class of its own", node)
        return parser

    def _parser(self, arguments: Arguments, node: ast.Call) -> Parser:
        parser = Parser(self.module.place(node), self.blocks)
        self.parsers.append(parser)
        given = arguments.keywords
        prefixes = given.get("prefix_chars", "-")
        parser.prefixes = prefixes if isinstance(prefixes, str) and prefixes else "-"
        parser.abbreviates = given.get("allow_abbrev", True) is True
        parser.suppresses = given.get("argument_default") == SUPPRESS
        if given.get("add_help", True) is True:
            prefix = "-" if "-" in parser.prefixes else parser.prefixes[0]
            names = (f"{prefix}h", f"{prefix * 2}help")
            parser.added.append(
                Added(Option(names, "help", parser.place, None, flag=True, action="help", nargs=0, suppressed=True))
            )
        parents = elements_of(given.get("parents", []))
        for parent in parents if parents is not None else [UNKNOWN]:
            if isinstance(parent, Parser):
                self.steps -= len(parent.added) + len(parent.reasons)
                parser.added.extend(parent.added)
                parser.reasons.extend(parent.reasons)
                parser.defaults.update(parent.defaults)
            else:
                self._doubt(parser, "a parent parser is not known", node)
        if arguments.open or not isinstance(prefixes, str) or not isinstance(given.get("add_help", True), bool):
            self._doubt(parser, "the parser's settings are not known", node)
        if not is_scalar(given.get("argument_default")):
            self._doubt(parser, "the parser's defaults are not known", node)
        return parser

    def _parser_method(self, parser: Parser, name: str, arguments: Arguments, node: ast.Call) -> object:
        certain = self.blocks == parser.blocks[: len(self.blocks)]
        if name in _PARSES:
            return self._parsed(parser, name, arguments)
        if name in _GROUPS:
            return parser  # a group's options are the parser's
        if name in _HARMLESS:
            return UNKNOWN
        if name == "set_defaults":
            self.steps -= len(parser.added)
            parser.set_defaults(arguments.keywords if certain and not arguments.open else None)
            return UNKNOWN
        if not certain:
            self._doubt(parser, "an option is added only under some condition", node)
            return Subparsers(Parser(parser.place, parser.blocks)) if name == "add_subparsers" else UNKNOWN
        if name == "add_argument":
            option = make_option(node, arguments, self.names, parser.prefixes, self.module.place(node))
            if option is None:
                self._doubt(parser, "the name of an option is not known", node)
            else:
                if "default" not in arguments.keywords and option.required is not True:
                    option = self._with_parsers_default(parser, option)
                parser.added.append(Added(option))
        elif name == "add_subparsers":
            return self._subparsers(parser, arguments, node)
        else:
            self._doubt(parser, f"what parser.{name} adds is not known", node)
        return UNKNOWN

    def _with_parsers_default(self, parser: Parser, option: Option) -> Option:
        if not parser.keeps_defaults:
            return replace(option, default=UNKNOWN)
        if option.dest in parser.defaults:
            return with_default(option, parser.defaults[option.dest])
        return with_default(option, SUPPRESS) if parser.suppresses else option

    def _parsed(self, parser: Parser, name: str, arguments: Arguments) -> object:
        text = arguments.positional[0] if arguments.positional else arguments.keywords.get("args")
        # A list that stands in the script (`parse_args([])`) is no command line.
        if not isinstance(text, list) or UNKNOWN in text:
            parser.parsed = True
            parser.known_only = parser.known_only or "known" in name
        given = arguments.keywords.get("namespace", arguments.positional[1] if len(arguments.positional) > 1 else None)
        if isinstance(given, Namespace):
            given.open = given.open or given is not parser.namespace
            parser.namespace = given
        elif given is not None:
            parser.namespace.open = True
        return (parser.namespace, UNKNOWN) if "known" in name else parser.namespace

    def _subparsers(self, parser: Parser, arguments: Arguments, node: ast.Call) -> Subparsers:
        given = arguments.keywords
        dest, required = given.get("dest", ""), given.get("required", False)
        parser.added.append(
            Added(
                Option(
                    names=(dest,) if isinstance(dest, str) and dest else (),
                    dest=dest if isinstance(dest, str) and dest != SUPPRESS else "",
                    place=self.module.place(node),
                    type=None,
                    default=REQUIRED if required is True else None,
                    required=required if isinstance(required, bool) else UNKNOWN,
                    description=help_text if isinstance(help_text := given.get("help", ""), str) else UNKNOWN,
                    action="parsers",
                    nargs="A...",
                    positional=True,
                )
            )
        )
        return Subparsers(parser)

    def _subparser(self, parser: Parser, arguments: Arguments, node: ast.Call) -> object:
        name = arguments.positional[0] if arguments.positional else arguments.keywords.get("name")
        made = self._parser(Arguments(keywords=arguments.keywords, open=arguments.open), node)
        self.parsers.remove(made)
        aliases = elements_of(arguments.keywords.get("aliases", ()))
        certain = self.blocks == parser.blocks[: len(self.blocks)]
        if not isinstance(name, str) or aliases is None or not certain:
            self._doubt(parser, "a sub-command's name is not known", node)
            return made
        made.namespace = parser.namespace
        for each in [name, *aliases]:
            if isinstance(each, str):
                parser.subparsers[each] = made
        return made

    def _doubt(self, parser: Parser, reason: str, node: ast.Call | ast.Attribute) -> None:
        parser.reasons.append((reason, self.module.place(node)))


def argparse_command_line(module: Module) -> CommandLine | None:
    """The command line of a script that parses it by argparse; None where it makes no parser.

    What happens when the script is started counts. Only where that makes no parser, as in a module whose `main` is
    called from outside, do the functions that nothing calls.
    """
    follower = ArgparseFollower(module)
    reasons = follower.unresolved
    try:
        follower.follow()
        parsers = list(follower.parsers)
        unresolved = list(reasons)
        follower.follow_unreached()
    except TooMuch:
        parsers = follower.parsers
        unresolved = [*reasons, ("the script is too long to be followed to its end", Place(module.file, 1, 1))]
    if not parsers:
        parsers, unresolved = follower.parsers, reasons
    if not parsers:
        return CommandLine("argparse", complete=False, unknown_reasons=tuple(unresolved)) if unresolved else None
    parsed = [parser for parser in parsers if parser.parsed] or parsers[-1:]
    strict = [parser for parser in parsed if not parser.known_only]
    if len(strict) > 1:
        unresolved.append(("the script has several parsers", strict[1].place))
    chosen = [*(parser for parser in parsed if parser.known_only), *strict[:1]]
    return command_line_of(chosen, tuple(unresolved))
