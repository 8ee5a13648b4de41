"""What runs at this moment, as seen from another process."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

from artifactflow.runner.execute import RUNNING_NAME
from artifactflow.runs import Run
from artifactflow.store import Store

LOOK_SECONDS = 0.2


def running_step(store: Store, name: str) -> Run | None:
    """The newest run of that step (or with that id) that has not ended, or None."""
    found = []
    for file in (store.root / "runs").glob(f"*/{RUNNING_NAME}"):
        try:
            run = Run.from_json(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # it ended this moment
        if run.step == name or run.id.startswith(name):
            found.append(run)
    return max(found, key=lambda run: run.id, default=None)


def follow_log(store: Store, run: Run) -> Iterator[str]:
    """What the run has printed, and what it prints until it ends."""
    log: Path = store.root / run.log
    marker = log.with_name(RUNNING_NAME)
    while not log.exists():
        if not marker.exists():
            return
        time.sleep(LOOK_SECONDS)
    with log.open(encoding="utf-8", errors="replace") as stream:
        while True:
            ended = not marker.exists()
            text = stream.read()
            if text:
                yield text
            elif ended:
                return
            else:
                time.sleep(LOOK_SECONDS)
