"""Verifying a store: every byte of its objects, its journal and its catalog against what was written.

Objects have their digest for a name, the records of the journal a chain of checksums, and the catalog has to say what
the journal says. Nothing is changed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from artifactflow.artifact import ArtifactRef, Digest, Tree, Version
from artifactflow.errors import IntegrityError, NotFoundError
from artifactflow.runs import Run
from artifactflow.store import queries
from artifactflow.store.advice import Use, advice
from artifactflow.store.catalog_file import database_errors
from artifactflow.store.files import os_errors
from artifactflow.store.findings import PUT_ASIDE, Fault, Report
from artifactflow.store.object_scan import Hashed, digest_in_name, hash_all, named_objects
from artifactflow.store.parts import Parts
from artifactflow.store.trees import check_tree
from artifactflow.store.verify_history import verify_history

Progress = Callable[[int, int], None]
"""Told how many objects have been hashed, and of how many."""

Ask = Callable[[Callable[[sqlite3.Connection], Run]], Run]
"""Answers a question to whatever is known of the store's history."""


def verify(parts: Parts, aside: Path, *, progress: Progress | None = None) -> Report:
    """Read the whole store, objects that nothing refers to included. `aside` is an empty folder to work in.

    The garbage collector waits until it is done. Raises IntegrityError for a journal that a newer artifactflow wrote,
    OutsideError where the disk cannot be read.
    """
    with os_errors("verify the store"), database_errors(), parts.turnstile.passed():
        history = verify_history(parts, aside)
        with closing(sqlite3.connect(history.known)) as known:
            versions = queries.versions(known)
            check = _Objects(parts, versions, lambda query: query(known))
            check.read(list(named_objects(parts.blobs.folder)), progress)
            faults = [*history.faults, *check.faults()]
    return Report(check.count, check.size, len(versions), history.records, faults, history.notes)


def verify_versions(parts: Parts, ref: str, *, progress: Progress | None = None) -> Report:
    """Read the objects of one artifact: of all its versions, or of the one that `ref` names (`name:v3`).

    The journal and the catalog are taken at their word. Raises NotFoundError where there is no such version.
    """
    parsed = ArtifactRef.parse(ref)
    versions = [parts.catalog.read(lambda connection: queries.version(connection, parsed))]
    if ref == parsed.name:
        versions = parts.catalog.read(lambda connection: queries.versions(connection, ref))
    with os_errors("verify the store"), parts.turnstile.passed():
        check = _Objects(parts, versions, parts.catalog.read)
        check.read(check.paths(), progress)
        faults = list(check.faults())
    return Report(check.count, check.size, len(versions), 0, faults, ())


class _Objects:
    """The check of objects for the sake of `versions`."""

    def __init__(self, parts: Parts, versions: Sequence[Version], ask: Ask) -> None:
        self.count = 0
        self.size = 0
        self._parts = parts
        self._versions = versions
        self._ask = ask
        self._sizes: dict[str, int] = {}
        self._bad: dict[str, Hashed] = {}

    def paths(self) -> list[str]:
        """Where the objects of the versions are; those that are missing are left out."""
        digests = {version.digest for version in self._versions}
        for version in self._versions:
            tree = self._tree(version)
            digests |= {entry.digest for entry in tree.entries} if isinstance(tree, Tree) else set()
        found = map(self._parts.blobs.path, sorted(digests))
        return [str(path) for path in found if path.is_symlink() or path.exists()]

    def read(self, paths: Sequence[str], progress: Progress | None) -> None:
        """Hash everything."""
        for found in hash_all(paths):
            self.count += 1
            self.size += found.size
            digest = digest_in_name(found.path)
            if digest is not None and found.digest == digest.hexadecimal:
                self._sizes[digest.hexadecimal] = found.size
            else:
                self._bad[found.path] = found
            if progress is not None:
                progress(self.count, len(paths))

    def faults(self) -> Iterator[Fault]:
        """What is wrong, with the versions that it hits; what hits none comes last."""
        uses: dict[Digest, list[Use]] = {}
        for version in self._versions:
            if version.digest.hexadecimal not in self._sizes:
                uses.setdefault(version.digest, []).append(Use(version))
                continue
            tree = self._tree(version)
            if isinstance(tree, IntegrityError | NotFoundError):
                path = str(self._parts.blobs.path(version.digest))
                yield Fault("object", path, str(tree), "a list of files", "another", (version.ref,), tree.hint or "")
                continue
            for entry in tree.entries:
                if self._sizes.get(entry.digest.hexadecimal) != entry.size:
                    uses.setdefault(entry.digest, []).append(Use(version, entry.path))
        for digest, users in uses.items():
            path = str(self._parts.blobs.path(digest))
            yield self._fault(path, digest, self._bad.pop(path, None), users)
        for path, seen in sorted(self._bad.items()):
            yield self._fault(path, digest_in_name(path), seen, ())

    def _fault(self, path: str, digest: Digest | None, seen: Hashed | None, users: Sequence[Use]) -> Fault:
        if digest is None:
            what, expected = "no object has this name", "64 hexadecimal digits"
        elif seen is None:
            what, expected = "an object is missing", str(digest)
        else:
            what, expected = "an object has changed", str(digest)
        got = "nothing" if seen is None else seen.why or f"sha256:{seen.digest} of {seen.size} bytes"
        mend = "" if digest is None else advice(self._parts.layout, digest, users, self._run)
        if seen is not None:
            mend = f"{PUT_ASIDE}, then {mend}" if mend else f"{PUT_ASIDE}; nothing refers to it"
        refs = tuple(dict.fromkeys(use.version.ref for use in users))
        return Fault("object", path, what, expected, got, refs, mend, stamp=seen.stamp if seen else None)

    def _tree(self, version: Version) -> Tree | IntegrityError | NotFoundError:
        try:
            return check_tree(Tree.from_bytes(self._parts.blobs.read(version.digest)))
        except (IntegrityError, NotFoundError) as error:
            return error

    def _run(self, run_id: str) -> Run | None:
        try:
            return self._ask(lambda connection: queries.run(connection, run_id))
        except NotFoundError:
            return None
