"""How the content of a damaged or lost object can be had again."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from artifactflow.artifact import Digest, Version
from artifactflow.contract import BUILT_IN_PREFIX
from artifactflow.runs import Run
from artifactflow.store.files import hash_file
from artifactflow.store.layout import Layout


@dataclass(frozen=True, slots=True)
class Use:
    """A version that has the object as its file `path`; without a path it is the version's list of files."""

    version: Version
    path: str = ""


def advice(layout: Layout, digest: Digest, uses: Sequence[Use], run_of: Callable[[str], Run | None]) -> str:
    """What to do to have the content again, as a command; of an object that nothing uses, nothing."""
    for use in uses:
        copy = _intact_copy(layout.loaded / use.version.digest.hexadecimal, digest)
        if copy is not None:
            return f"an intact copy is there: {_put(copy, use.version)}"
    for use in uses:
        run = run_of(use.version.run_id) if use.version.run_id else None
        if run is not None and run.component.startswith(BUILT_IN_PREFIX) and run.pipeline == run.step:
            return f"do it again as run {run.id} did: artifactflow {run.step}; artifactflow runs show {run.id}"
        if run is not None:
            return f"run {run.step} of {run.pipeline} again: artifactflow run-pipeline --until {shlex.quote(run.step)}"
    for use in uses:
        return f"put the same content again: {_put(Path(use.path or 'PATH'), use.version)}"
    return ""


def _intact_copy(folder: Path, digest: Digest) -> Path | None:
    """What a Python process loaded of a version, where that file of it is whole; a folder as a folder."""
    for file in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if file.is_file() and not file.is_symlink() and hash_file(file) == digest:
            return folder / file.relative_to(folder).parts[0]
    return None


def _put(path: Path, version: Version) -> str:
    return f"artifactflow artifacts put {shlex.quote(str(path))} --name {version.name} --type {version.type}"
