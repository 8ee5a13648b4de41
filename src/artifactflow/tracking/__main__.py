"""The process of one tracker: `python -m artifactflow.tracking STORE TRACKER [PIPELINE_RUN]`.

Its standard input is a pipe from the command that started it. A byte in it means: look now. Its end means that the
command is over, however it ended; then the rest is told and the process ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import select
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from artifactflow.errors import ArtifactflowError
from artifactflow.fetch.addresses import masked_message
from artifactflow.store import Store
from artifactflow.tracking.start import LOCK, PENDING, URGENT_VARIABLE, folder_of, write_status
from artifactflow.tracking.teller import Teller

LOOK_SECONDS: Final = 0.25
"""How often the journal is looked at while the command runs."""

GRACE_SECONDS: Final = 5.0
"""Importing MLflow takes a processor for seconds: a pipeline that is done sooner is told when it is over."""

_NICE: Final = 10
"""A tenth of a processor where a step wants it too; with more modesty it would never end on a busy machine."""


def main() -> None:
    """Tell what there is to tell until the command is over, and what is left then."""
    root, name, *own = sys.argv[1:]
    handler = logging.StreamHandler()
    handler.setFormatter(_Masked("%(asctime)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    urgent = bool(os.environ.get(URGENT_VARIABLE))
    if not urgent:
        _step_back()
    try:
        _tell(Path(root), name, own[0] if own else "", urgent=urgent)
    except ArtifactflowError as error:
        said = f"{error}; {error.hint}" if error.hint else str(error)
        write_status(Path(root), name, 0, 1, 0.0, said)


class _Masked(logging.Formatter):
    """Writes log lines and tracebacks, which may quote the tracker's address, without the passwords in addresses."""

    def format(self, record: logging.LogRecord) -> str:
        return masked_message(super().format(record))


def _tell(root: Path, name: str, own: str, *, urgent: bool) -> None:
    folder = folder_of(root, name)
    with _alone(folder / LOCK), Store.open(root, create=False) as store:
        (folder / PENDING).touch()  # the process before may have taken it away
        teller = Teller(store, name, folder)
        try:
            if not urgent:
                _let_steps_go_first(teller)
            busy = _serve(teller, own)
            waiting = teller.waiting()
        finally:
            teller.close()
        write_status(root, name, teller.told, waiting, busy, teller.error)
        if not waiting:
            (folder / PENDING).unlink(missing_ok=True)


def _let_steps_go_first(teller: Teller) -> None:
    """Wait for the end of the command, not for long, or until a step asks for something."""
    deadline = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < deadline and not _is_over() and not teller.questions.open():
        select.select([0], [], [], LOOK_SECONDS)


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
