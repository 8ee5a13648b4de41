"""The process of one tracker: `python -m artifactflow.tracking STORE TRACKER [PIPELINE_RUN]`.

Its standard input is a pipe from the command that started it. A byte in it means: look now. Its end means that the
command is over, however it ended; then the rest is told and the process ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import select
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from artifactflow.runs import now
from artifactflow.store import Store
from artifactflow.tracking.start import LOCK, PENDING, STATUS, URGENT_VARIABLE, folder_of
from artifactflow.tracking.teller import Teller

LOOK_SECONDS: Final = 0.25
"""How often the journal is looked at while the command runs."""

_NICE: Final = 10
"""A tenth of a processor where a step wants it too; with more modesty it would never end on a busy machine."""


def main() -> None:
    """Tell what there is to tell until the command is over, and what is left then."""
    root, name, *own = sys.argv[1:]
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    if not os.environ.get(URGENT_VARIABLE):
        _step_back()
    folder = folder_of(Path(root), name)
    with _alone(folder / LOCK), Store.open(Path(root), create=False) as store:
        teller = Teller(store, name, folder)
        try:
            busy = _serve(teller, own[0] if own else "")
            waiting = teller.waiting()
        finally:
            teller.close()
        status = {"told": teller.told, "waiting": waiting, "seconds": round(busy, 3), "error": teller.error}
        aside = folder / f"{STATUS}.new"
        aside.write_text(json.dumps({**status, "ended": now()}), encoding="utf-8")
        aside.replace(folder / STATUS)
        if not waiting:
            (folder / PENDING).unlink(missing_ok=True)


def _serve(teller: Teller, own: str) -> float:
    """Until the command is over and everything is told; the seconds that were spent on it, without the waiting."""
    busy = 0.0
    seen: object = None
    over = False
    while not over:
        over = _is_over()  # asked before the store is read: what happened until then is in it
        started = time.monotonic()
        teller.answer_questions()
        mark = teller.feed.mark()
        if over or mark != seen:
            teller.tell(gone=own if over else "")
            seen = mark
        busy += time.monotonic() - started
        if not over:
            select.select([0], [], [], LOOK_SECONDS)
    return busy


def _is_over() -> bool:
    """Whether the command is over, however it ended; the bytes that it has sent are taken."""
    readable, _, _ = select.select([0], [], [], 0.0)
    return bool(readable) and not os.read(0, 4096)


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One process tells a tracker of a store; the others wait, and tell what is left then."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _step_back() -> None:
    """Leave the processors to the steps as long as they want them."""
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    # Where Linux schedules by sessions, and this is a session of its own, niceness counts within it only.
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(_NICE))


if __name__ == "__main__":
    main()
