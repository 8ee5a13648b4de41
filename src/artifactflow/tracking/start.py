"""Starts the process of a tracker, and knows what the last one said of itself."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from artifactflow.trackers.choice import wandb_folders

FOLDER: Final = "tracking"
PENDING: Final = "pending"
"""There while something may be left to tell: a look at it is all that a command without work of its own does."""

STATUS: Final = "status.json"
LOCK: Final = "lock"
LOG: Final = "log"
LEDGER: Final = "ledger.db"
URGENT_VARIABLE: Final = "ARTIFACTFLOW_TRACKING_URGENT"
"""Set, the process takes its share of the processors though steps run; otherwise what they leave."""

_LARGEST_LOG: Final = 1024 * 1024
_PATIENCE: Final = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "PYTHONUNBUFFERED": "1",
}
"""MLflow itself tries for minutes; what it cannot be told now is told next time. Nor does a process that nobody sees
send MLflow's makers anything, or write into the home for it."""

_OF_A_RUN: Final = ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME", "WANDB_RUN_ID", "WANDB_RESUME")
"""Variables that would make the libraries write into one run; the settings of each run are in its record."""


def folder_of(root: Path, name: str) -> Path:
    """Where a tracker's ledger, log and status are, in the store at `root`."""
    return root / FOLDER / name


def has_open_runs(root: Path, name: str) -> bool:
    """Whether something may be left to tell."""
    return (folder_of(root, name) / PENDING).exists()


def last_status(root: Path, name: str) -> Mapping[str, Any]:
    """What the last process said when it ended: `told`, `waiting`, `seconds`, `error`; nothing where there was none."""
    try:
        status: Mapping[str, Any] = json.loads((folder_of(root, name) / STATUS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return status


class TrackerProcess:
    """A running tracker. It outlives the command, and ends by itself when everything is told."""

    def __init__(self, root: Path, name: str, pipeline_run: str = "", *, urgent: bool = False) -> None:
        """Start it. Without `urgent` it leaves the processors to the steps."""
        folder = folder_of(root, name)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / PENDING).touch()
        variables = {
            **_PATIENCE,
            **wandb_folders(root, os.environ),
            **os.environ,
            **({URGENT_VARIABLE: "1"} if urgent else {}),
        }
        for variable in _OF_A_RUN:
            variables.pop(variable, None)
        log = folder / LOG
        fresh = not log.exists() or log.stat().st_size > _LARGEST_LOG
        reading, self._writing = os.pipe()
        # No subprocess.Popen: it wants to be waited for, and nobody will. -P: the project may have a folder `mlflow`.
        self.pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-P", "-m", "artifactflow.tracking", str(root), name, pipeline_run],
            variables,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, reading, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | _how(fresh), 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )
        os.close(reading)
        os.set_blocking(self._writing, False)

    def wake(self) -> None:
        """Tell it that there is something to see."""
        with contextlib.suppress(OSError, ValueError):
            os.write(self._writing, b".")

    def is_alive(self) -> bool:
        """Whether the process is there."""
        with contextlib.suppress(ChildProcessError):
            return os.waitpid(self.pid, os.WNOHANG) == (0, 0)
        return False

    def release(self) -> None:
        """Tell it that the command is over."""
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1

    def wait(self) -> None:
        """Wait until everything is told."""
        self.release()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _how(fresh: bool) -> int:
    return os.O_TRUNC if fresh else os.O_APPEND
