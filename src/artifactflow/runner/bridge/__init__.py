"""The local store behind the interfaces of other libraries, for the processes of a run's steps.

`line` serves them on a Unix socket, `artifacts` answers what they ask of the store, `companion` goes along with each
execution. What runs in those processes is in `child/site`.
"""

from artifactflow.runner.bridge.companion import Bridge
from artifactflow.runner.bridge.line import Caller, Operation

__all__ = ["Bridge", "Caller", "Operation"]
