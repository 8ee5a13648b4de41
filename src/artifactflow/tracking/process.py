"""What the process of a tracker does: tells until the command is over, and what is left then."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import select
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from artifactflow.errors import ArtifactflowError
from artifactflow.fetch.addresses import masked_message
from artifactflow.store import Store
from artifactflow.tracking.start import LOCK, PENDING, folder_of, write_status
from artifactflow.tracking.teller import Teller

LOOK_SECONDS: Final = 0.25
"""How often the journal is looked at while the command runs."""


def tell(root: Path, name: str, own: str) -> None:
    """Tell the tracker `name` of the runs in the store at `root`; `own` is the pipeline run of the command."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Masked("%(asctime)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    try:
        _tell(root, name, own)
    except ArtifactflowError as error:
        said = f"{error}; {error.hint}" if error.hint else str(error)
        write_status(root, name, 0, 1, 0.0, said)


class _Masked(logging.Formatter):
    """Writes log lines and tracebacks, which may quote the tracker's address, without the passwords in addresses."""

    def format(self, record: logging.LogRecord) -> str:
        return masked_message(super().format(record))


def _tell(root: Path, name: str, own: str) -> None:
    folder = folder_of(root, name)
    with _alone(folder / LOCK), Store.open(root, create=False) as store:
        (folder / PENDING).touch()  # the process before may have taken it away
        teller = Teller(store, name, folder)
        try:
            busy = _serve(teller, own)
            waiting = teller.waiting()
        finally:
            teller.close()
        write_status(root, name, teller.told, waiting, busy, teller.error)
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
