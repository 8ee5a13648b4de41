"""Compiled files of an environment: shared with earlier environments, taken over from the running one, or compiled."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import os
import struct
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import MAGIC_NUMBER
from pathlib import Path, PurePosixPath
from typing import Final

from artifactflow.environments.interpreters import Interpreter
from artifactflow.environments.program import run_program

TEST_FOLDERS: Final = frozenset({"test", "tests"})
"""Not compiled: a package's own tests are half of its files, and nobody imports them."""

_HEADER: Final = struct.Struct("<4sLLL")
_COMPILE: Final = """
import os, py_compile, sys
sources = sys.stdin.read().splitlines()
count = os.cpu_count() or 1
children = []
for number in range(count):
    child = os.fork()
    if child == 0:
        try:
            for source in sources[number::count]:
                py_compile.compile(source, quiet=2)
        finally:
            os._exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)
"""
"""A share for each processor. No pool: where what feeds them is killed, its workers wait for ever and hold the lock."""


@dataclass(frozen=True, slots=True)
class _Module:
    """A module's source, its compiled form beside it, and where the shared one is kept; `name` is its path."""

    name: PurePosixPath
    source: Path
    compiled: Path
    shared: Path


def compile_environment(
    python: Path, site_packages: Path, interpreter: Interpreter, pool: Path, keep: Sequence[int] = ()
) -> None:
    """Give every module of `site_packages`, without the packages' tests, its compiled file.

    `pool` holds the compiled files of earlier environments by distribution and is added to; what the running
    interpreter has compiled of the very same source is taken over. A module that does not
    compile (some packages ship code of other Pythons) is left as it is.
    """
    donor = Path(sysconfig.get_path("purelib")) if interpreter.cache_tag == sys.implementation.cache_tag else None
    added: list[_Module] = []
    missing: list[_Module] = []
    for module in _modules(site_packages, interpreter.cache_tag, pool / interpreter.cache_tag):
        if _fits(module.shared, module.source) and _link(module.shared, module.compiled):
            continue
        taken_over = donor is not None and _take_over(module, donor / module.name)
        (added if taken_over else missing).append(module)
    if missing:
        sources = "\n".join(str(module.source) for module in missing)
        run_program([python, "-I", "-c", _COMPILE], text=sources, keep=keep)
    for module in (*added, *missing):
        if _fits(module.compiled, module.source):
            module.shared.unlink(missing_ok=True)
            _link(module.compiled, module.shared)


def _fits(compiled: Path, source: Path) -> bool:
    """Whether a compiled file is that of a source, by the time and size in its header, as Python decides."""
    try:
        with compiled.open("rb") as stream:
            return stream.read(_HEADER.size)[4:] == _header(source)[4:]
    except OSError:
        return False


def _header(source: Path) -> bytes:
    status = source.stat()
    return _HEADER.pack(MAGIC_NUMBER, 0, int(status.st_mtime) & 0xFFFFFFFF, status.st_size & 0xFFFFFFFF)


def _take_over(module: _Module, source: Path) -> bool:
    """Write the compiled file of the same source in the running interpreter, with this source's time in its header.

    Nothing else in it depends on where the source lies: Python puts the path in when it imports.
    """
    compiled = source.parent / "__pycache__" / module.compiled.name
    try:
        if not _fits(compiled, source) or source.read_bytes() != module.source.read_bytes():
            return False
        code = compiled.read_bytes()[_HEADER.size :]
        module.compiled.parent.mkdir(exist_ok=True)
        module.compiled.write_bytes(_header(module.source) + code)
    except OSError:
        return False
    return True


def _modules(site_packages: Path, cache_tag: str, pool: Path) -> Iterator[_Module]:
    for record in site_packages.glob("*.dist-info/RECORD"):
        content = record.read_bytes()
        name = record.parent.name.removesuffix(".dist-info")
        kept = pool / f"{name}-{hashlib.sha256(content).hexdigest()[:16]}"
        for row in csv.reader(content.decode(errors="replace").splitlines()):
            path = PurePosixPath(row[0]) if row else PurePosixPath()
            if path.suffix != ".py" or path.is_absolute() or {"..", *TEST_FOLDERS} & set(path.parts[:-1]):
                continue
            compiled = path.parent / "__pycache__" / f"{path.stem}.{cache_tag}.pyc"
            yield _Module(path, site_packages / path, site_packages / compiled, kept / compiled)


def _link(existing: Path, new: Path) -> bool:
    """Whether `new` is a second name of `existing` now. Where links cannot be made, nothing is shared."""
    with contextlib.suppress(OSError):
        try:
            os.link(existing, new)
        except FileNotFoundError:
            new.parent.mkdir(parents=True, exist_ok=True)
            os.link(existing, new)
        return True
    return False
