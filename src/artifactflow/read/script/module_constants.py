"""A Python module as its tree and the constants of its names, read without running or importing anything."""

from __future__ import annotations

import ast
import re
import tokenize
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from artifactflow.errors import ContractError, NotFoundError, OutsideError, Place
from artifactflow.read.paths import is_file
from artifactflow.read.script.constants import evaluate
from artifactflow.read.script.static_values import UNKNOWN, EnumMember, Imported, Layered, Members, unpacked
from artifactflow.read.source import imported_names, nodes_of, parse_source

LARGEST_FILE: Final = 2 * 1024 * 1024
"""Bytes. A script that a person wrote is far smaller."""

MOST_WORDS: Final = 60_000
"""Words and signs, some 6,000 lines: more is no script, and would cost seconds."""

_WORD: Final = re.compile(r"\w+|[^\w\s]")
_CHANGERS: Final = frozenset({"append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse"}) | frozenset(
    {"add", "discard", "update", "setdefault", "popitem"}
)
_ENUMS: Final = frozenset({"enum.Enum", "enum.StrEnum", "enum.IntEnum"})
_PLAIN_BASES: Final = _ENUMS | {"builtins.str", "builtins.int", "builtins.object"}
_BLOCKS: Final = ("body", "orelse", "finalbody", "handlers", "cases")


@dataclass(frozen=True, eq=False)
class Module:
    """One file. `names` are its constants, imports, enums and plain classes; a name that is bound twice is UNKNOWN.

    `changed` are the names whose content is changed somewhere, as by `append`. `folder` is where the file stands, for
    the modules beside it; None where it stands nowhere.
    """

    tree: ast.Module
    file: str
    folder: Path | None
    lines: tuple[str, ...]
    names: Mapping[str, object]
    changed: frozenset[str]

    def place(self, node: ast.expr | ast.stmt | ast.arg) -> Place:
        """Where `node` begins. Python counts columns in UTF-8 bytes, people in characters."""
        line = self.lines[node.lineno - 1] if node.lineno <= len(self.lines) else ""
        column = node.col_offset
        if len(line) < 10_000 and not line.isascii():
            column = len(line.encode()[:column].decode(errors="ignore"))
        return Place(self.file, node.lineno, column + 1)


def read_module(path: Path) -> Module:
    """The module in the file `path`.

    Raises NotFoundError, OutsideError where it cannot be read, and ContractError as `parse_module` does.
    """
    if not is_file(path):
        raise NotFoundError(f"there is no script {path}", hint="check the path, and the folder that it starts from")
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise _too_large(str(path))
        with tokenize.open(path) as stream:
            text = stream.read()
        folder = path.parent.resolve()
    except OSError as error:
        raise OutsideError(f"{path} cannot be read: {error.strerror}") from error
    except (SyntaxError, UnicodeDecodeError) as error:
        message = f"the script's encoding is not what it says: {error}"
        raise ContractError(message, place=Place(str(path), 1), hint="save it as UTF-8") from error
    return parse_module(text, str(path), folder)


def parse_module(text: str, file: str, folder: Path | None = None) -> Module:
    """The module with this text. Raises ContractError, with the place, for what Python itself cannot parse."""
    if len(text) > LARGEST_FILE:
        raise _too_large(file)
    if sum(1 for _ in islice(_WORD.finditer(text), MOST_WORDS + 1)) > MOST_WORDS:
        raise ContractError(f"the script has more than {MOST_WORDS:,} words and signs", place=Place(file))
    source = parse_source(text, file)
    try:
        names, changed = _module_names(source.tree, folder, file)
    except RecursionError:
        raise ContractError("the script is nested too deeply", place=Place(file, 1, 1)) from None
    return Module(source.tree, file, folder, source.lines, names, changed)


def _too_large(file: str) -> ContractError:
    return ContractError(f"the script is larger than {LARGEST_FILE // 2**20} MiB", place=Place(file))


def _module_names(tree: ast.Module, folder: Path | None, file: str) -> tuple[dict[str, object], frozenset[str]]:
    names: dict[str, object] = {"__name__": "__main__"}
    if folder is not None:
        names["__file__"] = str(folder / Path(file).name)
    counts: Counter[str] = Counter()
    changed: set[str] = set()
    opaque = False
    for node in nodes_of(tree):
        if isinstance(node, ast.Global):
            counts.update(dict.fromkeys(node.names, 2))
        elif isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.value, ast.Name):
            changes = isinstance(node, ast.Attribute) and node.attr in _CHANGERS
            if changes or not isinstance(node.ctx, ast.Load):
                changed.add(node.value.id)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            changed.add(node.target.id)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"globals", "exec"}:
            opaque = True
    statements = list(_scope(tree.body))
    for statement in statements:
        counts.update(_bound(statement))
    stars = [index for index, statement in enumerate(statements) if _is_star(statement)]
    hidden = statements[: stars[-1]] if stars else []  # what `from x import *` may bind anew
    for statement in hidden:
        names.update(dict.fromkeys(_bound(statement), UNKNOWN))
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            names.update(_imports(statement))
    for statement in statements[len(hidden) :]:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            names.update(_imports(statement))
        for name, value in _definitions(statement, names):
            mutable = isinstance(value, (list, dict, set)) and name in changed
            names[name] = UNKNOWN if mutable or opaque or counts[name] > 1 else value
    return names, frozenset(changed)


def _is_star(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*"


def _scope(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of one scope in their order, not those of the functions and classes inside it."""
    waiting: list[ast.AST] = list(reversed(body))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.stmt):
            yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            inner = [child for block in _BLOCKS for child in getattr(node, block, ()) if isinstance(child, ast.AST)]
            waiting.extend(reversed(inner))


def _bound(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement binds by itself, without the statements inside it."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield statement.name
        return
    for field, value in ast.iter_fields(statement):
        for part in value if isinstance(value, list) else [value]:
            if field not in _BLOCKS and isinstance(part, ast.AST):
                yield from bound_names(part)


def bound_names(node: ast.AST) -> Iterator[str]:
    """Every name that is bound anywhere below `node`, functions and classes by their own names."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load):
            yield part.id
        elif isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield part.name


def _imports(statement: ast.Import | ast.ImportFrom) -> dict[str, object]:
    return {name: Imported(origin) for name, origin in imported_names(statement).items()}


def _definitions(statement: ast.stmt, names: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """The names that a statement binds, each with its value."""
    known: dict[str, object] = {}
    if isinstance(statement, ast.ClassDef):
        known[statement.name] = _class_members(statement, names)
    elif isinstance(statement, ast.Assign):
        value = evaluate(statement.value, names)
        for target in statement.targets:
            known.update(_assigned(target, value))
    elif isinstance(statement, ast.AnnAssign) and statement.value and isinstance(statement.target, ast.Name):
        known[statement.target.id] = evaluate(statement.value, names)
    for name in _bound(statement):
        yield name, known.get(name, UNKNOWN)


def _assigned(target: ast.expr, value: object) -> dict[str, object]:
    """The names that assigning `value` to `target` binds, and their values."""
    if isinstance(target, ast.Name):
        return {target.id: value}
    if isinstance(target, (ast.Tuple, ast.List)):
        found: dict[str, object] = {}
        for part, each in zip(target.elts, unpacked(value, len(target.elts)), strict=True):
            found |= _assigned(part, each)
        return found
    return dict.fromkeys(bound_names(target), UNKNOWN)


def _class_members(statement: ast.ClassDef, names: Mapping[str, object]) -> object:
    """An enum, or a plain class whose constants stand in its body."""
    bases = [qualified_name(base, names) for base in statement.bases]
    enum = any(base in _ENUMS for base in bases)
    if not _PLAIN_BASES.issuperset(bases) or statement.keywords or statement.decorator_list:
        return UNKNOWN
    values: dict[str, object] = {}
    inside = Layered(values, names)
    for inner in statement.body:
        for name, value in _definitions(inner, inside):
            shared = isinstance(value, (list, dict, set))  # and anyone may change it
            known = UNKNOWN if name in values or shared else value
            values[name] = EnumMember(statement.name, name, known) if enum and known is not UNKNOWN else known
    if enum:
        values = {name: value for name, value in values.items() if isinstance(value, EnumMember)}
    return Members(statement.name, values, enum)


def qualified_name(node: ast.expr, names: Mapping[str, object]) -> str:
    """The full name of a library's thing: `click.Path` for `Path` after `from click import Path`; else ''.

    >>> qualified_name(ast.parse("np.float64", mode="eval").body, {"np": Imported("numpy")})
    'numpy.float64'
    """
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    value = names[node.id] if node.id in names else Imported(f"builtins.{node.id}")
    return ".".join([value.name, *reversed(parts)]) if isinstance(value, Imported) else ""
