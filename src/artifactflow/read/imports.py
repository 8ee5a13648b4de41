"""What a script imports, by its syntax tree: nothing is imported and nothing runs.

Three questions: which modules (`imports_of`), which files of the component itself (`local_closure`), and which
distribution one would have to install for a module (`distributions_of`).
"""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from artifactflow.errors import ArtifactflowError, Place
from artifactflow.read.distribution_names import DISTRIBUTION_NAMES
from artifactflow.read.paths import is_file, is_folder
from artifactflow.read.source import Source, read_source

_REMOVED_MODULES: Final = """
aifc asynchat asyncore audioop binhex cgi cgitb chunk crypt distutils formatter imghdr imp lib2to3 mailcap msilib
nis nntplib ossaudiodev parser pipes smtpd sndhdr spwd sunau symbol telnetlib uu xdrlib
"""
_FORMERLY_STANDARD: Final = frozenset(_REMOVED_MODULES.split())
"""Modules that left the standard library after Python 3.8: a component may ask for an older Python than ours."""

_IMPORT_FUNCTIONS: Final = frozenset({"import_module", "__import__"})
_ERRORS_THAT_EXCUSE: Final = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


@dataclass(frozen=True, slots=True)
class ImportUse:
    """One import of a module from outside, by its top name (`sklearn` for `from sklearn.svm import SVC`).

    `optional` where the script copes without: inside `try` with an ImportError handler, or `if TYPE_CHECKING`.
    """

    module: str
    place: Place
    optional: bool = False


@dataclass(frozen=True, slots=True)
class _Statement:
    """An import as written: `names` are those after `from … import`, `level` counts its leading dots."""

    module: str
    level: int
    names: tuple[str, ...]
    place: Place
    optional: bool


def imports_of(path: Path) -> tuple[ImportUse, ...]:
    """Every import in the script, in the order of lines, also within functions. Relative ones are left out.

    `importlib.import_module("x")` with a literal counts too. Raises what `read_source` raises: NotFoundError,
    OutsideError where the file cannot be read, ContractError where it is not Python.
    """
    uses = (
        ImportUse(statement.module.partition(".")[0], statement.place, statement.optional)
        for statement in _statements(path)
        if statement.module and not statement.level
    )
    return tuple(sorted(uses, key=lambda use: (use.place.line or 0, use.place.column or 0)))


def local_closure(script: Path, folder: Path) -> tuple[Path, ...]:
    """The script and the files below its folder or `folder` (the component) that it imports, directly or not.

    Absolute imports are looked up beside the script first and then in `folder`, as `python script.py` and
    `python -m` do. Importing a package takes its `__init__.py`, `from package import *` all its modules. A file that
    cannot be read or parsed is in the closure, without what it imports. The script comes first; each file once.
    """
    bases = tuple(dict.fromkeys((script.parent, folder)))
    roots = tuple(base.resolve() for base in bases)
    found: dict[Path, Path] = {}
    waiting = [script]
    while waiting:
        file = waiting.pop(0)
        identity = file.resolve()
        if identity in found or not any(identity.is_relative_to(root) for root in roots):
            continue
        found[identity] = file
        try:
            statements = _statements(file)
        except ArtifactflowError:
            continue
        for statement in statements:
            waiting.extend(_files_of(statement, file, bases))
    return tuple(found.values())


def is_standard_library(module: str) -> bool:
    """Whether the module, by its top name, comes with Python: with the running one, or with one since 3.8.

    >>> is_standard_library("json"), is_standard_library("distutils"), is_standard_library("yaml")
    (True, True, False)
    """
    return module in sys.stdlib_module_names or module in _FORMERLY_STANDARD or module == "__main__"


def distributions_of(module: str) -> tuple[str, ...]:
    """The distributions known to provide a module, by its top name, the usual one first; empty where none is known.

    What is installed is asked only where the shipped table does not know the module.

    >>> distributions_of("PIL")
    ('pillow', 'Pillow-SIMD')
    """
    if module in DISTRIBUTION_NAMES:
        return DISTRIBUTION_NAMES[module]
    if is_standard_library(module):
        return ()
    import importlib.metadata  # with all of `email`: a run that has nothing to do can do without

    try:
        return (importlib.metadata.distribution(module).metadata["Name"],)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return tuple(dict.fromkeys(_installed_modules().get(module, ())))


def distribution_of(module: str) -> str | None:
    """The distribution to install for a module, None where it is unknown or the standard library's.

    >>> distribution_of("sklearn"), distribution_of("json")
    ('scikit-learn', None)
    """
    return next(iter(distributions_of(module)), None)


@functools.cache
def _installed_modules() -> dict[str, list[str]]:
    # Reads the file list of everything installed: a tenth of a second, so once, and only when nothing else knows.
    import importlib.metadata

    return dict(importlib.metadata.packages_distributions())


def _statements(path: Path) -> tuple[_Statement, ...]:
    return _statements_of(read_source(path))


@functools.lru_cache(maxsize=16)
def _statements_of(source: Source) -> tuple[_Statement, ...]:
    """The imports of a script; kept, because its closure and its own imports are asked for in turn."""
    return tuple(_found_statements(source))


def _found_statements(source: Source) -> Iterator[_Statement]:
    # A stack of our own instead of recursion: nesting is the author's choice, and bounded by the parser only.
    waiting: list[tuple[ast.AST, bool]] = [(source.tree, False)]
    # Only a call imports within an expression, and most scripts have no such call.
    calls = any(function in line for line in source.lines for function in _IMPORT_FUNCTIONS)
    while waiting:
        node, optional = waiting.pop()
        match node:
            case ast.Import():
                for alias in node.names:
                    yield _Statement(alias.name, 0, (), source.place(node), optional)
            case ast.ImportFrom():
                names = tuple(alias.name for alias in node.names)
                yield _Statement(node.module or "", node.level, names, source.place(node), optional)
            case ast.Call(args=[ast.Constant(value=str(module)), *_]) if _called(node) in _IMPORT_FUNCTIONS:
                # A relative name needs the package argument, and that is not known here.
                if module and not module.startswith("."):
                    yield _Statement(module, 0, (), source.place(node), optional)
        excused = _excused_children(node)
        waiting.extend(
            (child, optional or id(child) in excused)
            for child in ast.iter_child_nodes(node)
            if calls or not isinstance(child, ast.expr)
        )


def _excused_children(node: ast.AST) -> set[int]:
    """The children of a node (by identity) in which a missing module does no harm."""
    match node:
        case ast.Try() | ast.TryStar() if any(_catches_import_error(handler.type) for handler in node.handlers):
            return {id(child) for child in (*node.body, *node.handlers)}
        case ast.If() if _last_name(node.test) == "TYPE_CHECKING":
            return {id(child) for child in node.body}
        case ast.With() if any(
            isinstance(item.context_expr, ast.Call)
            and _called(item.context_expr) == "suppress"
            and any(_catches_import_error(argument) for argument in item.context_expr.args)
            for item in node.items
        ):
            return {id(child) for child in node.body}
    return set()


def _catches_import_error(caught: ast.expr | None) -> bool:
    if caught is None:
        return True
    kinds = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(_last_name(kind) in _ERRORS_THAT_EXCUSE for kind in kinds)


def _called(call: ast.Call) -> str:
    return _last_name(call.func)


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _files_of(statement: _Statement, importer: Path, bases: tuple[Path, ...]) -> Iterator[Path]:
    parts = tuple(part for part in statement.module.split(".") if part)
    if statement.level:
        package = importer.parent
        for _ in range(statement.level - 1):
            package = package.parent
        if is_file(initial := package / "__init__.py"):
            yield initial
        yield from _module_files(package, parts, statement.names)
        return
    # A regular module anywhere on the path wins over a namespace package before it, as in Python.
    candidates = [base for base in bases if _is_module(base / parts[0])] or [
        base for base in bases if is_folder(base / parts[0])
    ]
    if candidates:
        yield from _module_files(candidates[0], parts, statement.names)


def _module_files(base: Path, parts: tuple[str, ...], names: tuple[str, ...]) -> Iterator[Path]:
    """The files that importing `parts` and then `names` out of it runs, as far as they exist."""
    path = base
    for part in parts:
        path = path / part
        if is_file(initial := path / "__init__.py"):
            yield initial
        elif is_file(module := path.with_name(f"{part}.py")):
            yield module
            return
        elif not is_folder(path):
            return
    for name in names:
        if name == "*":
            yield from sorted(path.glob("*.py"))
        else:
            yield from _module_files(path, (name,), ())


def _is_module(path: Path) -> bool:
    return is_file(path / "__init__.py") or is_file(path.with_name(f"{path.name}.py"))
