"""Examines the machine and the project: what works here, what does not, and how to mend it.

Each module looks at one thing and answers with observations; `examine` asks them all. Nothing is changed but a
temporary folder beside the store, nothing is installed, and no library of a tracker is imported.
"""

from artifactflow.doctor.examine import examine
from artifactflow.doctor.observation import Mark, Observation

__all__ = ["Mark", "Observation", "examine"]
