"""What the store asks of a file system: durable writes, cheap copies, removal, and errors in words."""

from __future__ import annotations

import errno
import fcntl
import functools
import hashlib
import io
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from artifactflow.artifact import Digest
from artifactflow.errors import OutsideError

BLOCK: Final = 1024 * 1024
"""Bytes read at once: large enough for full speed, small enough to keep memory flat."""

_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""How a file system says that it has no hard links, or no more of them."""

_FICLONE: Final = 0x40049409  # linux/fs.h; Python names it from 3.14 on


@contextmanager
def os_errors(doing: str) -> Iterator[None]:
    """Turn an OSError of the body into an OutsideError: `cannot DOING: No space left on device: FILE`."""
    try:
        yield
    except OSError as error:
        where = f": {os.fsdecode(error.filename)}" if isinstance(error.filename, (str, bytes)) else ""
        raise OutsideError(f"cannot {doing}: {error.strerror or error}{where}", hint=_hint(error)) from error


def _hint(error: OSError) -> str | None:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            return "free some space, or keep the store elsewhere with --store"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return "make it readable and writable for you, or keep the store elsewhere with --store"
    return None


def sync_descriptor(descriptor: int) -> None:
    """Return when the file's bytes and size would survive a power cut."""
    if sys.platform == "darwin":
        # There fsync only hands the bytes to the drive, which may still lose them.
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)


def sync(path: Path | str) -> None:
    """Make a file's bytes durable, or a folder's list of names."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        sync_descriptor(descriptor)
    finally:
        os.close(descriptor)


def sync_file_system(path: Path) -> bool:
    """Make everything on the file system of `path` durable at once; False where the platform has no `syncfs`."""
    if sys.platform != "linux":
        return False
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if (number := _syncfs()(descriptor)) != 0:
            raise OSError(number, os.strerror(number), str(path))
    finally:
        os.close(descriptor)
    return True


@functools.cache
def _syncfs() -> Callable[[int], int]:
    """The system call by way of the C library; it answers with the number of the error, or 0."""
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    return lambda descriptor: ctypes.get_errno() if library.syncfs(descriptor) != 0 else 0


def no_follow(path: str, flags: int) -> int:
    """An opener for `open` that fails with ELOOP where the file is a symbolic link."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)


def write_durably(path: Path, content: bytes, *, aside: Path) -> bool:
    """Let `path` appear with `content`, whole and durable, unless it stands already; whether it was this call's doing.

    `aside` is a path on the same file system to write to first.
    """
    aside.unlink(missing_ok=True)  # what a crash left, or a link that somebody planted
    try:
        with aside.open("xb") as stream:
            stream.write(content)
        sync(aside)
        _name(aside, path)
    except FileExistsError:
        return False
    finally:
        aside.unlink(missing_ok=True)
    sync(path.parent)
    return True


def _name(aside: Path, path: Path) -> None:
    """Give a file its name. Raises FileExistsError where that is taken: of two processes only one makes the file."""
    try:
        path.hardlink_to(aside)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # exFAT and some network shares have no links. A rename would replace what stands, so one at a time looks.
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            if os.path.lexists(path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
            aside.rename(path)
        finally:
            os.close(folder)


def read_whole(descriptor: int, size: int) -> bytes:
    """What an open file of `size` bytes holds, by one system call as a rule; one byte more where it has grown."""
    content = os.read(descriptor, size + 1)
    while len(content) < size and (more := os.read(descriptor, size + 1 - len(content))):
        content += more
    return content


def hash_descriptor(descriptor: int, size: int) -> str:
    """The hexadecimal digits of the SHA-256 of an open file, which is known to have `size` bytes."""
    if size <= BLOCK:
        return hashlib.sha256(read_whole(descriptor, size)).hexdigest()
    with io.FileIO(descriptor, closefd=False) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def hash_file(path: Path) -> Digest:
    """The digest of a file's bytes."""
    with path.open("rb") as stream:
        return Digest(hashlib.file_digest(stream, "sha256").hexdigest())


def clone_file(source: Path, target: Path) -> bool:
    """Make `target` share the bytes of `source` until one of them is written (a reflink); False where that cannot be.

    Raises FileExistsError where `target` stands.
    """
    if sys.platform != "linux":
        return False
    with source.open("rb") as reader, target.open("xb") as writer:
        cloned = _clone(reader.fileno(), writer.fileno())
    if not cloned:
        target.unlink()
    return cloned


def copy_file(source: Path, target: Path) -> None:
    """Copy a file's bytes, as a reflink where the file system has them. Raises FileExistsError where `target` stands.

    A file that cannot be a reflink is written to instead of being removed and made again: an ext4 without a journal
    passes over inodes freed in the last minutes (measured: 0.2 ms a file becomes 6 to 10), and a tree of many files
    would wait for that.
    """
    with source.open("rb") as reader, target.open("xb") as writer:
        if not _clone(reader.fileno(), writer.fileno()):
            shutil.copyfileobj(reader, writer, BLOCK)


def _clone(reader: int, writer: int) -> bool:
    if sys.platform != "linux":
        return False
    try:
        fcntl.ioctl(writer, _FICLONE, reader)
    except OSError:
        return False
    return True


def remove(path: Path) -> None:
    """Remove a file or a folder, read-only folders inside included; what is gone already is no error."""
    try:
        is_folder = stat.S_ISDIR(path.lstat().st_mode)
    except FileNotFoundError:
        return
    if not is_folder:
        path.unlink(missing_ok=True)
        return
    path.chmod(0o700)
    for folder, folders, _ in os.walk(path):
        for name in folders:
            inner = Path(folder, name)
            if not inner.is_symlink():
                inner.chmod(0o700)
    shutil.rmtree(path)
