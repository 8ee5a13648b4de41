"""Objects: bytes under their digest, written aside, made durable, then given their name.

A put is two steps: a `Batch` takes in bytes and files, hashing while it writes; `place` makes those of one batch or of
many durable, renames them to their digests and makes the names durable. Nothing that has a name in `objects/` is ever
incomplete.
"""

from __future__ import annotations

import errno
import hashlib
import io
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
from artifactflow.errors import IntegrityError, NotFoundError, OutsideError
from artifactflow.store.files import BLOCK, sync, sync_file_system

MANY: Final = 8
"""More files than this are made durable by one `syncfs` for all instead of an fsync each."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a batch found out about a file."""

    digest: Digest
    size: int
    executable: bool


class Blobs:
    """The folder of objects."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, digest: Digest) -> Path:
        """Where the object is, if it is there."""
        return self.folder / digest.hexadecimal[:2] / digest.hexadecimal[2:]

    def size(self, digest: Digest) -> int | None:
        """Its bytes, or None where there is no such object. Raises OutsideError where the disk does not say."""
        try:
            found = self.path(digest).lstat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise OutsideError(f"cannot look at the object {digest}: {error.strerror}") from error
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def read(self, digest: Digest) -> bytes:
        """A small object's bytes, checked. Raises NotFoundError, and IntegrityError where a byte has changed."""
        try:
            with _open_regular(self.path(digest)) as stream:
                content = stream.readall()
        except FileNotFoundError:
            raise NotFoundError(f"the store holds no object {digest}") from None
        if (found := Digest.of(content)) != digest:
            raise damaged(self.path(digest), digest, found)
        return content


def damaged(path: Path, expected: Digest, found: Digest) -> IntegrityError:
    """The error for an object whose bytes have changed."""
    return IntegrityError(
        f"the object {path} has changed: expected {expected}, got {found}",
        hint="artifactflow artifacts verify --repair puts it aside and says how to get the content again",
    )


class Batch:
    """Objects on their way in. `aside` is a private folder on the file system of the store.

    `pending` has the files that still want a name, `adopted` those of them that were somebody's own, `folders` where
    names have to be made durable.
    """

    def __init__(self, blobs: Blobs, aside: Path) -> None:
        self.blobs = blobs
        self.pending: dict[Digest, Path] = {}
        self.adopted: set[Path] = set()
        # The folder above is always among them: who made the one below may not have reached its fsync yet.
        self.folders = {blobs.folder}
        self._aside = aside

    def add_bytes(self, content: bytes) -> Digest:
        """Take in bytes that are in memory."""
        digest = Digest.of(content)
        if self._is_missing(digest, len(content)):
            aside = self._new_path()
            aside.write_bytes(content)
            self.pending[digest] = aside
        return digest

    def add_file(self, source: Path) -> Taken:
        """Take in a copy of a file, read once. Raises IntegrityError where it changed while it was read."""
        with _open_regular(source) as stream:
            before = os.fstat(stream.fileno())
            if before.st_size <= BLOCK:
                # Small enough to know the digest first, and not to write what is there already.
                content = stream.readall()
                digest, size = self.add_bytes(content), len(content)
            else:
                digest, size = self._add_stream(stream)
            return _unchanged(source, before, os.fstat(stream.fileno()), digest, size)

    def _add_stream(self, stream: io.FileIO) -> tuple[Digest, int]:
        aside = self._new_path()
        hasher = hashlib.sha256()
        size = 0
        with aside.open("xb", buffering=0) as target:
            while block := stream.read(BLOCK):
                hasher.update(block)
                _write_all(target.fileno(), block)
                size += len(block)
        digest = Digest(hasher.hexdigest())
        if self._is_missing(digest, size):
            self.pending[digest] = aside
        else:
            aside.unlink()
        return digest, size

    def adopt_file(self, path: Path) -> Taken:
        """Take in a file itself, which the caller has put out of everybody's reach. It is renamed by `place`.

        A file that has another name or another owner is copied: who has that could go on writing to it.
        """
        found = path.lstat()
        if found.st_nlink > 1 or found.st_uid != os.geteuid():
            return self.add_file(path)
        with _open_regular(path) as stream:
            before = os.fstat(stream.fileno())
            digest = Digest(hashlib.file_digest(stream, "sha256").hexdigest())
            taken = _unchanged(path, before, os.fstat(stream.fileno()), digest, before.st_size)
        if self._is_missing(digest, taken.size):
            self.pending[digest] = path
            self.adopted.add(path)
        return taken

    def _is_missing(self, digest: Digest, size: int) -> bool:
        """Whether the object has still to be written. One that stands gets its name made durable all the same.

        Another process may have renamed it a moment ago and not have reached its own fsync of the folder.
        """
        if digest in self.pending:
            return False
        target = self.blobs.path(digest)
        if self.blobs.size(digest) != size:
            return True
        # To the garbage collector it is as young as if it had just come.
        os.utime(target, ns=_placement_time())
        self.folders.add(target.parent)
        return False

    def _new_path(self) -> Path:
        return self._aside / f"object-{len(self.pending)}-{os.urandom(8).hex()}"


def place(batches: Sequence[Batch]) -> None:
    """Make everything taken in durable and give it its name, the same few waits for the disk serving all batches.

    What fails in between gives adopted files back.
    """
    taken = [(batch, digest, aside) for batch in batches for digest, aside in batch.pending.items()]
    folders = {folder for batch in batches for folder in batch.folders}
    blobs = batches[0].blobs
    _sync_all([aside for _, _, aside in taken], blobs.folder)
    placed: list[tuple[Path, Path]] = []
    try:
        for batch, digest, aside in taken:
            target = blobs.path(digest)
            aside.chmod(0o444)
            os.utime(aside, ns=_placement_time())
            _rename(aside, target)
            if aside in batch.adopted:
                placed.append((target, aside))
            folders.add(target.parent)
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


def _open_regular(path: Path) -> io.FileIO:
    """Open a file for reading, without waiting for a pipe's writer. Raises IntegrityError for all but regular files."""
    try:
        stream = io.FileIO(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise IntegrityError(f"{path} is a symbolic link, expected a regular file") from error
        raise
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise IntegrityError(f"{path} is not a regular file")
    return stream


def _unchanged(path: Path, before: os.stat_result, after: os.stat_result, digest: Digest, size: int) -> Taken:
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


def _rename(aside: Path, target: Path) -> None:
    try:
        aside.rename(target)
    except FileNotFoundError:
        target.parent.mkdir(exist_ok=True)
        aside.rename(target)


def _sync_all(paths: list[Path], folder: Path) -> None:
    if len(paths) > MANY and sync_file_system(folder):
        return
    for path in paths:
        sync(path)
