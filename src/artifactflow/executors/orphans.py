"""Sees to it that steps in fresh processes end when artifactflow is killed (`kill -9`) and cannot end them itself.

A process of its own, `child/watcher.py`, begun with the first such step, holds the other end of a pipe and knows what
runs. So starting a step costs a line in a pipe; and unlike the signal that Linux offers for it (PR_SET_PDEATHSIG) this
does not depend on which thread has started the step, and reaches its descendants too.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

WATCHER_SCRIPT: Final = Path(__file__).parents[1] / "child" / "watcher.py"


class _Watcher:
    """The pipe to the watcher of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = 0
        self._pipe = -1

    def tell(self, line: str) -> None:
        """Hand it a line. Where it was killed itself nothing is told any more."""
        with self._lock:
            if self._owner != os.getpid():  # after a fork the pipe is the parent's
                self._begin()
            with contextlib.suppress(BrokenPipeError):
                os.write(self._pipe, f"{line}\n".encode())

    def _begin(self) -> None:
        theirs, self._pipe = os.pipe()
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", WATCHER_SCRIPT],
                cwd="/",
                env={},
                stdin=theirs,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            process.returncode = 0  # it outlives this process and is not waited for
        finally:
            os.close(theirs)
        self._owner = os.getpid()


_watcher: Final = _Watcher()


@contextlib.contextmanager
def noted(kind: str, value: str) -> Iterator[None]:
    """While this lasts, what is named is killed when this process is gone.

    `kind` is `leader` for a process with its session and descendants, or `run_id` for what has that in its environment.
    """
    if not value:
        yield
        return
    _watcher.tell(f"+{kind} {value}")
    try:
        yield
    finally:
        _watcher.tell(f"-{kind} {value}")
