"""Asks every examination at once, so that the slowest alone decides how long it takes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from artifactflow.doctor.disk import examine_disk
from artifactflow.doctor.machine import examine_machine
from artifactflow.doctor.observation import Observation
from artifactflow.doctor.programs import examine_programs
from artifactflow.doctor.services import examine_trackers
from artifactflow.doctor.storage import examine_store


def examine(root: Path, project: Path, environment: Mapping[str, str] | None = None) -> list[Observation]:
    """What there is to say of this interpreter, of the machine, of the store at `root` and of the trackers.

    `root` need not exist yet; `project` is the folder that commands are called in. `environment` holds the variables,
    by default those of this process.
    """
    variables = os.environ if environment is None else environment
    examinations: list[Callable[[], list[Observation]]] = [
        lambda: examine_machine(variables),
        lambda: examine_disk(root),
        lambda: examine_store(root),
        examine_programs,
        lambda: examine_trackers(project, variables),
    ]
    with ThreadPoolExecutor(len(examinations)) as pool:
        return [found for observations in pool.map(lambda ask: ask(), examinations) for found in observations]
