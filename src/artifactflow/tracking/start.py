"""Starts the process of a tracker, and knows what the last one said of itself."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from artifactflow.fetch.addresses import masked_message
from artifactflow.runs import now
from artifactflow.trackers.choice import wandb_folders
from artifactflow.tracking import URGENT_VARIABLE

FOLDER: Final = "tracking"
PENDING: Final = "pending"
"""There while something may be left to tell: a look at it is all that a command without work of its own does."""

STATUS: Final = "status.json"
LOCK: Final = "lock"
LOG: Final = "log"
LEDGER: Final = "ledger.db"
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

_OF_A_RUN: Final = (
    "MLFLOW_RUN_ID",
    "MLFLOW_EXPERIMENT_ID",
    "MLFLOW_EXPERIMENT_NAME",
    "WANDB_RUN_ID",
    "WANDB_RESUME",
    "ARTIFACTFLOW_LINE",
    "ARTIFACTFLOW_TOKEN",
)
"""Variables that would make the libraries write into one run, or into the store of a run that this command is a step
of; the settings of each run are in its record."""

_released: Final[list[int]] = []
"""The processes that were let go of and not seen to end, so that one that goes on does not collect their remains."""


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


def write_status(root: Path, name: str, told: int, waiting: int, seconds: float, error: str) -> None:
    """Leave what `last_status` reads."""
    aside = folder_of(root, name) / f"{STATUS}.new"
    said = masked_message(error)
    status = {"told": told, "waiting": waiting, "seconds": round(seconds, 3), "error": said, "ended": now()}
    aside.write_text(json.dumps(status), encoding="utf-8")
    aside.replace(aside.with_name(STATUS))


class TrackerProcess:
    """A running tracker. It outlives the command, and ends by itself when everything is told."""

    def __init__(self, root: Path, name: str, pipeline_run: str = "", *, urgent: bool = False) -> None:
        """Start it. Without `urgent` it leaves the processors to the steps. Raises OSError where that is impossible."""
        self.root = root
        self.name = name
        _collect_released()
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
        os.set_blocking(self._writing, False)
        try:
            # No subprocess.Popen: it wants to be waited for, and nobody will. -P: the project may have an `mlflow`.
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
        except OSError:
            os.close(self._writing)
            raise
        finally:
            os.close(reading)

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
            _released.append(self.pid)

    def wait(self) -> None:
        """Wait until everything is told. Where the process was killed or failed, `last_status` says so then."""
        self.release()
        with contextlib.suppress(ChildProcessError):
            _, status = os.waitpid(self.pid, 0)
            if status != 0:
                log = folder_of(self.root, self.name) / LOG
                write_status(self.root, self.name, 0, 1, 0.0, f"its process ended too early; it has said why in {log}")


def _collect_released() -> None:
    """Those that were waited for are among them too: nobody collects a process twice."""
    for pid in list(_released):
        try:
            ended, _ = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            ended = pid
        if ended:
            _released.remove(pid)


def _how(fresh: bool) -> int:
    return os.O_TRUNC if fresh else os.O_APPEND
