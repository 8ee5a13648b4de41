"""What a pipeline run has on the disk while it runs: a folder for each step at work, their logs, and who is at work.

Making and removing files is what costs most about a small step (a file system does not like to give out again what was
deleted a moment ago), so folders are handed on from one step to the next: by renaming them, so that whatever a step has
left running behind it finds nothing under the old name. Those that wait for the next step lie in the folder of the
pipeline run, where the garbage collector leaves them alone and where they are found after a crash. The log in such a
folder goes on where that of the step before ended: emptying a file that was just written makes one wait for the disk.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from artifactflow.runs import Run
from artifactflow.store import Store
from artifactflow.store.at_work import PRIVATE_NAMES, RUNNING_NAME, SPARE_NAME, STAGING_NAME
from artifactflow.store.files import os_errors, remove
from artifactflow.store.logs import PACK_NAME, LogPack

LOG_NAME: Final = "log"
INPUTS_NAME: Final = "inputs"
OUTPUTS_NAME: Final = "outputs"
METADATA_NAME: Final = "metadata.json"

LONGEST_LOG: Final = 1024 * 1024
"""Where the log in a folder that is handed on has become longer, it is begun anew."""


@dataclass(frozen=True, slots=True)
class Spare:
    """A folder that another step may have, and how much earlier steps have written to its log."""

    folder: Path
    logged: int


class RunSpace:
    """The folders of one pipeline run. Used by the coordinating thread only; nothing is made before it is needed."""

    def __init__(self, store: Store, pipeline_run_id: str) -> None:
        self.root = store.root
        self.folder = store.run_folder(pipeline_run_id)
        self.staging = self.folder / STAGING_NAME
        self._store = store
        self._pack = LogPack(self.folder / PACK_NAME, store.root)
        self._running: TextIO | None = None
        self._kept: list[str] = []
        self._spare: defaultdict[tuple[str, ...], list[Spare]] = defaultdict(list)
        self._spared = 0

    def begin(self, run: Run, keys: tuple[str, ...]) -> int:
        """Say that a step runs and make its folder, with one in `outputs` for each of the `keys`.

        Returns where its log begins. It is said first, so that nobody takes the folder for what a dead run has left.
        """
        spare = self._spare[keys].pop() if self._spare[keys] else None
        logged = spare.logged if spare else 0
        folder = self._store.run_folder(run.id)
        with os_errors("make the run's folder"):
            self._open()
            self._say({"started": {**run.to_json(), "ingredients": {}, "log": f"{run.log}:{logged}:"}})
            if spare is not None:
                spare.folder.rename(folder)
            else:
                make_folders(folder, keys)
        return logged

    def ended(self, run_id: str) -> None:
        """Say that a step is no longer at work: its record is in the store."""
        with suppress(OSError):  # its record counts, and soon the whole list is gone
            self._say({"ended": run_id})

    def pack_log(self, log: Path, start: int) -> str | None:
        """Where what a log holds from `start` on is kept for good, None where its file has to stay."""
        return self._pack.add(log, start)

    def give_back(self, folder: Path, keys: tuple[str, ...]) -> None:
        """Let another step have the folder of one whose log is packed, if nothing else is left in it."""
        try:
            logged = _logged(folder, keys)
            if logged is not None:
                spare = self.folder / SPARE_NAME / str(self._spared)
                self._spared += 1
                folder.rename(spare)
                self._spare[keys].append(Spare(spare, logged))
                return
        except OSError:
            pass  # a step that takes its own folder apart has ended well all the same
        for name in (INPUTS_NAME, OUTPUTS_NAME, METADATA_NAME, LOG_NAME):
            discard(folder / name)
        with suppress(OSError):
            folder.rmdir()  # what a companion has put there stays

    def close(self) -> None:
        """Remove everything but the logs."""
        self._pack.close()
        if self._running is not None:
            with suppress(OSError):
                self._running.close()
            self._running = None
        self._spare.clear()
        clear(self.folder)

    def keep(self, refs: Iterable[str]) -> None:
        """Say that versions are reused, so that none is removed before the steps that come have read it.

        Said when the first step begins: where nothing is executed, nobody reads anything.
        """
        self._kept += refs
        if self._running is not None:
            self._say_kept()

    def _say_kept(self) -> None:
        if self._kept:
            self._say({"kept": self._kept})
            self._kept = []

    def _open(self) -> None:
        if self._running is None:
            for name in (STAGING_NAME, SPARE_NAME):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
            self._running = (self.folder / RUNNING_NAME).open("a", encoding="utf-8")
            self._say_kept()

    def _say(self, what: dict[str, Any]) -> None:
        if self._running is not None:
            self._running.write(json.dumps(what) + "\n")
            self._running.flush()


def _logged(folder: Path, keys: tuple[str, ...]) -> int | None:
    """How long the log in a folder is that holds nothing else; None where it does, or could not be handed on as it is.

    A log that has become too long is removed.
    """
    names = {path.name for path in folder.iterdir()}
    if not names <= {LOG_NAME, OUTPUTS_NAME} or any(any((folder / OUTPUTS_NAME / key).iterdir()) for key in keys):
        return None
    log = folder / LOG_NAME
    logged = log.stat().st_size if LOG_NAME in names else 0
    if logged > LONGEST_LOG:
        log.unlink()
        return 0
    return logged


def make_folders(folder: Path, keys: tuple[str, ...]) -> None:
    """A folder in `outputs` for each key; the log goes beside, also that of a step that produces nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    for key in keys:
        (folder / OUTPUTS_NAME / key).mkdir(parents=True, exist_ok=True)


def discard(path: Path) -> None:
    """Remove a file or a folder as far as that can be done: what a step still writes to must not end the run."""
    with suppress(OSError):
        remove(path)


def clear(folder: Path) -> None:
    """Remove what the folder of a pipeline run holds while it runs, and the folder where nothing else is in it.

    What a link in its place leads to is another's.
    """
    if folder.is_symlink():
        return
    for name in PRIVATE_NAMES:
        discard(folder / name)
    with suppress(OSError):
        folder.rmdir()
