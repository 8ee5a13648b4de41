"""Feeds the trackers: a process for each, beside the steps, that reads the store's records and remembers what it told.

The journal is the queue. A command starts the process when the first step is executed and never waits for it; what it
does not come to tell, because it is slow, the server is down or it is killed, the process of the next command tells.
"""

from artifactflow.tracking.start import TrackerProcess, folder_of, has_open_runs, last_status

__all__ = ["TrackerProcess", "folder_of", "has_open_runs", "last_status"]
