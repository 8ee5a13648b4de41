"""What runs at this moment, as seen from another process."""

from __future__ import annotations

import codecs
import time
from collections.abc import Iterator

from artifactflow.errors import NotFoundError
from artifactflow.runner.logs import log_place, read_log
from artifactflow.runner.space import RUNNING_NAME, at_work
from artifactflow.runs import Run
from artifactflow.store import Store

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
        return read_log(store, store.run(run.id))
    except NotFoundError:
        return b""  # it was killed together with who recorded it


def _more(store: Store, run: Run, shown: int) -> bytes:
    """What was added to the log since so many bytes of it were shown."""
    path, start, _ = log_place(store, run)
    try:
        with path.open("rb") as log:
            log.seek(start + shown)
            piece = log.read()
    except FileNotFoundError:
        return b""
    # Where the folder has gone to another step meanwhile, it is that one's log that was read.
    return piece if path.exists() else b""
