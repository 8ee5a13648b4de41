"""Locks: what an environment file resolved to, kept so that the same file gives the same environment."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import artifactflow
from artifactflow.contract import Environment
from artifactflow.environments.current import OURSELVES
from artifactflow.environments.guard import guarded
from artifactflow.environments.installed import normalised
from artifactflow.environments.interpreters import PLATFORM, Interpreter, find_interpreter
from artifactflow.environments.uv import UnknownPackageError, run_uv
from artifactflow.environments.wanted import Wanted, needs_conda, wanted
from artifactflow.environments.wheel import running_digest, running_wheel

FORMAT: Final = 1
OLD_WANDB: Final = (0, 17, 2)
"""The first wandb that runs with numpy 2; those before it need an older setuptools as well."""
OLD_WANDB_CONSTRAINTS: Final = "numpy<2\nsetuptools<81\n"


@dataclass(frozen=True, slots=True)
class Lock:
    """A resolved environment: `text` lists every package with its version, `file` is where it is kept.

    `sources` is the digest of what is installed from this machine (artifactflow itself, local folders), which the
    list does not show; `fresh` says that it was resolved just now.
    """

    text: str
    file: Path
    interpreter: Interpreter
    wanted: Wanted
    sources: str = ""
    fresh: bool = False

    @property
    def digest(self) -> str:
        """The digest of the list."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def key(self) -> str:
        """The name of the folder of the environment: the list, local sources, the interpreter and the platform."""
        parts = [
            FORMAT,
            self.text,
            self.sources,
            self.interpreter.version,
            str(self.interpreter.path.resolve()),
            PLATFORM,
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]

    @property
    def packages(self) -> dict[str, str]:
        """What counts for a cache key, as `current.package_closure` has it. Known before anything is built."""
        listed = dict(sorted(_listed(self.text)))
        if self.wanted.local:
            listed["(local)"] = self.wanted.local_digest()
        return {"python": self.interpreter.minor, "platform": PLATFORM} | listed


def lock_environment(environment: Environment, root: Path, *, upgrade: bool = False) -> Lock:
    """The lock of an environment file, from `root`/locks where it is kept, else resolved by uv and kept there.

    `upgrade` resolves again, to the newest versions that the file allows. Where only artifactflow or a local folder
    has changed, everything else keeps its version.

    Raises ContractError for requirements that cannot be met, MissingToolError for what only conda has and where uv or
    the interpreter is missing, OutsideError where an index cannot be reached.
    """
    stated = wanted(environment)
    interpreter = find_interpreter(stated.python)
    wheel = running_wheel(root / "wheels") if stated.own_extras is not None else None
    if not upgrade and (found := _found(stated, interpreter, root)):
        return found
    sources = _sources(stated, root)
    digest = requirements_digest(stated, interpreter)
    file = _file(root, digest)
    with guarded(root / "guards" / f"lock-{digest}") as descriptor:
        kept = None if upgrade else _kept(file)
        if kept is None or kept[0] != sources:
            lines = [*stated.lines, *([_own_line(stated, wheel)] if wheel else [])]
            try:
                text = _resolved(lines, stated, interpreter, kept[1] if kept else "", descriptor)
            except UnknownPackageError as error:
                if missing := [name for name in error.names if normalised(name) in (stated.from_conda or {})]:
                    raise needs_conda(environment, missing) from None
                raise
            _write(file, f"{_header(sources)}{text}")
            kept = sources, text
    return Lock(kept[1], file, interpreter, stated, sources, fresh=True)


def kept_lock(environment: Environment, root: Path) -> Lock | None:
    """The lock that `lock_environment` would return without resolving; None where it would. Nothing is written."""
    stated = wanted(environment)
    return _found(stated, find_interpreter(stated.python), root)


def _found(stated: Wanted, interpreter: Interpreter, root: Path) -> Lock | None:
    file = _file(root, requirements_digest(stated, interpreter))
    kept = _kept(file)
    if kept is None or kept[0] != _sources(stated, root):
        return None
    return Lock(kept[1], file, interpreter, stated, kept[0])


def _file(root: Path, digest: str) -> Path:
    return root / "locks" / f"{digest}.txt"


def _sources(stated: Wanted, root: Path) -> str:
    """A digest of what is installed from this machine: artifactflow itself, where it is asked for, and local files.

    The list names our wheel by its place: in a store that was moved it has to be resolved again.
    """
    own = root.absolute() / running_digest() if stated.own_extras is not None else ""
    return hashlib.sha256(f"{own} {stated.local_digest()}".encode()).hexdigest()[:32]


def requirements_digest(stated: Wanted, interpreter: Interpreter) -> str:
    """What names a lock: the requirements as written, Python's minor version and the platform."""
    parts = [FORMAT, stated.lines, stated.options, stated.own_extras, interpreter.minor, PLATFORM]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _resolved(lines: Iterable[str], stated: Wanted, interpreter: Interpreter, preferred: str, descriptor: int) -> str:
    requirements = "".join(f"{line}\n" for line in (*stated.options, *lines))

    def compiled(constraints: str = "") -> str:
        with tempfile.TemporaryDirectory() as folder:
            # uv keeps the versions that the output file lists already, where they still serve.
            output, limits = Path(folder, "lock.txt"), Path(folder, "constraints.txt")
            output.write_text(preferred, encoding="utf-8")
            limits.write_text(constraints, encoding="utf-8")
            run_uv(
                "pip", "compile", "-", "--quiet", "--no-annotate", "--no-header", "--python", interpreter.path,
                "--constraints", limits, "--output-file", output,
                folder=stated.file.parent, text=requirements, keep=[descriptor],
            )  # fmt: skip
            return output.read_text(encoding="utf-8")

    text = compiled()
    version = dict(_listed(text)).get("wandb")
    return compiled(OLD_WANDB_CONSTRAINTS) if version and _release(version) < OLD_WANDB else text


def _release(version: str) -> tuple[int, ...]:
    from packaging.version import InvalidVersion, Version

    try:
        return Version(version).release
    except InvalidVersion:  # an address
        return OLD_WANDB


def _own_line(stated: Wanted, wheel: Path) -> str:
    extras = f"[{','.join(stated.own_extras)}]" if stated.own_extras else ""
    return f"{OURSELVES}{extras} @ {wheel.absolute().as_uri()}"


def _listed(text: str) -> Iterator[tuple[str, str]]:
    """The packages of a lock with their versions; for one from an address, the address stands for the version."""
    for line in text.splitlines():
        requirement = line.partition(" ;")[0].strip()
        name, separator, version = requirement.partition("==")
        if not separator:
            name, separator, version = requirement.partition(" @ ")
        name = normalised(name.partition("[")[0].strip())
        if separator and not name.startswith(("#", "-")):
            yield name, artifactflow.__version__ if name == OURSELVES else version.strip()


def _header(sources: str) -> str:
    return f"# sources {sources}\n"


def _kept(file: Path) -> tuple[str, str] | None:
    """The sources and the list in a lock's file; None where there is none or its first line is not ours."""
    try:
        first, _, text = file.read_text(encoding="utf-8").partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    sources = first.removeprefix("# sources ")
    return (sources, text) if sources != first else None


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, aside = tempfile.mkstemp(dir=file.parent, prefix=".lock-")
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    Path(aside).replace(file)
