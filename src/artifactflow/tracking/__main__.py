"""The process of one tracker: `python -m artifactflow.tracking STORE TRACKER [PIPELINE_RUN]`.

Its standard input is a pipe from the command that started it. A byte in it means: look now. Its end means that the
command is over, however it ended; then the rest is told and the process ends.
"""

import contextlib
import os
import select
import sys

from artifactflow.tracking import URGENT_VARIABLE

GRACE_SECONDS = 5.0
"""Imports take a processor for seconds, ours before the libraries' already for a tenth: a pipeline that is done sooner
is told when it is over."""

NICENESS = 10
"""A tenth of a processor where a step wants it too; with more modesty it would never end on a busy machine."""


def main() -> None:
    """Let the steps go first, then tell."""
    if not os.environ.get(URGENT_VARIABLE):
        step_back()
        select.select([0], [], [], GRACE_SECONDS)  # unless the command is over, or a step asks for something
    from pathlib import Path

    from artifactflow.tracking.process import tell

    root, name, *own = sys.argv[1:]
    tell(Path(root), name, own[0] if own else "")


def step_back() -> None:
    """Leave the processors to the steps as long as they want them."""
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    if os.getsid(0) != os.getpid():
        return  # somebody has started it by hand
    # Where Linux schedules by sessions, and this is a session of its own, niceness counts within it only.
    with contextlib.suppress(OSError):
        autogroup = os.open("/proc/self/autogroup", os.O_WRONLY)
        os.write(autogroup, str(NICENESS).encode())
        os.close(autogroup)


if __name__ == "__main__":
    main()
