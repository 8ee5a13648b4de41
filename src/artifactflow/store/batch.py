"""Bringing objects in: written aside, made durable, then given their name.

A put is two steps: a `Batch` takes in bytes and files, hashing while it writes; `place` makes those of one batch or of
many durable, renames them to their digests and makes the names durable. Nothing that has a name in `objects/` is ever
incomplete.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from artifactflow.artifact import Digest
from artifactflow.errors import IntegrityError
from artifactflow.store.blobs import Blobs, open_regular
from artifactflow.store.files import BLOCK, hash_descriptor, read_whole, sync, sync_file_system

MANY: Final = 8
"""More files than this are made durable by one `syncfs` for all instead of an fsync each."""

_READ_ONLY: Final = 0o444


@dataclass(frozen=True, slots=True)
class Taken:
    """What a batch found out about a file."""

    digest: Digest
    size: int
    executable: bool


class Batch:
    """Objects on their way in. `aside` is a private folder on the file system of the store.

    `pending` has the files that still want a name, `adopted` those of them that were somebody's own, `folders` where
    names have to be made durable; `masked` says that new files did not get the permissions that were asked for, as a
    umask can have it. A batch is made, and placed, while the garbage collector is kept out; with `later`
    it may come in between: then nothing that stands in the store is relied upon before the batch is placed.
    """

    def __init__(self, blobs: Blobs, aside: Path, *, later: bool = False) -> None:
        self.blobs = blobs
        self.aside = aside
        self.later = later
        self.pending: dict[Digest, str] = {}
        self.adopted: set[str] = set()
        self.masked = False
        # The folder above is always among them: who made the one below may not have reached its fsync yet.
        self.folders = {str(blobs.folder)}
        self._prefix = f"{aside}/object-{os.urandom(8).hex()}-"
        self._written = 0

    def apart(self) -> Batch:
        """An empty batch of the same kind, to be filled by another process and joined."""
        return Batch(self.blobs, self.aside, later=self.later)

    def join(self, other: Batch) -> None:
        """Take over what `other` took in; of what both did, one copy."""
        for digest, path in other.pending.items():
            if self.pending.setdefault(digest, path) != path and path not in other.adopted:
                Path(path).unlink()
        self.adopted |= other.adopted
        self.folders |= other.folders
        self.masked |= other.masked

    def add_bytes(self, content: bytes) -> Digest:
        """Take in bytes that are in memory."""
        digest = Digest.of(content)
        if self._is_missing(digest, len(content)):
            descriptor, aside = self._create()
            try:
                _write_all(descriptor, content)
            finally:
                os.close(descriptor)
            self.pending[digest] = aside
        return digest

    def add_file(self, source: str) -> Taken:
        """Take in a copy of a file, read once. Raises IntegrityError where it changed while it was read."""
        descriptor, before = open_regular(source)
        try:
            if before.st_size <= BLOCK:
                # Small enough to know the digest first, and not to write what is there already.
                content = read_whole(descriptor, before.st_size)
                digest, size = self.add_bytes(content), len(content)
            else:
                digest, size = self._add_stream(descriptor)
            return _unchanged(source, before, os.fstat(descriptor), digest, size)
        finally:
            os.close(descriptor)

    def _add_stream(self, source: int) -> tuple[Digest, int]:
        """Copy what is too large to be held in memory. A block is hashed by another core while it is written."""
        from concurrent.futures import Future, ThreadPoolExecutor

        target, aside = self._create()
        try:
            hasher = hashlib.sha256()
            size = 0
            hashing: Future[None] | None = None
            with ThreadPoolExecutor(1) as other_core:
                while block := os.read(source, BLOCK):
                    if hashing is not None:
                        hashing.result()
                    hashing = other_core.submit(hasher.update, block)
                    _write_all(target, block)
                    size += len(block)
        finally:
            os.close(target)
        digest = Digest(hasher.hexdigest())
        if self._is_missing(digest, size):
            self.pending[digest] = aside
        else:
            Path(aside).unlink()
        return digest, size

    def adopt_file(self, path: str) -> Taken:
        """Take in a file itself, which the caller has put out of everybody's reach. It is renamed by `place`.

        A file that has another name or another owner is copied: who has that could go on writing to it.
        """
        descriptor, before = open_regular(path)
        try:
            if before.st_nlink > 1 or before.st_uid != os.geteuid():
                return self.add_file(path)
            digest = Digest(hash_descriptor(descriptor, before.st_size))
            taken = _unchanged(path, before, os.fstat(descriptor), digest, before.st_size)
        finally:
            os.close(descriptor)
        if self._is_missing(digest, taken.size):
            self.pending[digest] = path
            self.adopted.add(path)
        return taken

    def _is_missing(self, digest: Digest, size: int) -> bool:
        """Whether the object has still to be written."""
        if digest in self.pending:
            return False
        return self.later or not self.renew(digest, size)

    def renew(self, digest: Digest, size: int) -> bool:
        """Whether the object stands in the store. Its name is made durable all the same.

        Another process may have renamed it a moment ago and not have reached its own fsync of the folder.
        """
        if self.blobs.size(digest) != size:
            return False
        target = self.blobs.name(digest)
        # To the garbage collector it is as young as if it had just come.
        os.utime(target, ns=_placement_time(), follow_symlinks=False)
        self.folders.add(target.rpartition("/")[0])
        return True

    def _create(self) -> tuple[int, str]:
        """A new file in the private folder, open for writing, with its path; to everybody else it is read-only."""
        aside = f"{self._prefix}{self._written}"
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _READ_ONLY)
        if not self._written:
            # All are made in one folder by one process: the first tells what becomes of the permissions.
            self.masked = stat.S_IMODE(os.fstat(descriptor).st_mode) != _READ_ONLY
        self._written += 1
        return descriptor, aside


def place(batches: Sequence[Batch]) -> None:
    """Make everything taken in durable and give it its name, the same few waits for the disk serving all batches.

    What fails in between gives adopted files back.
    """
    taken = [
        (batch, digest, aside)
        for batch in batches
        for digest, aside in batch.pending.items()
        if not (batch.later and batch.renew(digest, os.lstat(aside).st_size))
    ]
    folders = {folder for batch in batches for folder in batch.folders}
    blobs = batches[0].blobs
    _sync_all([aside for _, _, aside in taken], blobs.folder)
    placed: list[tuple[str, str]] = []
    try:
        for batch, digest, aside in taken:
            target = blobs.name(digest)
            adopted = aside in batch.adopted
            if adopted or batch.masked:
                Path(aside).chmod(_READ_ONLY)
            os.utime(aside, ns=_placement_time())
            _rename(aside, target)
            if adopted:
                placed.append((target, aside))
            folders.add(target.rpartition("/")[0])
        _sync_all(list(folders), blobs.folder)
    except BaseException:
        for target, aside in placed:
            with suppress(OSError):
                shutil.copyfile(target, aside)
        raise
    for batch in batches:
        batch.pending.clear()


def _placement_time() -> tuple[int, int]:
    """The second before this one: whoever writes to an object later, however soon, gives it another time."""
    moment = (time.time_ns() // 1_000_000_000 - 1) * 1_000_000_000
    return moment, moment


def _unchanged(path: str, before: os.stat_result, after: os.stat_result, digest: Digest, size: int) -> Taken:
    """The result of reading a file between the two. Raises IntegrityError where somebody wrote to it meanwhile."""
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or size != after.st_size:
        raise IntegrityError(
            f"{path} changed while it was read", hint="wait until nothing writes to it any more, then put it again"
        )
    return Taken(digest, size, executable=bool(after.st_mode & stat.S_IXUSR))


def _write_all(descriptor: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(descriptor, view) :]


def _rename(aside: str, target: str) -> None:
    try:
        Path(aside).rename(target)
    except FileNotFoundError:
        Path(target).parent.mkdir(exist_ok=True)
        Path(aside).rename(target)


def _sync_all(paths: list[str], folder: Path) -> None:
    if len(paths) > MANY and sync_file_system(folder):
        return
    for path in paths:
        sync(path)
