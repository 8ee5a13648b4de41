"""Between trees and the file system: reading a file or folder as a tree, and writing a tree out as files again."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Final

from artifactflow.artifact import Digest, Tree, TreeEntry
from artifactflow.errors import IntegrityError, NotFoundError, UsageError
from artifactflow.forks import may_share, share
from artifactflow.store.batch import Batch
from artifactflow.store.blobs import Blobs, damaged
from artifactflow.store.files import copy_file, hash_file, remove

_FILES_AT_ONCE: Final = 256
"""How many a process takes in before it tells of them."""

_WORTH_PROCESSES: Final = 2048
"""Fewer files are taken in sooner than processes are started for them."""

# A backslash, a control character, or a part that is empty, `.` or `..`.
_harmful = re.compile(r"[\\\x00-\x1f\x7f]|(?:\A|/)\.{0,2}(?:/|\Z)")


@dataclass(frozen=True, slots=True)
class Staged:
    """A tree whose bytes have been taken in, and wait in `batch` to be made durable and to get their names."""

    tree: Tree
    batch: Batch


def unused_name(folder: Path, prefix: str) -> Path:
    """A path in `folder` that nobody else will come upon."""
    return folder / f"{prefix}-{os.urandom(8).hex()}"


def check_path(path: object) -> str:
    """`path`, where it may be written below a folder: relative, with `/`, and leading nowhere else.

    >>> check_path("images/cat.png")
    'images/cat.png'

    Raises IntegrityError for any other, whoever wrote it: the store's own files are not trusted either.
    """
    if not isinstance(path, str) or _harmful.search(path):
        raise IntegrityError(
            f"{path!r} cannot be a file of an artifact",
            hint="use relative names without '..', backslashes and control characters",
        )
    try:
        path.encode()
    except UnicodeEncodeError:
        raise IntegrityError(f"the file name {path!r} is not UTF-8", hint="rename the file") from None
    return path


def check_tree(tree: Tree) -> Tree:
    """`tree`, where it can be written out: every path is harmless, and none stands twice or is another's folder."""
    paths = {check_path(entry.path) for entry in tree.entries}
    if len(paths) != len(tree.entries):
        raise IntegrityError("an artifact's list of files names one of them twice")
    folders: set[str] = set()
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    if both := folders & paths:
        raise IntegrityError(f"an artifact's list of files has {min(both)!r} both as a file and as a folder")
    return tree


def read_tree(source: Path, name: str, batch: Batch, *, adopt: bool) -> Tree:
    """Take the file or folder at `source` into `batch`, and the list of its files too. `name` is what a file is called.

    With `adopt` its files are renamed into the store when the batch is placed. Empty folders are not kept.
    Many files are shared among processes. Raises IntegrityError for anything but regular files and folders: a link
    means something else elsewhere.
    """
    folder = stat.S_ISDIR(source.lstat().st_mode)
    files = list(walk(source)) if folder else [(name, str(source))]
    if len(files) < _WORTH_PROCESSES or not may_share():
        rows = _take(files, batch, adopt=adopt)
    else:
        rows = []
        for found, part in share(lambda some: _take_apart(some, batch, adopt=adopt), files, part=_FILES_AT_ONCE):
            rows += found
            batch.join(part)
    tree = Tree(tuple(TreeEntry(path, Digest(digest), size, runs) for path, digest, size, runs in rows), folder=folder)
    batch.add_bytes(tree.to_bytes())
    return tree


_Row = tuple[str, str, int, bool]
"""What a `TreeEntry` has, but cheap to send: tens of thousands of them may come from other processes."""


def _take(files: Sequence[tuple[str, str]], batch: Batch, *, adopt: bool) -> list[_Row]:
    take = batch.adopt_file if adopt else batch.add_file
    rows = []
    for path, file in files:
        check_path(path)
        taken = take(file)
        rows.append((path, taken.digest.hexadecimal, taken.size, taken.executable))
    return rows


def _take_apart(files: Sequence[tuple[str, str]], batch: Batch, *, adopt: bool) -> tuple[list[_Row], Batch]:
    part = batch.apart()
    return _take(files, part, adopt=adopt), part


def walk(folder: Path) -> Iterator[tuple[str, str]]:
    """The files below `folder`: path relative to it, and whole. Raises IntegrityError for links, pipes, devices."""
    waiting = [("", str(folder))]
    while waiting:
        prefix, current = waiting.pop()
        with os.scandir(current) as entries:
            for entry in entries:
                path = prefix + entry.name
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((path + "/", entry.path))
                elif entry.is_file(follow_symlinks=False):
                    yield path, entry.path
                else:
                    raise _refused(path, entry.is_symlink())


@contextmanager
def out_of_reach(source: Path, moved: Path, *, move: bool) -> Iterator[tuple[Path, bool]]:
    """Where to read `source`, and whether its files are ours to adopt.

    With `move` it is renamed to `moved`, in a private folder, first, so that nobody opens it while it is hashed,
    and is given back where the body fails; across file systems it is read in place and removed afterwards.
    """
    try:
        kind = source.lstat().st_mode
    except FileNotFoundError:
        raise NotFoundError(f"there is no file or folder {source}") from None
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        raise _refused(str(source), stat.S_ISLNK(kind))
    if not move:
        yield source, False
        return
    try:
        source.rename(moved)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        yield source, False
        remove(source)
        return
    try:
        yield moved, True
    except BaseException:
        with suppress(OSError):
            moved.rename(source)
        raise


def materialise(blobs: Blobs, tree: Tree, target: Path) -> Path:
    """Write `tree` out as files of the caller's own; a folder becomes `target`, a file comes to stand in it.

    All or nothing: written beside and checked against the digests, then renamed. Returns the path of the file or
    folder. Raises UsageError where something stands there already.
    """
    check_tree(tree)
    final = target if tree.folder else target / tree.entries[0].path
    if os.path.lexists(final) and not (tree.folder and final.is_dir() and not any(final.iterdir())):
        raise UsageError(f"{final} exists already", hint="name another folder, or remove it first")
    final.parent.mkdir(parents=True, exist_ok=True)
    aside = final.with_name(f".{final.name}.{os.urandom(4).hex()}.partial")
    try:
        for entry, path in placed_entries(tree, aside):
            _copy_entry(blobs, entry, path)
        aside.rename(final)
    finally:
        remove(aside)
    return final


def placed_entries(tree: Tree, target: Path) -> Iterator[tuple[TreeEntry, Path]]:
    """Each entry with its path where `target` is to become the file or folder; the folders around it are made.

    Raises FileExistsError for folders that are one to the file system, as `A` and `a` are to one without case.
    """
    if not tree.folder:
        yield tree.entries[0], target
        return
    made = {target}
    target.mkdir()
    for entry in tree.entries:
        path = target / entry.path
        missing = list(takewhile(lambda folder: folder not in made, path.parents))
        for folder in reversed(missing):
            folder.mkdir()
        made.update(missing)
        yield entry, path


def _copy_entry(blobs: Blobs, entry: TreeEntry, path: Path) -> None:
    source = blobs.path(entry.digest)
    copy_object(source, entry, path)
    # The copy is hashed, not the object: what the caller gets is what is promised.
    if (found := hash_file(path)) != entry.digest:
        raise damaged(source, entry.digest, found)
    if entry.executable:
        # A copy has the permissions of any new file; whoever may read it may run it.
        mode = path.stat().st_mode
        path.chmod(mode | (mode & 0o444) >> 2)


def copy_object(source: Path, entry: TreeEntry, path: Path) -> None:
    """Copy an object's bytes. Raises IntegrityError where the store has lost it, or has something else in its place."""
    if source.is_symlink() or (source.exists() and not source.is_file()):
        raise lost(entry)
    try:
        copy_file(source, path)
    except FileNotFoundError as error:
        if source.exists():
            raise
        raise lost(entry) from error


def lost(entry: TreeEntry) -> IntegrityError:
    """The error for a file of a version whose object is gone, or is no longer as long as it was."""
    return IntegrityError(
        f"the store has lost {entry.path}: expected the object {entry.digest} of {entry.size} bytes",
        hint="put the same content again, or run the step that made it",
    )


def _refused(path: str, link: bool) -> IntegrityError:
    what = "a symbolic link" if link else "neither a file nor a folder"
    return IntegrityError(
        f"{path} is {what}, and an artifact holds regular files and folders only",
        hint="put what it points to in its place" if link else "leave it out",
    )
