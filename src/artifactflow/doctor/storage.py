"""The store: whether it can be opened and read, how large it is, and what was left behind in it."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from artifactflow.doctor.observation import Observation, fail, ok, warn
from artifactflow.errors import ArtifactflowError
from artifactflow.store import Store
from artifactflow.store.journal import Journal, Position
from artifactflow.store.layout import FORMAT_VERSION, Layout
from artifactflow.words import size_text

LOOK_SECONDS: Final = 0.4
"""How long sizes are added up, and how long the journal is read."""

OLD_SECONDS: Final = 3600.0
"""What is in `tmp/` for longer than this belongs to nobody who works."""


def examine_store(root: Path) -> list[Observation]:
    """The store at `root` in a line or two."""
    if not root.exists():
        return [ok("store", f"none yet; the first run makes it at {root}")]
    try:
        with Store.open(root, create=False) as store:
            versions, runs = len(store.versions()), len(store.pipeline_runs())
            journal = _journal(Journal(Layout(root).journal, store.id))
    except ArtifactflowError as error:
        where = f" ({error.place})" if error.place else ""
        return [fail("store", f"{root} cannot be read: {error.message}{where}", error.hint or "restore it")]
    size, whole = _size(root / "objects")
    facts = [
        f"format {FORMAT_VERSION}",
        _count(versions, "version"),
        _count(runs, "run"),
        f"{'' if whole else 'more than '}{size_text(size)}",
        journal,
    ]
    text = f"{root}: {', '.join(facts)}"
    return [ok("store", text), *_leftovers(root)]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _journal(journal: Journal) -> str:
    """Reads the journal, with its checksums, as far as there is time. Raises IntegrityError where it is damaged."""
    end = time.monotonic() + LOOK_SECONDS
    for number, _ in enumerate(journal.records(Position())):
        if number % 256 == 255 and time.monotonic() > end:
            return "the beginning of its journal is whole"
    return "its journal is whole"


def _size(folder: Path) -> tuple[int, bool]:
    """The bytes below a folder, and whether there was time for all of them."""
    end = time.monotonic() + LOOK_SECONDS
    total = 0
    waiting = [folder] if folder.is_dir() else []
    while waiting:
        if time.monotonic() > end:
            return total, False
        # What a gc removes meanwhile has no size.
        with suppress(FileNotFoundError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                else:
                    with suppress(FileNotFoundError):
                        total += entry.stat(follow_symlinks=False).st_size
    return total, True


def _leftovers(root: Path) -> list[Observation]:
    """What a process that was killed has left in `tmp/`; downloads are kept there on purpose, to be continued."""
    folder = Layout(root).temporary
    before = time.time() - OLD_SECONDS
    old = [
        entry
        for entry in (folder.iterdir() if folder.is_dir() else ())
        if entry.name != "downloads" and _is_old(entry, before)
    ]
    if not old:
        return []
    what = f"{len(old)} leftover{'' if len(old) == 1 else 's'} of processes that were killed, in {folder}"
    return [warn("leftovers", what, "artifactflow artifacts gc")]


def _is_old(path: Path, before: float) -> bool:
    try:
        return path.lstat().st_mtime < before
    except FileNotFoundError:
        return False
