"""Checks many components on several processors.

The work is all Python, so processes share it, not threads. They are forked: everything that is loaded is there, and
what they send back is findings only. A mend does not travel (it is a function); that there is one does.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import replace

from artifactflow.check.findings import Finding
from artifactflow.check.subjects import ComponentSubject

FEWEST = 64
"""Components below which starting processes costs more than it saves."""

CheckComponent = Callable[[ComponentSubject], list[Finding]]

_work: ContextVar[tuple[CheckComponent, Sequence[ComponentSubject]]] = ContextVar("_work")
"""What a worker has to do, in its own process: it was forked with it, so nothing had to be sent."""


def check_side_by_side(check: CheckComponent, components: Sequence[ComponentSubject]) -> Iterator[Finding]:
    """The findings of all components, in their order. Alone where forking would not help or is not safe."""
    processes = min(os.cpu_count() or 1, len(components) // FEWEST + 1)
    if processes < 2 or sys.platform != "linux":
        for component in components:
            yield from check(component)
        return
    with multiprocessing.get_context("fork").Pool(processes, _start, (check, components)) as pool:
        for found in pool.imap(_check_one, range(len(components)), chunksize=16):
            yield from found


def _start(check: CheckComponent, components: Sequence[ComponentSubject]) -> None:
    """A worker begins. Ctrl-C is the parent's to answer; when it ends a worker, the worker ends without a word."""
    _work.set((check, components))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _check_one(number: int) -> list[Finding]:
    check, components = _work.get()
    found = check(components[number])
    return [replace(one, fix=replace(one.fix, change=None)) if one.fix is not None else one for one in found]
