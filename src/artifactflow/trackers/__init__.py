"""Who is told of what was run: MLflow and W&B.

A tracker is handed records and the paths of read-only files; it never sees the store, and nothing is ever asked of it
that artifactflow would have to remember. `tracking` feeds it, in a process beside the steps.
"""

from artifactflow.trackers.choice import TRACKERS, Settings, chosen_trackers, new_tracker
from artifactflow.trackers.told import StoredFile, ToldPipeline, ToldStep, ToldVersion, Tracker

__all__ = [
    "TRACKERS",
    "Settings",
    "StoredFile",
    "ToldPipeline",
    "ToldStep",
    "ToldVersion",
    "Tracker",
    "chosen_trackers",
    "new_tracker",
]
