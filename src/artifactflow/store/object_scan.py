"""Hashing every object of a store, on all cores."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from artifactflow.artifact import Digest
from artifactflow.errors import IntegrityError
from artifactflow.forks import may_share, share
from artifactflow.store.files import hash_descriptor

_BATCH: Final = 256
"""Objects handed to a process at once."""

_WORTH_PROCESSES: Final = 512
"""Fewer objects, and fewer bytes than `_WORTH_BYTES`, are hashed here sooner than processes are started for them."""

_WORTH_BYTES: Final = 64 * 1024 * 1024


class Hashed(NamedTuple):
    """What was found under an object's name: the digest of its bytes, or why it has none. `stamp` tells it again.

    A tuple, because tens of thousands of them come from other processes.
    """

    path: str
    digest: str = ""
    size: int = 0
    why: str = ""
    stamp: tuple[int, int, int] = (0, 0, 0)


def named_objects(folder: Path) -> Iterator[str]:
    """The path of everything that stands where objects stand."""
    with os.scandir(folder) as prefixes:
        found = sorted((entry.path, entry.is_dir(follow_symlinks=False)) for entry in prefixes)
    for prefix, is_folder in found:
        if is_folder:
            with os.scandir(prefix) as entries:
                yield from [entry.path for entry in entries]
        else:
            yield prefix


def digest_in_name(path: str) -> Digest | None:
    """The digest that an object's path spells, None where it spells none."""
    above, _, rest = path.rpartition("/")
    prefix = above.rpartition("/")[2]
    try:
        return Digest(prefix + rest) if len(prefix) == 2 else None
    except IntegrityError:
        return None


def hash_all(paths: Sequence[str]) -> Iterator[Hashed]:
    """Hash files, in any order; several processes share many or large ones."""
    if not _is_much(paths) or not may_share():
        yield from map(hash_object, paths)
        return
    # A few paths at a time where there are few: then they are large, and every core gets its share.
    for found in share(_hash_batch, paths, part=_BATCH if len(paths) >= _WORTH_PROCESSES else 1):
        yield from found


def hash_object(path: str) -> Hashed:
    """Hash one file. What cannot be read, or is no regular file, is an answer too."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        link = Path(path).is_symlink()
        return Hashed(path, why="a symbolic link" if link else f"not readable: {error.strerror}")
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return Hashed(path, why="no regular file")
        digest = hash_descriptor(descriptor, found.st_size)
    except OSError as error:
        return Hashed(path, why=f"not readable: {error.strerror}")
    finally:
        os.close(descriptor)
    return Hashed(path, digest, found.st_size, stamp=(found.st_ino, found.st_mtime_ns, found.st_ctime_ns))


def _hash_batch(paths: Sequence[str]) -> list[Hashed]:
    return [hash_object(path) for path in paths]


def _is_much(paths: Sequence[str]) -> bool:
    if len(paths) >= _WORTH_PROCESSES:
        return True
    return len(paths) > 1 and sum(os.lstat(path).st_size for path in paths) >= _WORTH_BYTES
