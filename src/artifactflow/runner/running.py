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
from artifactflow.store.logs import log_place

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
    shown = 0
    while True:
        ended = _has_ended(store, run)
        piece = _whole_log(store, run)[shown:] if ended else _more(store, run, shown)
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


def _more(store: Store, run: Run, shown: int) -> bytes:
    """What was added to the log since so many bytes of it were shown."""
    place = log_place(store.root, run.log)
    try:
        with place.open() as (log, _):
            log.seek(shown, os.SEEK_CUR)
            piece = log.read()
    except NotFoundError:
        return b""
    # Where the folder has gone to another step meanwhile, it is that one's log that was read.
    return piece if place.path.exists() else b""
