"""A folder that stands for the one file in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from artifactflow.errors import ContractError, NotFoundError


def single_file(path: Path) -> Path | None:
    """`path` where it is a file, the file where `path` is a folder with one file in it, at any depth; else None."""
    if not path.is_dir():
        return path
    files = files_below(path)
    return files[0] if len(files) == 1 else None


def file_to_read(path: Path, what: str, fits: Callable[[Path], bool] = lambda _: True) -> Path:
    """`path`, or the one file in the folder `path` that `fits`. `what` says in messages what is looked for: `a table`.

    Raises NotFoundError where there is no `path`, ContractError for a folder with no such file or with several.
    """
    if not path.exists():
        raise NotFoundError(f"{path} does not exist, expected {what}")
    if not path.is_dir():
        return path
    found = [file for file in files_below(path) if fits(file)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(str(file.relative_to(path)) for file in found[:5]) + (" …" if len(found) > 5 else "")
    raise ContractError(
        f"the folder {path} holds {f'{len(found)} files that could be' if found else 'nothing that is'} {what}"
        + (f": {names}" if found else ""),
        hint="name the file in the folder, or annotate the input with Path and read it yourself",
    )


def files_below(folder: Path) -> list[Path]:
    """The files of a folder at any depth, sorted."""
    return sorted(file for file in folder.rglob("*") if file.is_file())
