"""Which steps are at work: what the folder of a pipeline run says while it runs, readable by every other process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from artifactflow.runs import Run
from artifactflow.store.files import no_follow

RUNNING_NAME: Final = "running.jsonl"
"""In the folder of a pipeline run while it runs: lines for steps that were started, have ended or are reused."""

STAGING_NAME: Final = "staging"
"""Beside it: bytes that steps have made and that are not in place yet."""

SPARE_NAME: Final = "spare"
"""Beside it: folders of steps that have ended, for those that come."""

PRIVATE_NAMES: Final = (STAGING_NAME, SPARE_NAME, RUNNING_NAME)
"""What the folder of a pipeline run has in it while it runs and not afterwards; that it runs is forgotten last."""


def running_folders(runs: Path, is_running: Callable[[str], bool]) -> Iterator[Path]:
    """The folders of the pipeline runs that run now, of those in `runs`."""
    for file in runs.glob(f"*/{RUNNING_NAME}"):
        if not file.parent.is_symlink() and is_running(file.parent.name):
            yield file.parent


def at_work(folder: Path) -> list[Run]:
    """The steps that the pipeline run with this folder has started and that have not ended."""
    found: dict[str, Run] = {}
    for what in _said(folder):
        with suppress(ValueError, KeyError, TypeError):
            if "started" in what:
                run = Run.from_json(what["started"])
                found[run.id] = run
            elif "ended" in what:
                found.pop(what["ended"], None)
    return list(found.values())


def kept_versions(folder: Path) -> set[str]:
    """The versions that the pipeline run with this folder has reused: a step that comes may read them."""
    return {str(ref) for what in _said(folder) for ref in what.get("kept", ())}


def _said(folder: Path) -> list[dict[str, Any]]:
    try:
        with open(folder / RUNNING_NAME, encoding="utf-8", opener=no_follow) as stream:
            lines = stream.read().splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    said = []
    for line in lines:
        with suppress(ValueError):  # the last is being written
            what = json.loads(line)
            if isinstance(what, dict):
                said.append(what)
    return said
