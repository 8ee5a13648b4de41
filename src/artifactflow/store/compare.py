"""Comparing the files of two versions: by path and digest, without reading their bytes."""

from __future__ import annotations

from dataclasses import dataclass

from artifactflow.artifact import Tree, TreeEntry


@dataclass(frozen=True, slots=True)
class TreeDifference:
    """The files that only one of two trees has, and those that both have and that differ, as pairs."""

    added: tuple[TreeEntry, ...]
    removed: tuple[TreeEntry, ...]
    changed: tuple[tuple[TreeEntry, TreeEntry], ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def compare_trees(before: Tree, after: Tree) -> TreeDifference:
    """What differs between two trees, sorted by path. Two single files are one file, whatever they are called."""
    if not before.folder and not after.folder:
        pair = (before.entries[0], after.entries[0])
        return TreeDifference((), (), () if pair[0] == pair[1] else (pair,))
    old = {entry.path: entry for entry in before.entries}
    new = {entry.path: entry for entry in after.entries}
    return TreeDifference(
        tuple(entry for path, entry in new.items() if path not in old),
        tuple(entry for path, entry in old.items() if path not in new),
        tuple((old[path], new[path]) for path in old if path in new and old[path] != new[path]),
    )
