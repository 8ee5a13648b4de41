"""Tells what waits: runs that a tracker could not be told of, and the runs that W&B kept offline."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from artifactflow.errors import OutsideError
from artifactflow.trackers.choice import WANDB_OFFLINE, has_wandb_key, wandb_folders
from artifactflow.trackers.wandb_offline import described, forget_sent, wait_again, waiting_runs
from artifactflow.trackers.wandb_server import has_run
from artifactflow.tracking.ledger import Ledger
from artifactflow.tracking.start import LEDGER, TrackerProcess, folder_of, last_status

SEND_SECONDS: Final = 3600
"""How long sending may take altogether."""

ANSWER_SECONDS: Final = "20"


@dataclass(frozen=True, slots=True)
class Sent:
    """Which offline runs were sent and which wait; `why` they wait where nothing was tried, what `failed` otherwise."""

    sent: tuple[Path, ...] = ()
    waiting: tuple[Path, ...] = ()
    why: str = ""
    failed: str = ""

    def to_json(self) -> dict[str, Any]:
        """The row of it, for `--json`."""
        return {"sent": [str(path) for path in self.sent], "waiting": [str(path) for path in self.waiting]} | {
            "why": self.why or self.failed
        }


def catch_up(root: Path, name: str) -> Mapping[str, Any] | None:
    """Tell a tracker what it does not know, whatever went wrong before; None where it was never told of anything."""
    ledger_file = folder_of(root, name) / LEDGER
    if not ledger_file.exists():
        return None
    ledger = Ledger(ledger_file)
    ledger.forgive()
    ledger.close()
    TrackerProcess(root, name, urgent=True).wait()
    return last_status(root, name)


def send_offline_runs(root: Path, environment: Mapping[str, str] | None = None) -> Sent:
    """Send W&B's offline runs of this store by W&B's own means. Without a key nothing is tried."""
    variables = dict(os.environ if environment is None else environment)
    place = Path(variables.get("WANDB_DIR") or root)
    before = waiting_runs(place)
    if not before:
        return Sent()
    if not has_wandb_key(variables):
        return Sent(waiting=tuple(before), why="they need a key: set WANDB_API_KEY, or run `wandb login`")
    said = _sent_by_wandb(before, root, variables)
    marked = sorted({*before}.difference(waiting_runs(place)))
    accepted, doubt = _accepted(marked, variables)
    forget_sent(accepted)
    after = waiting_runs(place)
    return Sent(accepted, tuple(path for path in before if path in after), failed=(doubt or said[-1]) if after else "")


def _sent_by_wandb(runs: Sequence[Path], root: Path, environment: Mapping[str, str]) -> list[str]:
    """Have W&B send runs, and mark them; the lines that it says."""
    variables = {
        **environment,
        **wandb_folders(root, environment),
        "WANDB_HTTP_TIMEOUT": environment.get("WANDB_HTTP_TIMEOUT") or ANSWER_SECONDS,
    }
    if variables.get("WANDB_MODE", "").lower() in WANDB_OFFLINE:
        variables.pop("WANDB_MODE")
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "wandb", "sync", *map(str, runs)],
            env=variables,
            capture_output=True,
            text=True,
            timeout=SEND_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return [f"it took longer than {SEND_SECONDS} seconds"]
    return (done.stdout + done.stderr).strip().splitlines() or ["it said nothing"]


def _accepted(marked: Sequence[Path], environment: Mapping[str, str]) -> tuple[tuple[Path, ...], str]:
    """Those that the server has, and why it is not all; the others wait again.

    W&B up to 0.21 at least marks a run as sent when it has tried, whatever the server answered.
    """
    accepted = []
    doubt = ""
    for folder in marked:
        run = described(folder)
        if run is None:
            continue  # it was cut off before its first record: there is nothing to send
        try:
            if has_run(run, environment):
                accepted.append(folder)
                continue
            doubt = f"W&B has said that it sent {folder.name}, and the server has no such run"
        except OutsideError as error:
            doubt = error.message
        wait_again(folder)
    return tuple(accepted), doubt
