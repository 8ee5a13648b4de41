"""`artifactflow:/name/alias[/path]` as MLflow hands it on: sometimes whole, sometimes split before its last part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from artifactflow.artifact import LATEST, URI_PREFIX, ArtifactRef, Tree, TreeEntry, Version
from artifactflow.errors import NotFoundError, UsageError
from artifactflow.store import Store, find_store

SCHEME = "artifactflow"


@dataclass(frozen=True, slots=True)
class Reference:
    """A stored version, or a file or folder in it (`inner`, empty for all of it)."""

    ref: ArtifactRef
    inner: str = ""

    @classmethod
    def parse(cls, address: str, path: str = "") -> Reference:
        """Read an address, with what MLflow split off its end. Raises UsageError for anything else."""
        if not address.startswith(URI_PREFIX):
            raise UsageError(f"{address!r} is no reference to an artifact", hint=f"write {URI_PREFIX}NAME/ALIAS")
        parts = [part for part in f"{address.removeprefix(URI_PREFIX)}/{path}".split("/") if part]
        if not parts:
            raise UsageError(f"{address!r} names no artifact", hint=f"write {URI_PREFIX}NAME/ALIAS")
        name, selector, *inner = [*parts, LATEST] if len(parts) == 1 else parts
        return cls(ArtifactRef.parse(f"{name}:{selector}"), "/".join(inner))


def here() -> Store:
    """The store of the project that MLflow works in. Raises NotFoundError where there is none."""
    root = find_store(Path.cwd())
    return Store.open(root, create=False)


def entries_below(tree: Tree, inner: str) -> list[TreeEntry]:
    """The files of a version at or below a path in it. Raises NotFoundError where there are none."""
    if not inner:
        return list(tree.entries)
    below = PurePosixPath(inner)
    found = [entry for entry in tree.entries if PurePosixPath(entry.path).is_relative_to(below)]
    if not found:
        raise NotFoundError(f"the artifact holds no {inner!r}")
    return found


def write_out(store: Store, reference: Reference, folder: Path) -> Path:
    """Write what `reference` names into `folder` and return its path there."""
    version: Version = store.version(reference.ref)
    tree = store.tree(version.digest)
    if not reference.inner:
        return store.materialise(tree, folder / version.name if tree.folder else folder)
    entries = entries_below(tree, reference.inner)
    name = PurePosixPath(reference.inner).name
    if len(entries) == 1 and entries[0].path == reference.inner:
        only = entries[0]
        return store.materialise(Tree((TreeEntry(name, only.digest, only.size, only.executable),), False), folder)
    cut = len(reference.inner.rstrip("/")) + 1
    inside = tuple(TreeEntry(entry.path[cut:], entry.digest, entry.size, entry.executable) for entry in entries)
    return store.materialise(Tree(inside, folder=True), folder / name)
