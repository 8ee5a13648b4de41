"""Which files of a component's folder count for its steps, its code and the data beside it, and the digest of each."""

from __future__ import annotations

import ast
import hashlib
import os
import subprocess
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from artifactflow.artifact import Digest
from artifactflow.contract import Component, Contract
from artifactflow.errors import OutsideError
from artifactflow.read.source import parse_module

CODE_ENDINGS: Final = frozenset(
    f".{ending}"
    for ending in (
        *("py", "pyi", "ipynb", "sh", "bash", "r", "sql", "j2", "jinja"),
        *("yaml", "yml", "json", "toml", "cfg", "ini", "conf", "properties", "env"),
    )
)
"""Endings of code and configuration."""

MAXIMUM_CONFIG_BYTES: Final = 1 << 20
"""A larger file of these endings is data, unless it is Python's."""

MANIFEST_NAME: Final = "mlproject"
WRITTEN_BY_TOOLS: Final = frozenset({"__pycache__", "mlruns", "mlartifacts", "wandb", "node_modules", "mlflow.db"})
"""Files and folders that running a component makes, whether git is told to ignore them or not."""
WRITTEN_ENDINGS: Final = (".pyc", ".log", "-journal", "-wal", "-shm", ".egg-info")
FOR_READERS: Final = ("readme", "license", "licence", "changelog", "contributing")
"""How the names of files begin that people read and steps do not."""
ENVIRONMENT_MARKS: Final = frozenset({"pyvenv.cfg", "conda-meta"})
"""What a folder has that holds an installed environment."""
SAVED_MODEL: Final = "MLmodel"
"""A folder with this file is a model that MLflow saved: data, though it has a copy of the code beside it."""
HYDRA_RUN: Final = ".hydra"
"""A folder with this one in it is where Hydra had a run work: what it left there is nobody's."""


def code_digests(
    component: Component,
    contract: Contract,
    left: Collection[str] = (),
    *,
    of_file: Callable[[Path, str], dict[str, str]] | None = None,
    code_only: bool = False,
) -> dict[str, str]:
    """What of a folder counts, with the digest of each part: `main.py::fit` a function or class, `main.py` the rest.

    Counted are its files that git would not ignore (with `code_only` those with the endings of code and configuration),
    without those that its steps have `left` there, and what the contract's `include` names; not the manifest and the
    environment file, whose meaning is in the contract and the environment already, and not the outputs, which a plain
    `mlflow run` leaves there. Python counts by its syntax tree without docstrings: comments and formatting change
    nothing. `of_file` may know the digests of a file already, see `file_digests`.
    """
    folder = component.folder
    left_out = {component.manifest, component.environment.file if component.environment else None}
    left_out |= {folder / output.path for output in contract.outputs}
    left_out |= {folder / name for name in left}
    files = [file for file in own_files(folder, code_only=code_only) if file not in left_out]
    files = [file for file in files if left_out.isdisjoint(file.parents)]  # an output may be a folder
    included = [file for pattern in contract.include for file in sorted(folder.glob(pattern))]
    digests: dict[str, str] = {}
    for file in dict.fromkeys([*sorted(_not_ignored(folder, files)), *included]):
        if file.is_file():
            digests |= (of_file or file_digests)(file, file.relative_to(folder).as_posix())
    return digests


def file_digests(file: Path, name: str) -> dict[str, str]:
    """The digests of a file as code: of the parts of the syntax tree where it is Python, else of its bytes.

    Raises OutsideError where it cannot be read.
    """
    try:
        if file.suffix == ".py":
            with suppress(SyntaxError, ValueError, RecursionError, MemoryError):  # then its bytes tell it apart
                texts = syntax_texts(file.read_bytes())
                return {
                    f"{name}::{part}" if part else name: Digest.of(text.encode()).short for part, text in texts.items()
                }
        with file.open("rb") as stream:
            return {name: Digest(hashlib.file_digest(stream, "sha256").hexdigest()).short}
    except OSError as error:
        raise OutsideError(
            f"cannot read {file}, which counts for its step: {error.strerror}",
            hint="make it readable, or have git ignore it: what git ignores does not count",
        ) from error


def syntax_texts(source: bytes | str) -> dict[str, str]:
    """Texts, by top-level function and class, that are equal for sources that differ in form only.

    Comments, docstrings and formatting are form. The empty name stands for everything else in the module.

    >>> syntax_texts("def f():\\n    'doc'\\n    return 1  # why") == syntax_texts("def f(): return 1")
    True
    """
    module = parse_module(source)
    _remove_docstrings(module)
    parts: dict[str, str] = {}
    rest: list[ast.stmt] = []
    for statement in module.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            parts[statement.name] = parts.get(statement.name, "") + ast.dump(statement)
            # Where a definition stands among the rest is part of the rest: moving it can change what runs.
            rest.append(ast.Expr(ast.Constant(statement.name)))
        else:
            rest.append(statement)
    return {**parts, "": ast.dump(ast.Module(rest, []))}


def _remove_docstrings(module: ast.Module) -> None:
    for node in ast.walk(module):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or [ast.Pass()]


def own_files(folder: Path, *, code_only: bool = False) -> Iterator[Path]:
    """All files below that a step may read: not hidden ones, the manifest, a README, what tools write.

    Links to folders are not followed, and folders that may not be read are passed over: no step can read them either.
    With `code_only`, only those with the endings of code and configuration.
    """
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except (PermissionError, FileNotFoundError):
        return
    names = {entry.name for entry in entries}
    if names & ENVIRONMENT_MARKS or HYDRA_RUN in names or (code_only and SAVED_MODEL in names):
        return
    for entry in entries:
        name = entry.name
        if name.startswith(".") or name in WRITTEN_BY_TOOLS or name.endswith(WRITTEN_ENDINGS):
            continue
        if entry.is_dir():
            if not entry.is_symlink():
                yield from own_files(Path(entry.path), code_only=code_only)
        elif entry.is_file() and _may_count(name.lower()) and (not code_only or _is_code(entry)):
            yield Path(entry.path)


def _may_count(name: str) -> bool:
    return name != MANIFEST_NAME and (name.endswith(".py") or not name.startswith(FOR_READERS))


def _is_code(entry: os.DirEntry[str]) -> bool:
    ending = Path(entry.name).suffix.lower()
    return (
        not entry.is_symlink()
        and ending in CODE_ENDINGS
        and (ending == ".py" or entry.stat().st_size <= MAXIMUM_CONFIG_BYTES)
    )


def _not_ignored(folder: Path, files: Sequence[Path]) -> list[Path]:
    """The files that git would not ignore; all of them outside a repository or without git."""
    if not files:
        return []
    names = [file.relative_to(folder).as_posix() for file in files]
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), "check-ignore", "--stdin", "-z"],
            input="\0".join(names).encode(errors="surrogateescape"),
            capture_output=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return list(files)
    ignored = set(answer.stdout.decode(errors="surrogateescape").split("\0"))
    return [file for file, name in zip(files, names, strict=True) if name not in ignored]
