"""Objects: bytes under their digest. Nothing that has a name here is ever incomplete; `batch` brings them in."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from artifactflow.artifact import Digest
from artifactflow.errors import IntegrityError, NotFoundError, OutsideError
from artifactflow.store.files import read_whole


class Blobs:
    """The folder of objects."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._prefix = f"{folder}/"

    def path(self, digest: Digest) -> Path:
        """Where the object is, if it is there."""
        return Path(self.name(digest))

    def name(self, digest: Digest) -> str:
        """The same as a text, which is a tenth of the work: a tree can have tens of thousands of objects."""
        return f"{self._prefix}{digest.hexadecimal[:2]}/{digest.hexadecimal[2:]}"

    def size(self, digest: Digest) -> int | None:
        """Its bytes, or None where there is no such object. Raises OutsideError where the disk does not say."""
        try:
            found = os.lstat(self.name(digest))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise OutsideError(f"cannot look at the object {digest}: {error.strerror}") from error
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def read(self, digest: Digest) -> bytes:
        """A small object's bytes, checked. Raises NotFoundError, and IntegrityError where a byte has changed."""
        try:
            descriptor, before = open_regular(self.name(digest))
        except FileNotFoundError:
            raise NotFoundError(f"the store holds no object {digest}") from None
        try:
            content = read_whole(descriptor, before.st_size)
        finally:
            os.close(descriptor)
        if (found := Digest.of(content)) != digest:
            raise damaged(self.path(digest), digest, found)
        return content


def damaged(path: Path, expected: Digest, found: Digest) -> IntegrityError:
    """The error for an object whose bytes have changed."""
    return IntegrityError(
        f"the object {path} has changed: expected {expected}, got {found}",
        hint="artifactflow artifacts verify --repair puts it aside and says how to get the content again",
    )


def open_regular(path: str) -> tuple[int, os.stat_result]:
    """A file opened for reading, and what it is; never waits for a pipe's writer.

    Raises IntegrityError for all but regular files.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise IntegrityError(f"{path} is a symbolic link, expected a regular file") from error
        raise
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise IntegrityError(f"{path} is not a regular file")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, found
