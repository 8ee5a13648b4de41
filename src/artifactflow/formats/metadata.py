"""What a step says about its outputs beside their bytes: rows and columns, the address of a download, scores.

The runner names a file in `ARTIFACTFLOW_METADATA` and registers what it finds there with the output's version. Without
that variable, as under plain `mlflow run`, nothing is written.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from artifactflow.errors import StepFailedError

METADATA_VARIABLE = "ARTIFACTFLOW_METADATA"


def add_metadata(key: str, metadata: Mapping[str, Any]) -> None:
    """Say something about the output `key` of the running step. Later calls add to what earlier ones said."""
    add_metadata_in(os.environ, key, metadata)


def add_metadata_in(environment: Mapping[str, str], key: str, metadata: Mapping[str, Any]) -> None:
    """The same for a step whose environment is not the process's own, because several run in it at once."""
    file_name = environment.get(METADATA_VARIABLE)
    if not file_name:
        return
    file = Path(file_name)
    known = read_metadata(file)
    known.setdefault(key, {}).update(metadata)
    file.write_text(json.dumps(known), encoding="utf-8")


def read_metadata(file: Path) -> dict[str, dict[str, Any]]:
    """What was said, by output key; nothing where nothing was. Raises StepFailedError where it cannot be read."""
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise StepFailedError(f"what the step says about its outputs is not JSON: {error}") from error
    if not isinstance(known, dict) or not all(isinstance(value, dict) for value in known.values()):
        raise StepFailedError("what the step says about its outputs must map their keys to mappings")
    return known
