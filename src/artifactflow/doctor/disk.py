"""What the file system of the store can do."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from artifactflow.doctor.observation import Observation, fail, ok, warn
from artifactflow.store.files import clone_file, remove, sync
from artifactflow.words import size_text

SCARCE_BYTES: Final = 1_000_000_000

_elsewhere: Final = "keep the store elsewhere: --store DIR"


def examine_disk(root: Path) -> list[Observation]:
    """Tries it out in a temporary folder in the store, or in the nearest folder above where it will be."""
    place = next(folder for folder in (root / "tmp", root, *root.parents) if folder.is_dir())
    try:
        folder = Path(tempfile.mkdtemp(prefix=".artifactflow-doctor-", dir=place))
    except OSError as error:
        return [fail("disk", f"{place} cannot be written to: {error.strerror}", f"make it writable, or {_elsewhere}")]
    try:
        return [*(_tried(subject, trial, folder) for subject, trial in _trials.items()), _space(place)]
    finally:
        remove(folder)


def _tried(subject: str, trial: Callable[[Path], Observation], folder: Path) -> Observation:
    """What the trial found; a disk that is full or failing is a finding too, and the other trials go on."""
    try:
        return trial(folder)
    except OSError as error:
        return fail(subject, f"cannot be tried in {folder.parent}: {error.strerror}", f"make room, or {_elsewhere}")


def _durability(folder: Path) -> Observation:
    file = folder / "synced"
    try:
        file.write_bytes(b"x")
        sync(file)
        sync(folder)
    except OSError as error:
        return fail("fsync", f"fails in {folder.parent}: {error.strerror}; nothing can be stored durably", _elsewhere)
    return ok("fsync", "works for files and folders")


def _locks(folder: Path) -> Observation:
    file = folder / "lock"
    file.touch()
    with file.open("rb") as one, file.open("rb") as other:
        try:
            fcntl.flock(one, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return fail("locks", f"flock fails in {folder.parent}: {error.strerror}", _elsewhere)
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return ok("locks", "flock keeps others out")
    return fail("locks", f"flock in {folder.parent} lets two in at once: commands would disturb each other", _elsewhere)


def _sharing(folder: Path) -> Observation:
    source = folder / "source"
    source.write_bytes(b"shared")
    if clone_file(source, folder / "clone"):
        return ok("sharing", "reflinks: inputs and environments take no second copy on the disk")
    with suppress(OSError):
        (folder / "link").hardlink_to(source)
        if os.geteuid() == 0:
            mend = "run as another user than root, for whom inputs are hard links"
            return warn("sharing", "hard links, but not for root, who could write to them: inputs are copied", mend)
        return ok("sharing", "hard links, no reflinks: inputs take no second copy on the disk")
    mend = "keep the store on a file system with hard links: --store DIR"
    return fail("sharing", "neither reflinks nor hard links: no store can be made here", mend)


def _case(folder: Path) -> Observation:
    (folder / "case").touch()
    if (folder / "CASE").exists():
        mend = "give files inside artifacts names that differ in more than their case"
        return warn("names", "the file system does not tell Data.csv from data.csv", mend)
    return ok("names", "upper and lower case differ")


_trials: Final = {"fsync": _durability, "locks": _locks, "sharing": _sharing, "names": _case}


def _space(place: Path) -> Observation:
    usage = shutil.disk_usage(place)
    text = f"{size_text(usage.free)} free of {size_text(usage.total)}"
    if usage.free < SCARCE_BYTES:
        return warn("space", text, f"free some, or {_elsewhere}")
    return ok("space", text)
