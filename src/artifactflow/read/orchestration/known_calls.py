"""What calls of the standard library, Hydra and OmegaConf give, as far as paths, texts and config keys go."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from artifactflow.errors import Place
from artifactflow.parameters import Value
from artifactflow.read.orchestration.members import item_of
from artifactflow.read.orchestration.symbols import (
    MOST_ITEMS,
    ROOT,
    UNKNOWN,
    Class,
    Constant,
    Entry,
    Function,
    Handle,
    Imported,
    Items,
    Kind,
    Method,
    Reference,
    Symbol,
    Table,
    items,
    table,
)
from artifactflow.read.orchestration.texts import join, join_path, last_part, literal_of, parent


@dataclass(frozen=True, slots=True)
class Call:
    """One call, evaluated.

    `name` is the full dotted name of what is called, `KIND.METHOD` for a method of a handle and `.METHOD` for one of
    anything else, whose object is `receiver`. `complete` is false where `*` or `**` hands on more than is known.
    """

    name: str
    arguments: tuple[Symbol, ...]
    keywords: Mapping[str, Entry]
    place: Place
    receiver: Symbol = UNKNOWN
    complete: bool = True

    def argument(self, position: int | None, *names: str) -> Symbol | None:
        """The argument at a position or under one of these names, None where it is not given."""
        if position is not None and position < len(self.arguments):
            return self.arguments[position]
        return next((self.keywords[name].value for name in names if name in self.keywords), None)


def name_of_callee(callee: Symbol) -> tuple[str, Symbol]:
    """The `name` and the `receiver` of a call of `callee`."""
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


BUILTINS: Final = frozenset(dir(builtins))

ARGUMENTS: Final = Handle("arguments")
"""What an argument parser gives: its attributes are the parameters of the script."""

_root_calls: Final = {"hydra.utils.get_original_cwd", "os.getcwd", "os.getcwdb", "pathlib.Path.cwd"}

# What comes in comes out, as far as the text of it goes.
_same_calls: Final = {
    "str", "int", "float", "bool", "list", "tuple", "set", "sorted", "dict", "vars", "json.dumps",
    "copy.copy", "copy.deepcopy", "os.fspath", "os.path.abspath", "os.path.realpath", "os.path.expanduser",
    "os.path.expandvars", "os.path.normpath", "hydra.utils.to_absolute_path", "omegaconf.OmegaConf.to_container",
    "omegaconf.OmegaConf.create", "omegaconf.OmegaConf.to_yaml", "shlex.quote", "yaml.dump", "yaml.safe_dump",
    ".resolve", ".absolute", ".expanduser", ".as_posix", ".as_uri", ".strip", ".copy", ".to_dict",
}  # fmt: skip

_conversions: Final[dict[str, Callable[[Any], Value]]] = {"str": str, "int": int, "float": float, "bool": bool}

_path_classes: Final = {"pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "pathlib.PurePosixPath"}


def result_of(call: Call) -> Symbol:
    """What a call gives, UNKNOWN for any that is not known here."""
    if call.name in _root_calls:
        return ROOT
    receiver_is_object = call.name.startswith(".")
    if call.name in _same_calls:
        return _same(call, call.receiver if receiver_is_object else None)
    if call.name == "os.path.join":
        return join_path(*call.arguments)
    if call.name in _path_classes:
        return join_path(*call.arguments) if call.arguments else Constant(".")
    found = _functions.get(call.name)
    return found(call) if found else UNKNOWN


_empty: Final[dict[str, Symbol]] = {"dict": Table({}), "list": Items(()), "str": Constant("")}


def _same(call: Call, receiver: Symbol | None) -> Symbol:
    if receiver is not None:
        return receiver
    if call.name == "dict" and call.keywords:
        first = call.arguments[0] if call.arguments else Table({})
        if isinstance(first, Table):
            return table({**first.entries, **call.keywords}, first.complete and call.complete)
        return UNKNOWN
    if not call.arguments:
        return _empty.get(call.name, UNKNOWN)
    first = call.arguments[0]
    if call.name in _conversions and isinstance(first, Constant):
        try:
            return Constant(_conversions[call.name](first.value))
        except (ValueError, TypeError, OverflowError):
            return UNKNOWN
    return first


def _extended(call: Call) -> Symbol:
    """`config.get("key", …)`, and the same of a dict whose keys are known or of the arguments as a dict."""
    key = call.arguments[0] if call.arguments else UNKNOWN
    return item_of(call.receiver, key)


def _format(call: Call) -> Symbol:
    """`"{}/{name}".format(…)` with plain fields only."""
    if not isinstance(call.receiver, Constant) or not isinstance(call.receiver.value, str):
        return UNKNOWN
    joined: list[Symbol] = []
    count = 0
    rest = call.receiver.value
    if rest.count("{") > MOST_ITEMS:
        return UNKNOWN
    while rest:
        text, opening, rest = rest.partition("{")
        joined.append(Constant(text))
        if not opening:
            break
        name, closing, rest = rest.partition("}")
        if not closing or "}" in text or not (name == "" or name.isalnum() or name.isidentifier()):
            return UNKNOWN
        if name == "" or name.isdigit():
            value = call.argument(int(name) if name else count)
            count += 1
        else:
            value = call.argument(None, name)
        joined.append(value or UNKNOWN)
    return join(*joined)


def _basename(call: Call) -> Symbol:
    return last_part(call.arguments[0]) if call.arguments else UNKNOWN


def _split(call: Call) -> Symbol:
    separator = call.argument(0, "sep")
    if not isinstance(call.receiver, Constant) or not isinstance(call.receiver.value, str):
        # A config value that may be a list or a comma-separated text: the loop over it decides.
        return call.receiver if isinstance(call.receiver, Reference) and separator == Constant(",") else UNKNOWN
    word = literal_of(separator)
    if separator is not None and not word:
        return UNKNOWN
    parts = call.receiver.value.split(word, MOST_ITEMS + 1)
    return items(tuple(Constant(part) for part in parts)) if len(parts) <= MOST_ITEMS else UNKNOWN


def _enumerated(call: Call) -> Symbol:
    first = call.arguments[0] if call.arguments else UNKNOWN
    if isinstance(first, Items):
        return items(tuple(items((Constant(index), symbol)) for index, symbol in enumerate(first.items)))
    return UNKNOWN


def _zipped(call: Call) -> Symbol:
    lists = [argument.items for argument in call.arguments if isinstance(argument, Items)]
    if len(lists) < len(call.arguments) or not lists:
        return UNKNOWN
    return items(tuple(items(row) for row in zip(*lists, strict=False)))


def _environment(call: Call) -> Symbol:
    first = call.arguments[0] if call.arguments else UNKNOWN
    return (
        Reference(Kind.VARIABLE, first.value)
        if isinstance(first, Constant) and isinstance(first.value, str)
        else UNKNOWN
    )


def _run_by_id(call: Call) -> Symbol:
    """`MlflowClient().get_run(submitted.run_id)` is the run that was submitted."""
    match call.arguments:
        case (Reference(Kind.RUN, name), *_):
            return Reference(Kind.RUN, name.removesuffix(".run_id"))
    return UNKNOWN


def _pairs(table_symbol: Symbol) -> Symbol:
    if isinstance(table_symbol, Table) and table_symbol.complete:
        return items(tuple(items((Constant(key), entry.value)) for key, entry in table_symbol.entries.items()))
    return table_symbol if isinstance(table_symbol, Reference) else UNKNOWN


def _as_list(symbol: Symbol) -> Symbol:
    if isinstance(symbol, Table) and symbol.complete:
        return items(tuple(Constant(key) for key in symbol.entries))
    return symbol


_functions: Final[dict[str, Callable[[Call], Symbol]]] = {
    ".get": _extended,
    "arguments.get": _extended,
    ".format": _format,
    ".split": _split,
    ".items": lambda call: _pairs(call.receiver),
    ".keys": lambda call: _as_list(call.receiver),
    ".joinpath": lambda call: join_path(call.receiver, *call.arguments),
    "os.path.dirname": lambda call: parent(call.arguments[0]) if call.arguments else UNKNOWN,
    "os.path.basename": _basename,
    "os.getenv": _environment,
    "os.environ.get": _environment,
    "enumerate": _enumerated,
    "zip": _zipped,
    ".get_run": _run_by_id,
    ".parse_args": lambda _: ARGUMENTS,
    ".parse_known_args": lambda _: Items((ARGUMENTS, UNKNOWN), 2),
}
