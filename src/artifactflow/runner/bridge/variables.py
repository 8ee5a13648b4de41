"""The environment variables that a step gets for the bridge."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from artifactflow.trackers.choice import has_wandb_key

SITE_FOLDER: Final = Path(__file__).parents[2] / "child" / "site"
"""What goes in front of a step's PYTHONPATH."""


def step_variables(variables: Mapping[str, str], root: Path, folder: Path) -> dict[str, str]:
    """What to add to `variables` for a step whose run has the folder `folder` in the store at `root`.

    W&B writes into the store and not into the home, unless the user says where: its offline runs come to lie where
    `artifactflow sync` finds them. Without a key it is told to be offline.
    """
    found = {"PYTHONPATH": os.pathsep.join(filter(None, [str(SITE_FOLDER), variables.get("PYTHONPATH")]))}
    places = {
        "WANDB_DIR": root,
        "WANDB_DATA_DIR": root / "wandb" / "data",
        "WANDB_CACHE_DIR": root / "wandb" / "cache",
        "WANDB_ARTIFACT_DIR": folder / "inputs" / "wandb",
    }
    defaults = {}
    if not has_wandb_key(variables):
        places["WANDB_CONFIG_DIR"] = root / "wandb" / "config"
        defaults = {"WANDB_MODE": "offline", "WANDB_ERROR_REPORTING": "false"}
    defaults |= {name: str(place) for name, place in places.items()}
    return found | {name: value for name, value in defaults.items() if not variables.get(name)}
