"""Puts texts where they belong, all of them or none, and never over a file unless it was asked for."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from artifactflow.errors import OutsideError, UsageError


def write_files(folder: Path, texts: Mapping[str, str], *, force: bool = False) -> None:
    """Write `texts`, by path relative to `folder`, with the folders that they need.

    A new folder appears complete, by one rename. In a folder that exists, files are put beside what is there; with
    `force` they replace those of the same name, one atomic rename each, after all of them have been written aside.
    Nothing else in the folder is touched.

    Raises UsageError naming what stands in the way, OutsideError where writing fails, with nothing left behind.
    """
    _refuse_what_stands_there(folder, texts, force=force)
    with _made_parents(folder), _staging(folder) as staged:
        for name, text in texts.items():
            (staged / name).parent.mkdir(parents=True, exist_ok=True)
            (staged / name).write_text(text, encoding="utf-8")
        if folder.exists():
            _move_into(folder, staged, texts, force=force)
        else:
            staged.rename(folder)


def _refuse_what_stands_there(folder: Path, texts: Mapping[str, str], *, force: bool) -> None:
    if os.path.lexists(folder) and not folder.is_dir():
        raise UsageError(f"{folder} stands in the way: it is no folder", hint="choose another name, or --into a folder")
    taken = [name for name in texts if os.path.lexists(folder / name)]
    blocked = [name for name in taken if (folder / name).is_dir() and not (folder / name).is_symlink()]
    for name in texts:
        parents = [parent for parent in Path(name).parents if parent != Path()]
        blocked += [
            str(parent) for parent in parents if os.path.lexists(folder / parent) and not (folder / parent).is_dir()
        ]
    if blocked:
        raise UsageError(
            f"{folder} holds what no file can replace: {', '.join(dict.fromkeys(blocked))}", hint="move it away first"
        )
    if taken and not force:
        raise UsageError(
            f"{folder} already has {', '.join(taken)}",
            hint="choose another name, or replace exactly these files: --force",
        )


@contextmanager
def _made_parents(folder: Path) -> Iterator[None]:
    """The folders above `folder`, and OSErrors as OutsideErrors; what was made is gone again after a failure."""
    made = [parent for parent in folder.absolute().parents if not parent.exists()]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        _remove_empty(made)
        raise OutsideError(
            f"cannot write {folder}: {error.strerror or error}", hint="mend that, or choose another folder: --into DIR"
        ) from error
    except BaseException:
        _remove_empty(made)
        raise


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """A fresh folder on the disk of `folder`, with the permissions of any other new one."""
    outer = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        inner = outer / "staged"
        inner.mkdir()  # mkdtemp's own folder is closed to others
        yield inner
    finally:
        shutil.rmtree(outer, ignore_errors=True)


def _move_into(folder: Path, staged: Path, texts: Mapping[str, str], *, force: bool) -> None:
    """Move what was staged into a folder that exists; what was added is taken away again where that fails."""
    added: list[Path] = []
    folders: list[Path] = []
    try:
        for name in texts:
            target = folder / name
            folders += [parent for parent in target.parents if not parent.exists()]
            target.parent.mkdir(parents=True, exist_ok=True)
            if not os.path.lexists(target):
                added.append(target)
            elif not force:
                raise UsageError(f"{target} was written by somebody else just now", hint="look at it, then try again")
            (staged / name).replace(target)
    except BaseException:
        for path in added:
            path.unlink(missing_ok=True)
        _remove_empty(folders)
        raise
