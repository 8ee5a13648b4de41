"""Kills what a command has started in fresh processes and could not end, because it was killed itself.

Started by path, with a pipe as its standard input, one for each artifactflow process that needs it. A line notes
(`+run_id ID` before a step is started, `+leader PID` when it has been) or forgets (`-…`). The pipe is closed when the
command has ended, however it did; what is still noted then is killed. A process that the command was just starting
holds the pipe until it is the step's: it cannot be missed.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from artifactflow.child import processes
else:
    sys.path.insert(0, os.path.dirname(__file__))  # noqa: PTH120
    import processes


def main() -> None:
    """Take notes until the command has ended, then kill what is left."""
    noted: set[str] = set()
    for line in sys.stdin:
        (noted.add if line[0] == "+" else noted.discard)(line[1:].rstrip("\n"))
    for note in noted:
        kind, _, value = note.partition(" ")
        processes.kill_all(value if kind == "run_id" else "", int(value) if kind == "leader" else 0)


if __name__ == "__main__":
    main()
