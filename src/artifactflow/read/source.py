"""A script's text and syntax tree, read with bounds, and places in it."""

from __future__ import annotations

import ast
import functools
import os
import re
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from artifactflow.errors import ContractError, Place
from artifactflow.read.bounded_text import read_bounded_text

LARGEST_SCRIPT: Final = 1 << 20
"""Bytes that a script may have."""

_LONGEST_LINE: Final = 10_000

_parsing = threading.Lock()
# CPython 3.11 counts in one place for all threads how deep a tree is nested: two that parse at once end in
# `SystemError: AST constructor recursion depth mismatch`. So one parses at a time, and nobody is forked while one does.
os.register_at_fork(before=_parsing.acquire, after_in_parent=_parsing.release, after_in_child=_parsing.release)


@dataclass(frozen=True, slots=True)
class Source:
    """A script that was parsed. `file` is how places name it."""

    file: str
    lines: tuple[str, ...]
    tree: ast.Module

    @property
    def start(self) -> Place:
        """The beginning of the file."""
        return Place(self.file, 1, 1)

    def place(self, node: ast.expr | ast.stmt) -> Place:
        """Where a node begins."""
        line = self.lines[node.lineno - 1] if node.lineno <= len(self.lines) else ""
        column = node.col_offset
        # ast counts bytes; in a line that nobody wrote by hand the difference is not worth its cost.
        if not line.isascii() and len(line) < _LONGEST_LINE:
            column = len(line.encode()[:column].decode(errors="ignore"))
        return Place(self.file, node.lineno, column + 1)


def parse_module(source: str | bytes) -> ast.Module:
    """The syntax tree of Python source, for several threads at once. Raises what `ast.parse` does."""
    with _parsing:
        return ast.parse(source)


def parse_expression(text: str) -> ast.expr:
    """The same for a single expression.

    >>> parse_expression("1 + x").__class__.__name__
    'BinOp'
    """
    with _parsing:
        return ast.parse(text, mode="eval").body


@functools.lru_cache(maxsize=16)
def nodes_of(tree: ast.Module) -> tuple[ast.AST, ...]:
    """Every node of a tree, as `ast.walk` gives them; kept, because several readers go through them all."""
    return tuple(ast.walk(tree))


def imported_names(statement: ast.Import | ast.ImportFrom) -> dict[str, str]:
    """The names that an import binds, each with what it stands for; a relative one keeps its dots: `.cli.parser`.

    >>> [imported_names(statement) for statement in parse_module("import os.path; from . import cli as own").body]
    [{'os': 'os'}, {'own': '.cli'}]
    """
    found: dict[str, str] = {}
    for alias in statement.names:
        if isinstance(statement, ast.Import):
            # `import a.b` binds a; `import a.b as c` binds a.b.
            name = alias.asname or alias.name.partition(".")[0]
            found[name] = alias.name if alias.asname else name
        elif alias.name != "*":
            origin = "." * statement.level + (f"{statement.module}." if statement.module else "")
            found[alias.asname or alias.name] = origin + alias.name
    return found


def read_text(path: Path) -> str:
    """The text of a script.

    Raises NotFoundError, OutsideError where it cannot be read, and ContractError where it is larger than a script can
    be or is not UTF-8.
    """
    return read_bounded_text(path, LARGEST_SCRIPT, "script")


def read_source(path: Path) -> Source:
    """The script at `path`, parsed. Raises what `read_text` does, and ContractError where it is not Python."""
    return parse_source(read_text(path), str(path))


@functools.lru_cache(maxsize=16)
def parse_source(text: str, file: str) -> Source:
    """A script's text, parsed, with `file` as its name in places. Raises ContractError where it is not Python.

    Several readers look at one script in turn, so the last few are kept: nobody may change the tree.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape in somebody's script is not ours to print
            tree = parse_module(text)
    except SyntaxError as error:
        place = Place(file, error.lineno or 1, max(error.offset or 1, 1))
        raise ContractError(f"the script is not Python: {error.msg}", place=place) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise ContractError(
            f"the script cannot be parsed: {error or 'it is nested too deeply'}", place=Place(file, 1, 1)
        ) from None
    return Source(file, tuple(re.split(r"\r\n|\r|\n", text)), tree)
