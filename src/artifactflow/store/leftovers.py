"""What processes that died have left in a store, and copies that can be made again."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from artifactflow.errors import NotFoundError
from artifactflow.store import queries
from artifactflow.store.at_work import PRIVATE_NAMES, at_work, running_folders
from artifactflow.store.catalog_sum import sum_path
from artifactflow.store.files import remove
from artifactflow.store.locks import hold
from artifactflow.store.parts import Parts

_PRIVATE: Final = (*PRIVATE_NAMES, "inputs", "outputs", "metadata.json")
"""What runs have in their folders while they run. Their logs stay."""


class Leftovers:
    """What is left in temporary folders, folders of runs and loaded copies, if it did not change since `before`."""

    def __init__(self, parts: Parts, before: float, is_running: Callable[[str], bool]) -> None:
        self._parts = parts
        self._layout = parts.layout
        self._before = before
        self._is_running = is_running

    def removed(self, *, dry_run: bool) -> Iterator[tuple[str, int]]:
        """Remove it, and give each path, relative to the store, with its bytes. A dry run only looks."""
        for paths in (self._temporary, self._of_dead_runs, self._copies, self._of_rebuilding):
            for path in list(paths()):
                size = _size(path)
                if not dry_run and not self._remove(path):
                    continue
                yield str(path.relative_to(self._layout.root)), size

    def _remove(self, path: Path) -> bool:
        """Take a file or folder out of sight while nobody puts or registers; removing what is in it may take longer."""
        gone = self._layout.temporary / f"gone-{os.urandom(8).hex()}"
        with self._parts.turnstile.collecting():
            if _changed(path) >= self._before:
                return False
            path.rename(gone)
        remove(gone)
        return True

    def _temporary(self) -> Iterator[Path]:
        for entry in _inside(self._layout.temporary):
            if entry.name == "downloads":
                yield from self._old(_inside(entry))
            else:
                yield from self._old([entry])

    def _of_dead_runs(self) -> Iterator[Path]:
        # Listed first: a step says that it is at work before it makes its folder.
        folders = _inside(self._layout.runs)
        running = running_folders(self._layout.runs, self._is_running)
        busy = {run.id for folder in running for run in at_work(folder)}
        for folder in folders:
            if _changed(folder) >= self._before:
                continue
            if folder.name in busy or self._is_running(folder.name):
                continue
            # No run has made a link: what it points to is not ours.
            if folder.is_symlink() or not self._is_known(folder.name):
                yield folder
            else:
                yield from (folder / name for name in _PRIVATE if os.path.lexists(folder / name))

    def _copies(self) -> Iterator[Path]:
        yield from self._old(_inside(self._layout.loaded))

    def _of_rebuilding(self) -> Iterator[Path]:
        with hold(self._layout.locks / "journal"):
            catalog = self._layout.catalog
            summed = sum_path(catalog)
            asides = [catalog.with_name(catalog.name + ending) for ending in (".new", ".new-journal", ".old")]
            asides.append(summed.with_name(f"{summed.name}.new"))
            found = [path for path in (*asides, *self._layout.journal.glob("*.new")) if os.path.lexists(path)]
        yield from self._old(found)

    def _old(self, paths: list[Path]) -> Iterator[Path]:
        return (path for path in paths if _changed(path) < self._before)

    def _is_known(self, run_id: str) -> bool:
        read = self._parts.catalog.read
        with suppress(NotFoundError):
            return read(lambda connection: queries.run(connection, run_id)).id == run_id
        with suppress(NotFoundError):
            return read(lambda connection: queries.pipeline_run(connection, run_id)).id == run_id
        return False


def _inside(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _changed(path: Path) -> float:
    """When a file, or anything in a folder, last changed; where it is gone, just now: there is nothing to do."""
    return max((found.st_ctime for found in _stats(path)), default=math.inf)


def _size(path: Path) -> int:
    return sum(found.st_size for found in _stats(path) if not stat.S_ISDIR(found.st_mode))


def _stats(path: Path) -> Iterator[os.stat_result]:
    """Of a file or folder and everything in it; links are not followed, and what vanishes meanwhile is passed over."""
    try:
        yield path.lstat()
        if path.is_dir() and not path.is_symlink():
            with os.scandir(path) as entries:
                for entry in entries:
                    yield from _stats(Path(entry.path))
    except FileNotFoundError:
        return
