"""The store: everything that the rest of artifactflow may do with artifacts, versions, aliases and runs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from artifactflow.artifact import ArtifactRef, Digest, Tree, Version, check_name
from artifactflow.errors import IntegrityError, NotFoundError, UsageError
from artifactflow.store import handout, trees
from artifactflow.store.batch import Batch, place
from artifactflow.store.blobs import Blobs
from artifactflow.store.catalog import Catalog
from artifactflow.store.files import os_errors, remove
from artifactflow.store.handout import HandedOut
from artifactflow.store.journal import SEGMENT_BYTES, Journal
from artifactflow.store.layout import Layout, open_layout
from artifactflow.store.locks import Turnstile
from artifactflow.store.parts import Parts
from artifactflow.store.questions import Questions
from artifactflow.store.transaction import Transaction
from artifactflow.store.trees import Staged

if TYPE_CHECKING:
    from artifactflow.store.findings import Report
    from artifactflow.store.gc import Freed
    from artifactflow.store.verify import Progress

GRACE_SECONDS: Final = 3600.0
"""What is younger is left alone by `Store.collect`: somebody may be about to register it."""


class Store(Questions):
    """A folder of content-addressed objects, a journal of what happened, and an index over it.

    Threads may share one, processes open one each. What a method says it has stored survives a crash and a power cut.
    """

    def __init__(self, layout: Layout, store_id: str, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.root = layout.root
        self.id = store_id
        self._layout = layout
        self._blobs = Blobs(layout.objects)
        self._turnstile = Turnstile(layout.locks)
        journal = Journal(layout.journal, store_id, segment_bytes=segment_bytes)
        super().__init__(Catalog(layout.catalog, journal, layout.locks / "journal", store_id))
        self._parts = Parts(layout, store_id, self._blobs, journal, self._catalog, self._turnstile)

    @classmethod
    def open(cls, root: Path, *, create: bool = True, segment_bytes: int = SEGMENT_BYTES) -> Self:
        """Open the store in the folder `root`, and make it where there is none unless `create` is false.

        `segment_bytes` is how long a segment of the journal may grow before the next is begun.
        Raises NotFoundError where there is none, IntegrityError for a folder that is no store, that belongs to another
        user or has a newer format, OutsideError where it cannot be read and written.
        """
        layout = Layout(Path(root).absolute())
        store_id = open_layout(layout, create=create)
        with os_errors(f"open the store {layout.root}"):
            if layout.migration.exists():
                from artifactflow.store.migrate import finish_migration

                finish_migration(layout)
                store_id = open_layout(layout, create=False)
        return cls(layout, store_id, segment_bytes=segment_bytes)

    def close(self) -> None:
        """Let go of the catalog. The store can be used again afterwards."""
        self._catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Bytes

    def put_tree(self, source: Path, *, move: bool = False) -> Tree:
        """Store a file or a folder and return its tree; everything is durable then.

        With `move` the bytes are renamed into the store and `source` is gone; it is given back where that fails.
        Raises NotFoundError where there is no `source`, IntegrityError where it holds anything but regular files
        and folders or changes while it is read, OutsideError where the disk is full or a permission is missing.
        """
        source = Path(source).absolute()
        if self.root.resolve().is_relative_to(source.resolve()):
            raise UsageError(f"{source} holds the store itself", hint="name a folder that does not hold it")
        with (
            os_errors(f"store {source}"),
            self._intake() as (batch, aside),
            trees.out_of_reach(source, aside / "moved", move=move) as (reachable, adopt),
        ):
            tree = trees.read_tree(reachable, source.name, batch, adopt=adopt)
            place([batch])
            self._turnstile.placed.add(tree.digest)
        return tree

    def stage_tree(self, source: Path, aside: Path, *, move: bool = False) -> Staged:
        """The first half of `put_tree`: the bytes are taken into the folder `aside`, hashed, and not durable yet.

        `aside` belongs to the caller and lies in the store's folder, so that nobody else clears it away. May be called
        from several threads. Raises what `put_tree` raises.
        """
        batch = Batch(self._blobs, aside, later=True)
        with (
            os_errors(f"store {source}"),
            trees.out_of_reach(source, trees.unused_name(aside, "moved"), move=move) as (reachable, adopt),
        ):
            return Staged(trees.read_tree(reachable, source.name, batch, adopt=adopt), batch)

    def place(self, staged: Sequence[Staged]) -> None:
        """The second half, for many trees at once: durable on return. Raises OutsideError where the disk is full."""
        if staged:
            with os_errors("store what was made"), self.collector_kept_out():
                place([one.batch for one in staged])
                self._turnstile.placed.update(one.tree.digest for one in staged)

    @contextmanager
    def collector_kept_out(self) -> Iterator[None]:
        """What is put in the body stays until it ends, also where a version is registered only there.

        Outside of it the garbage collector spares what is young, see `GRACE_SECONDS`. To be left in the same thread.
        """
        with self._turnstile.passed():
            yield

    def put_bytes(self, content: bytes) -> Digest:
        """Store bytes as one object, durable on return."""
        with os_errors("store an object"), self._intake() as (batch, _):
            digest = batch.add_bytes(content)
            place([batch])
        return digest

    @contextmanager
    def _intake(self) -> Iterator[tuple[Batch, Path]]:
        with self._turnstile.passed(), self.temporary_folder("put-") as aside:
            yield Batch(self._blobs, aside), aside

    def tree(self, digest: Digest) -> Tree:
        """The tree stored under its digest. Raises NotFoundError, and IntegrityError where it is damaged."""
        with os_errors(f"read the object {digest}"):
            return trees.check_tree(Tree.from_bytes(self._blobs.read(digest)))

    def object_path(self, digest: Digest) -> Path:
        """Where an object's bytes are. They are the store's: read them only."""
        return self._blobs.path(digest)

    def intact(self, digest: Digest) -> bool:
        """Whether a version's tree and every object in it are there with their sizes. Bytes are not hashed again."""
        try:
            tree = self.tree(digest)
        except (NotFoundError, IntegrityError):
            return False
        return all(self._blobs.size(entry.digest) == entry.size for entry in tree.entries)

    def materialise(self, tree: Tree, target: Path) -> Path:
        """Write a version's files out as the caller's own: a folder becomes `target`, a file comes to stand in it.

        All or nothing, and checked against the digests. Returns the path of the file or folder.
        Raises UsageError where something stands there, IntegrityError where the store's bytes have changed.
        """
        with os_errors(f"write to {target}"):
            return trees.materialise(self._blobs, tree, Path(target))

    def hand_out(self, tree: Tree, folder: Path, name: str | None = None) -> HandedOut:
        """Put a version's files into `folder` for a step to read, see `handout.hand_out`."""
        with os_errors(f"hand out files to {folder}"):
            return handout.hand_out(self._blobs, tree, Path(folder), name)

    # Changes

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Changes that happen together, durably, when the body ends; none of them where it raises.

        Everybody else who writes to this store waits meanwhile, so put the bytes before. Cannot be nested.
        """
        with self._turnstile.passed(), self._catalog.write() as draft:
            yield Transaction(draft, self._blobs, self._turnstile.placed)

    def set_alias(self, name: str, number: int, alias: str, *, expected_generation: int | None = None) -> int:
        """Let an alias point to a version, and return its new generation.

        With `expected_generation`, only where the alias has not been set since it had that one (0: never set).
        Raises OutsideError where it has, NotFoundError where there is no such version.
        """
        with self.transaction() as transaction:
            return transaction.compare_and_point(name, number, alias, expected_generation)

    def remove(self, ref: ArtifactRef | str, *, everything: bool = False, force: bool = False) -> list[Version]:
        """Remove a version, or with `everything` all of its name, and return what they were; see `remove_versions`."""
        parsed = ArtifactRef.parse(ref) if isinstance(ref, str) else ref
        from artifactflow.store.remove import remove_versions

        return remove_versions(self._parts, self.transaction, parsed, everything=everything, force=force)

    # Upkeep: its modules are imported when somebody asks for it, as a run never does

    def verify(self, ref: str | None = None, *, repair: bool = False, progress: Progress | None = None) -> Report:
        """Read everything, or the objects of `name` or `name:v3`, and tell every byte that is not as it was written.

        With `repair` damaged objects are put aside and a catalog that differs from the journal is built again.
        """
        from artifactflow.store.repair import repair as repair_store
        from artifactflow.store.verify import verify, verify_versions

        if ref is None:
            with os_errors("verify the store"), self.temporary_folder("verify-") as aside:
                report = verify(self._parts, aside, progress=progress)
        else:
            report = verify_versions(self._parts, ref, progress=progress)
        return repair_store(self._parts, report) if repair and report.faults else report

    def rebuild(self) -> None:
        """Build the whole catalog, versions, aliases, lineage and runs, again from the journal.

        Raises IntegrityError where the journal is damaged; the catalog is as it was then.
        """
        self._catalog.rebuild()

    def collect(
        self,
        *,
        keep: int | None = None,
        older_than: float | None = None,
        grace: float = GRACE_SECONDS,
        dry_run: bool = False,
        is_running: Callable[[str], bool],
    ) -> Freed:
        """Remove what nothing refers to, and versions that `keep` and `older_than` (seconds) retire: `gc.collect`."""
        from artifactflow.store.gc import collect

        return collect(
            self._parts,
            self.transaction,
            keep=keep,
            older_than=older_than,
            grace=grace,
            dry_run=dry_run,
            is_running=is_running,
        )

    # Folders

    def run_folder(self, run_id: str, *, create: bool = False) -> Path:
        """The folder of a run's log and private outputs, made where `create` asks for it."""
        folder = self._layout.runs / check_name(run_id, "run id")
        if create:
            with os_errors("make the run's folder"):
                folder.mkdir(parents=True, exist_ok=True)
        return folder

    @contextmanager
    def temporary_folder(self, prefix: str) -> Iterator[Path]:
        """A fresh private folder on the store's file system, removed when the body ends."""
        with os_errors("make a temporary folder"):
            self._layout.temporary.mkdir(mode=0o700, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix=prefix, dir=self._layout.temporary))
        try:
            yield folder
        finally:
            with suppress(OSError):  # what brought the body here counts; gc takes what is left
                remove(folder)
