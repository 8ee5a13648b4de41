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
from dataclasses import replace

from artifactflow.check.findings import Finding
from artifactflow.check.subjects import ComponentSubject

FEWEST = 64
"""Components below which starting processes costs more than it saves."""

CheckComponent = Callable[[ComponentSubject], list[Finding]]

_work: tuple[CheckComponent, Sequence[ComponentSubject]] | None = None


def check_side_by_side(check: CheckComponent, components: Sequence[ComponentSubject]) -> Iterator[Finding]:
    """The findings of all components, in their order. Alone where forking would not help or is not safe."""
    processes = min(os.cpu_count() or 1, len(components) // FEWEST + 1)
    if processes < 2 or sys.platform != "linux":
        for component in components:
            yield from check(component)
        return
    global _work  # noqa: PLW0603 - what is forked with the process need not be sent to it
    _work = (check, components)
    try:
        with multiprocessing.get_context("fork").Pool(processes, _obey_parent) as pool:
            for found in pool.imap(_check_one, range(len(components)), chunksize=16):
                yield from found
    finally:
        _work = None


def _obey_parent() -> None:
    """Ctrl-C is the parent's to answer; when it ends a worker, the worker ends without a word."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _check_one(number: int) -> list[Finding]:
    if _work is None:
        return []
    check, components = _work
    found = check(components[number])
    return [replace(one, fix=replace(one.fix, change=None)) if one.fix is not None else one for one in found]
