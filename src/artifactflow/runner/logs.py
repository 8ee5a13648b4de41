"""Where what a step printed is kept: in a file of its own while it runs, packed with those of its pipeline run later.

A file for each of a thousand steps costs more than the steps' own work, so the small logs of steps that ended well are
appended to one file. `Run.log` says where: `runs/ID/log`, or `runs/ID/logs:OFFSET:SIZE` in a pack. Without a size it
goes on to the end of the file: so it is while the step runs.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Final

from artifactflow.errors import NotFoundError
from artifactflow.runs import Run
from artifactflow.store import Store

PACK_NAME: Final = "logs"
PACKED_BYTES: Final = 64 * 1024
"""A log larger than this keeps its file."""

_packed_pattern = re.compile(r"(.+):([0-9]+):([0-9]*)\Z")


def read_log(store: Store, run: Run) -> bytes:
    """Everything that the run has printed. Raises NotFoundError where its log is gone."""
    path, start, size = log_place(store, run)
    try:
        with path.open("rb") as pack:
            pack.seek(start)
            return pack.read(size)
    except FileNotFoundError:
        raise NotFoundError(f"the log of run {run.id} is gone: {store.root / run.log}") from None


def log_place(store: Store, run: Run) -> tuple[Path, int, int]:
    """The file that a run's log is in, where in it the log begins, and how long it is: -1 for all the rest."""
    part = _packed_pattern.match(run.log)
    if part is None:
        return store.root / run.log, 0, -1
    return store.root / part[1], int(part[2]), int(part[3] or -1)


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
            offset, self._end = self._end, self._end + len(content)
            if os.write(self._descriptor, content) != len(content):
                self._end = os.fstat(self._descriptor).st_size
                return None
        except OSError:
            return None
        return f"{self._path.relative_to(self._root).as_posix()}:{offset}:{len(content)}"

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
