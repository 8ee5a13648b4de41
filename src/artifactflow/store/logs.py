"""Where what a step printed is kept: in a file of its own while it runs, packed with those of its pipeline run later.

A file for each of a thousand steps costs more than the steps' own work, so the small logs of steps that ended well are
appended to one file. `Run.log` says where: `runs/ID/log`, or `runs/ID/logs:OFFSET:SIZE` in a pack. Without a size it
goes on to the end of the file: so it is while the step runs.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from artifactflow.errors import IntegrityError, NotFoundError
from artifactflow.store.files import no_follow

PACK_NAME: Final = "logs"
PACKED_BYTES: Final = 64 * 1024
"""A log larger than this keeps its file."""

_packed_pattern = re.compile(r"(.+):([0-9]+):([0-9]*)\Z")


@dataclass(frozen=True, slots=True)
class LogPlace:
    """A part of a file: all that one run has printed. A `size` of -1 stands for all the rest."""

    path: Path
    start: int
    size: int

    def read(self) -> bytes:
        """The whole log. Raises NotFoundError where it is gone."""
        with self.open() as (stream, size):
            return stream.read(size)

    @contextmanager
    def open(self) -> Iterator[tuple[BinaryIO, int]]:
        """The file at the beginning of the log, and how many bytes the log has.

        Raises NotFoundError where it is gone, IntegrityError where it, or its folder, is a symbolic link.
        """
        with self._opened() as stream:
            size = self.size if self.size >= 0 else max(stream.seek(0, os.SEEK_END) - self.start, 0)
            stream.seek(self.start)
            yield stream, size

    def _opened(self) -> BinaryIO:
        try:
            if self.path.parent.is_symlink():
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(self.path.parent))
            return open(self.path, "rb", opener=no_follow)
        except FileNotFoundError:
            raise NotFoundError(f"the log {self.path} is gone") from None
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise IntegrityError(
                f"{error.filename} is a symbolic link, expected a file or folder of the store's own",
                hint="find out who made it, and remove it",
            ) from None


def log_place(root: Path, log: str) -> LogPlace:
    """Where in the store at `root` the log is that a record names as `Run.log`.

    Raises IntegrityError where that is outside the store.
    """
    part = _packed_pattern.match(log)
    name, start, size = (log, 0, -1) if part is None else (part[1], int(part[2]), int(part[3] or -1))
    if not name.startswith("runs/") or ".." in PurePosixPath(name).parts:
        raise IntegrityError(f"a record names the log {log!r}, expected one in runs/")
    return LogPlace(root / name, start, size)


class LogPack:
    """The packed logs of one pipeline run, in the file `path`. Made when the first log is packed."""

    def __init__(self, path: Path, root: Path) -> None:
        self._path = path
        self._root = root
        self._descriptor = -1
        self._end = 0

    def add(self, log: Path, start: int) -> str | None:
        """Pack what the file `log` holds from `start` on, and leave it as it is; returns what `Run.log` is to say.

        None where the log is too large, or cannot be written: then its file has to stay.
        """
        try:
            content = b""
            with suppress(FileNotFoundError), log.open("rb", buffering=0) as stream:  # a silent step may have none
                stream.seek(start)
                content = stream.read(PACKED_BYTES + 1)
            if len(content) > PACKED_BYTES:
                return None
            if self._descriptor < 0:
                self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
                self._end = os.fstat(self._descriptor).st_size
            offset = self._end
            try:
                written = os.write(self._descriptor, content)
            finally:
                self._end = os.fstat(self._descriptor).st_size  # on a full disk less than all of it may be there
            if written != len(content):
                return None
        except OSError:
            return None
        return f"{self._path.relative_to(self._root).as_posix()}:{offset}:{len(content)}"

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
