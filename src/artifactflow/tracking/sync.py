"""Tells what waits: runs that a tracker could not be told of, and the runs that W&B kept offline."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from artifactflow.trackers.choice import WANDB_OFFLINE, has_wandb_key, wandb_folders
from artifactflow.trackers.wandb import forget_sent, waiting_runs
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
    if variables.get("WANDB_MODE", "").lower() in WANDB_OFFLINE:
        variables.pop("WANDB_MODE")
    variables |= {
        **wandb_folders(root, variables),
        "WANDB_HTTP_TIMEOUT": variables.get("WANDB_HTTP_TIMEOUT") or ANSWER_SECONDS,
    }
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "wandb", "sync", *map(str, before)],
            env=variables,
            capture_output=True,
            text=True,
            timeout=SEND_SECONDS,
            check=False,
        )
        said = (done.stdout + done.stderr).strip().splitlines()
    except subprocess.TimeoutExpired:
        said = [f"it took longer than {SEND_SECONDS} seconds"]
    after = waiting_runs(place)
    sent = tuple(path for path in before if path not in after)
    forget_sent(root, sent)
    return Sent(sent, tuple(after), failed=(said[-1] if said else "it said nothing") if after else "")
