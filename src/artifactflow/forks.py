"""Sharing work on many things among forks of this process, one for each core.

Threads would share one interpreter, which is what work on many small things waits for. A fork has everything that is
loaded, so only what it found has to travel.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from artifactflow.errors import OutsideError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

Item = TypeVar("Item")
Found = TypeVar("Found")

_TICKET_BYTES: Final = 4
_ANSWERED: Final = (signal.SIGINT, signal.SIGTERM)
_MOST_PARTS: Final = 8192
"""So that a ticket for each fits into a pipe, which holds 64 KiB, before anybody reads it."""


def cores() -> int:
    """The processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def may_share() -> bool:
    """Whether forks help and are safe: on Linux, with several cores, while no other thread could hold a lock."""
    return sys.platform == "linux" and cores() > 1 and len(list(Path("/proc/self/task").iterdir())) == 1


def share(work: Callable[[Sequence[Item]], Found], items: Sequence[Item], *, part: int) -> Iterator[Found]:
    """What `work` makes of the items, a part of so many at a time, in any order; each fork takes the next part.

    What `work` raises is raised here, and the forks are ended. Forks stay quiet on Ctrl-C, which is this process's to
    answer, and end by themselves soon after it is gone. To be called where `may_share()`.
    """
    import multiprocessing

    size = max(part, -(-len(items) // _MOST_PARTS))
    starts = range(0, len(items), size)
    context = multiprocessing.get_context("fork")
    with ExitStack() as leaving:
        tickets, writer = os.pipe()
        leaving.callback(os.close, tickets)
        with os.fdopen(writer, "wb") as stream:
            stream.writelines(start.to_bytes(_TICKET_BYTES, "little") for start in starts)
        receivers: list[Connection] = []
        for _ in range(min(cores(), len(starts))):
            receiver, sender = context.Pipe(duplex=False)
            leaving.callback(receiver.close)
            # A fork that held a reading end could not see that this process is gone.
            receivers.append(receiver)
            known = (work, items, size, tickets, sender, receivers)
            process = context.Process(target=_work_in_fork, args=known, daemon=True)
            # No signal may find the fork before it knows that this process's answers to it are not its own.
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, _ANSWERED)
            try:
                process.start()
                leaving.callback(process.join)
                leaving.callback(process.terminate)
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            sender.close()
        yield from _received(receivers)


def _received(receivers: list[Connection]) -> Iterator[Found]:
    from multiprocessing.connection import wait

    waiting = list(receivers)
    while waiting:
        ready = wait(waiting)
        for receiver in [one for one in waiting if one in ready]:
            try:
                last, found = receiver.recv()
            except EOFError:
                raise OutsideError(
                    "a process that shared the work was ended from outside",
                    hint="try again; where memory was short, with less beside it",
                ) from None
            if isinstance(found, Exception):
                raise found
            if last:
                waiting.remove(receiver)
            else:
                yield found


def _work_in_fork(
    work: Callable[[Sequence[Item]], Found],
    items: Sequence[Item],
    size: int,
    tickets: int,
    sender: Connection,
    receivers: Sequence[Connection],
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ANSWERED)
    for receiver in receivers:
        receiver.close()
    try:
        while ticket := os.read(tickets, _TICKET_BYTES):
            start = int.from_bytes(ticket, "little")
            sender.send((False, work(items[start : start + size])))
        sender.send((True, None))
    except BrokenPipeError:
        pass  # whoever wanted to know is gone
    except Exception as error:
        sender.send((True, error))
