"""How a running step gets its id in a tracker before it starts: a question and an answer, each a small file.

Whichever tracker process has the store's lock answers, be it that of this command or of one before.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from artifactflow.runs import Run

LOOK_SECONDS: Final = 0.01


class Questions:
    """The questions to the tracker whose folder is given."""

    def __init__(self, folder: Path) -> None:
        self._asked = folder / "asked"
        self._answered = folder / "answered"

    def ask(self, run: Run) -> None:
        """Ask for the id of a run that is about to begin."""
        _write(self._asked / f"{run.id}.json", run.to_json())

    def wait(self, run: Run, seconds: float, still_useful: Callable[[], bool]) -> Mapping[str, str] | None:
        """The variables that the step is to be given; None where there is no answer in time, or a refusal."""
        file = self._answered / f"{run.id}.json"
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            answer = _read(file)
            if answer is not None:
                variables: Mapping[str, str] | None = answer.get("variables")
                return variables
            if not still_useful():
                return None
            time.sleep(LOOK_SECONDS)
        return None

    def open(self) -> list[Run]:
        """The runs that are asked for, oldest first."""
        found = [(file, _read(file)) for file in sorted(self._asked.glob("*.json"))]
        return [Run.from_json(record) for _, record in found if record is not None]

    def answer(self, run_id: str, variables: Mapping[str, str] | None) -> None:
        """Answer a question, or refuse to with None."""
        _write(self._answered / f"{run_id}.json", {"variables": variables})
        (self._asked / f"{run_id}.json").unlink(missing_ok=True)

    def forget(self, run_id: str) -> None:
        """The run is over: neither question nor answer is needed."""
        for folder in (self._asked, self._answered):
            (folder / f"{run_id}.json").unlink(missing_ok=True)


def _write(file: Path, content: Mapping[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_suffix(f".{os.getpid()}.new")
    aside.write_text(json.dumps(content), encoding="utf-8")
    aside.replace(file)


def _read(file: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content
