"""What files outside the store are, told by the digest of their bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from artifactflow.artifact import Digest, Tree, TreeEntry
from artifactflow.errors import IntegrityError, NotFoundError, OutsideError
from artifactflow.plan import InputIdentity


def path_identity(path: Path) -> InputIdentity:
    """The identity of a file or folder outside the store: the digest of what is in it."""
    digest = tree_of(path).digest
    return InputIdentity(str(digest), f"{path.name} ({digest.short})")


def tree_of(path: Path) -> Tree:
    """The tree of a file or folder that is not stored. Raises OutsideError where it cannot be read."""
    try:
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        entries = []
        for file in files:
            with file.open("rb") as stream:
                digest = Digest(hashlib.file_digest(stream, "sha256").hexdigest())
            status = file.stat()
            name = file.relative_to(path).as_posix() if path.is_dir() else file.name
            entries.append(TreeEntry(name, digest, status.st_size, bool(status.st_mode & 0o100)))
        return Tree(tuple(entries), folder=path.is_dir())
    except FileNotFoundError as error:
        if path.exists():
            raise IntegrityError(
                f"{path} changed while it was read: {error.filename} is gone",
                hint="wait until nothing writes to it any more, or take a copy",
            ) from error
        raise NotFoundError(f"{path} does not exist") from error
    except OSError as error:
        raise OutsideError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeEncodeError as error:
        raise IntegrityError(f"{path} holds a name that is not UTF-8") from error
