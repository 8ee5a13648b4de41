"""What of a component's files counts as its code, and the digest of each."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from artifactflow.artifact import Digest
from artifactflow.contract import Component, Contract
from artifactflow.read.source import parse_module

CODE_ENDINGS = frozenset(
    f".{ending}"
    for ending in (
        *("py", "pyi", "ipynb", "sh", "bash", "r", "sql", "j2", "jinja"),
        *("yaml", "yml", "json", "toml", "cfg", "ini", "conf", "properties", "env"),
    )
)
"""Endings of code and configuration. Data counts only where the contract includes it."""

MANIFEST_NAME = "mlproject"
WRITTEN_BY_TOOLS = frozenset({"__pycache__", "mlruns", "wandb", "node_modules"})
"""Folders that running a component fills, whether git is told to ignore them or not."""
SAVED_MODEL = "MLmodel"
"""A folder with this file is a model that MLflow saved: data, though it has a copy of the code beside it."""
HYDRA_RUN = ".hydra"
"""A folder with this one in it is where Hydra had a run work: what it left there is no code."""
MAXIMUM_CONFIG_BYTES = 1 << 20


def code_digests(component: Component, contract: Contract) -> dict[str, str]:
    """What counts as code, with the digest of each part: `main.py::fit` a function or class, `main.py` the rest.

    Counted are code and config files of the folder that git would not ignore, and what the contract's `include` names;
    not the manifest and the environment file, whose meaning is in the contract and the environment already, and not
    the outputs, which a plain `mlflow run` leaves there. Python counts by its syntax tree without docstrings: comments
    and formatting change nothing.
    """
    left_out = {component.manifest, component.environment.file if component.environment else None}
    left_out |= {component.folder / output.path for output in contract.outputs}
    files = [file for file in _code_files(component.folder) if file not in left_out]
    included = [file for pattern in contract.include for file in sorted(component.folder.glob(pattern))]
    digests: dict[str, str] = {}
    for file in dict.fromkeys([*sorted(_not_ignored(component.folder, files)), *included]):
        if file.is_file():
            digests |= file_digests(file, file.relative_to(component.folder).as_posix())
    return digests


def file_digests(file: Path, name: str) -> dict[str, str]:
    """The digests of a file as code: of the parts of the syntax tree where it is Python, else of its bytes."""
    content = file.read_bytes()
    if file.suffix == ".py":
        try:
            texts = syntax_texts(content)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            pass  # broken code is still code: its bytes tell it apart
        else:
            return {f"{name}::{part}" if part else name: Digest.of(text.encode()).short for part, text in texts.items()}
    return {name: Digest.of(content).short}


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


def _code_files(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name in WRITTEN_BY_TOOLS or entry.is_symlink():
            continue
        if entry.is_dir():
            if not (entry / SAVED_MODEL).is_file() and not (entry / HYDRA_RUN).is_dir():
                yield from _code_files(entry)
        elif (
            entry.suffix.lower() in CODE_ENDINGS
            and entry.name.lower() != MANIFEST_NAME
            and (entry.suffix == ".py" or entry.stat().st_size <= MAXIMUM_CONFIG_BYTES)
        ):
            yield entry


def _not_ignored(folder: Path, files: Sequence[Path]) -> list[Path]:
    """The files that git would not ignore; all of them outside a repository or without git."""
    if not files:
        return []
    names = [file.relative_to(folder).as_posix() for file in files]
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), "check-ignore", "--stdin", "-z"],
            input="\0".join(names).encode(),
            capture_output=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return list(files)
    ignored = set(answer.stdout.decode(errors="surrogateescape").split("\0"))
    return [file for file, name in zip(files, names, strict=True) if name not in ignored]
