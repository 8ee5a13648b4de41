"""An unfinished download on disk: its bytes, what they are a part of, and who may write to them."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from artifactflow.artifact import Digest
from artifactflow.errors import OutsideError

CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """What the bytes are a part of: the strong ETag, the masked address that served it, and the whole size."""

    etag: str
    address: str
    total: int | None


class Partial:
    """The file under way. It hashes what it takes in, and is resumable only while it knows a `Source`."""

    def __init__(self, path: Path, file: io.FileIO) -> None:
        self.path = path
        self._file = file
        self._sidecar = path.with_suffix(".json")
        self._hash = hashlib.sha256()
        self.size = 0
        self.source = self._read_source()
        if self.source is None:
            self.restart(None)
        else:
            while chunk := file.read(CHUNK):
                self._hash.update(chunk)
                self.size += len(chunk)

    @property
    def resumable(self) -> bool:
        """Whether a server can be asked for the rest."""
        return self.source is not None and self.size > 0

    @property
    def digest(self) -> Digest:
        """The SHA-256 of all bytes so far."""
        return Digest(self._hash.hexdigest())

    def restart(self, source: Source | None) -> None:
        """Throw the bytes away; what comes next is the beginning of `source`, or cannot be resumed where it is None."""
        with _disk_errors(self.path):
            # The order matters: a crash in between leaves an empty file, never new bytes beside an old validator.
            self._file.seek(0)
            self._file.truncate()
            self._sidecar.unlink(missing_ok=True)
            if source is not None:
                aside = self._sidecar.with_suffix(".json.new")
                aside.write_text(json.dumps(asdict(source)), encoding="utf-8")
                aside.replace(self._sidecar)
        self.source = source
        self.size = 0
        self._hash = hashlib.sha256()

    def append(self, chunk: bytes) -> None:
        """Take in the next bytes. Raises OutsideError where the disk does not."""
        with _disk_errors(self.path):
            rest = memoryview(chunk)
            while rest:
                rest = rest[self._file.write(rest) :]
        self._hash.update(chunk)
        self.size += len(chunk)

    def publish(self, target: Path, spare: Path) -> None:
        """Move the file to `target`, which is replaced if it is there; `spare` is a folder on the disk of `target`."""
        with _disk_errors(target):
            try:
                self.path.replace(target)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                shutil.copyfile(self.path, spare / "copy").replace(target)
                self.path.unlink()
            self._sidecar.unlink(missing_ok=True)

    def discard_unless_resumable(self) -> None:
        """Keep what the next call can go on from, remove anything else."""
        if not self.resumable:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)
                self._sidecar.unlink(missing_ok=True)

    def _read_source(self) -> Source | None:
        try:
            return Source(**json.loads(self._sidecar.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


@contextmanager
def open_partial(folder: Path, spare: Path, key: str) -> Iterator[Partial]:
    """The unfinished download of `key` in `folder`, locked; in `spare` where another process is at work on it.

    Two processes that want the same file at once both get it, and only the first of them can be resumed.
    """
    name = f"{hashlib.sha256(key.encode()).hexdigest()}.part"
    with _disk_errors(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / name
        file = _open_locked(path)
        if file is None:
            path = spare / name
            file = _open_locked(path)
    if file is None:
        raise OutsideError(f"{path} is locked by another process")
    with file:
        partial = Partial(path, file)
        try:
            yield partial
        except BaseException:
            partial.discard_unless_resumable()
            raise


def _open_locked(path: Path) -> io.FileIO | None:
    """The file, opened and locked; None where another holds the lock."""
    while True:
        # Unbuffered: what was taken in survives a kill, and closing has nothing left to write that could fail.
        file = io.FileIO(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666), "r+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        # Its last owner may have moved it to its final place between our open and our lock: then it is not ours.
        with suppress(FileNotFoundError):
            if os.path.samestat(path.stat(), os.fstat(file.fileno())):
                return file
        file.close()


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutsideError(f"cannot write {path}: {error.strerror or error}") from error
