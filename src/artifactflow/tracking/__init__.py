"""Feeds the trackers: a process for each, beside the steps, that reads the store's records and remembers what it told.

The journal is the queue. A command starts the process when the first step is executed and never waits for it; what it
does not come to tell, because it is slow, the server is down or it is killed, the process of the next command tells.
Nothing is imported here: that process does as little as it can while steps run.
"""

URGENT_VARIABLE = "ARTIFACTFLOW_TRACKING_URGENT"
"""Set, the process takes its share of the processors though steps run; otherwise what they leave."""
