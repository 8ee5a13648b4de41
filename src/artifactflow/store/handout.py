"""Handing a version to a step: files that it is to read and not to change, and that tell when it did."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from artifactflow.artifact import Tree, TreeEntry
from artifactflow.errors import UsageError
from artifactflow.store.blobs import Blobs
from artifactflow.store.files import clone_file, hash_file, remove
from artifactflow.store.trees import check_path, check_tree, copy_object, lost, placed_entries

_Stamp = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class HandedOut:
    """A version's files as a step sees them, at `path`. Close it when the step has ended."""

    path: Path
    tree: Tree
    _stamps: Mapping[str, _Stamp] = field(repr=False)

    def changed(self) -> list[str]:
        """The files that the step changed, removed or added, sorted; of a single file its own name.

        A file whose inode, size and times are as they were is not read; any other is hashed, and the digest decides.
        """
        there = _files(self.path) if self.tree.folder else {self.tree.entries[0].path: self.path}
        entries = {entry.path: entry for entry in self.tree.entries}
        names = sorted(entries.keys() | there.keys())
        return [name for name in names if not self._is_as_handed_out(entries.get(name), there.get(name))]

    def _is_as_handed_out(self, entry: TreeEntry | None, path: Path | None) -> bool:
        if entry is None or path is None or path.is_symlink() or not path.is_file():
            return False
        return _stamp(path) == self._stamps[entry.path] or hash_file(path) == entry.digest

    def close(self) -> None:
        """Remove the files. The store's own are not touched."""
        remove(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def hand_out(blobs: Blobs, tree: Tree, folder: Path, name: str | None = None) -> HandedOut:
    """Put read-only files of `tree` into `folder`, a single file as `name` (default: its own), a folder as `name` too.

    A folder without `name` becomes `folder` itself. Bytes are shared with the store where the file system can do so
    safely: by reflink, else by hard link, which is for other users than root, whom no permission keeps from writing
    to the store's own bytes; else they are copied. Raises UsageError where something is in the way.
    """
    check_tree(tree)
    if name is not None:
        check_path(name)
    own_name = "" if tree.folder else tree.entries[0].path
    path = folder / (name or own_name)
    if os.path.lexists(path):
        raise UsageError(f"{path} exists already", hint="hand a version out to a fresh folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    stamps = {}
    try:
        for entry, target in placed_entries(tree, path):
            _hand_out_file(blobs, entry, target)
            stamps[entry.path] = _stamp(target)
        if tree.folder:
            for current, _, _ in os.walk(path):
                Path(current).chmod(0o555)
    except BaseException:
        remove(path)
        raise
    return HandedOut(path, tree, stamps)


def _hand_out_file(blobs: Blobs, entry: TreeEntry, target: Path) -> None:
    source = blobs.path(entry.digest)
    if blobs.size(entry.digest) != entry.size:
        raise lost(entry)
    if not clone_file(source, target):
        # An executable file cannot be a link: permissions belong to the object, and objects are 0444.
        if os.geteuid() != 0 and not entry.executable and _link(source, target):
            return
        copy_object(source, entry, target)
    target.chmod(0o555 if entry.executable else 0o444)
    # Objects carry a time before they were placed, so that any later write, however soon, shows in the time.
    moment = source.stat().st_mtime_ns
    os.utime(target, ns=(moment, moment))


def _files(folder: Path) -> dict[str, Path]:
    """Everything below a folder that is no folder, by its path relative to it; a link, too, is what a step added."""
    found = {}
    for current, folders, names in os.walk(folder):
        for name in [*names, *(name for name in folders if Path(current, name).is_symlink())]:
            path = Path(current, name)
            found[path.relative_to(folder).as_posix()] = path
    return found


def _link(source: Path, target: Path) -> bool:
    try:
        target.hardlink_to(source)
    except OSError:
        return False
    return True


def _stamp(path: Path) -> _Stamp:
    found = path.lstat()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
