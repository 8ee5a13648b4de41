"""What runs at this moment, as seen from another process."""

from __future__ import annotations

import codecs
import os
import time
from collections.abc import Iterator

from artifactflow.errors import NotFoundError
from artifactflow.runs import Run
from artifactflow.store import Store
from artifactflow.store.at_work import RUNNING_NAME, at_work
from artifactflow.store.logs import LogPlace, log_place

LOOK_SECONDS = 0.2


def running_step(store: Store, name: str) -> Run | None:
    """The newest run of that step (or with that id) that has not ended, or None."""
    found = [
        run
        for file in (store.root / "runs").glob(f"*/{RUNNING_NAME}")
        for run in at_work(file.parent)
        if run.step == name or run.id.startswith(name)
    ]
    return max(found, key=lambda run: run.id, default=None)


def follow_log(store: Store, run: Run) -> Iterator[str]:
    """What the run has printed, and what it prints until it ends."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    growing = _GrowingLog(log_place(store.root, run.log))
    shown = 0
    while True:
        ended = _has_ended(store, run)
        piece = _whole_log(store, run)[shown:] if ended else growing.read_from(shown)
        shown += len(piece)
        if text := decoder.decode(piece, final=ended):
            yield text
        if ended:
            return
        time.sleep(LOOK_SECONDS)


def _has_ended(store: Store, run: Run) -> bool:
    return all(other.id != run.id for other in at_work(store.run_folder(str(run.pipeline_run_id))))


def _whole_log(store: Store, run: Run) -> bytes:
    try:
        return log_place(store.root, store.run(run.id).log).read()
    except NotFoundError:
        return b""  # it was killed together with who recorded it


class _GrowingLog:
    """The log of a step that runs. Once it has ended, the file may be gone, or another one stand in its place."""

    def __init__(self, place: LogPlace) -> None:
        self._place = place
        self._inode: int | None = None

    def read_from(self, start: int) -> bytes:
        """What the step has printed behind the first `start` bytes; nothing where the file is not this one any more."""
        try:
            with self._place.open() as (log, _):
                inode = os.fstat(log.fileno()).st_ino
                log.seek(start, os.SEEK_CUR)
                piece = log.read()
            # Where its folder went to another step while it was read, that one's output may be among it.
            is_there = self._place.path.stat().st_ino == inode
        except (NotFoundError, FileNotFoundError):
            return b""
        self._inode = self._inode or inode
        return piece if is_there and inode == self._inode else b""
