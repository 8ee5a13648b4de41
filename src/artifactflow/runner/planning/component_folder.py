"""What is remembered of a component's folder: what its steps have left there, and the digests of large files.

A component may write into its own folder. What it has left there is none of its ingredients, or it would run again for
having run; but only as long as nobody else has changed it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from artifactflow.errors import OutsideError
from artifactflow.executors import Stop
from artifactflow.read.code import file_digests, own_files
from artifactflow.runner.binding.bound import BoundStep
from artifactflow.runner.nested.callers import calls_components
from artifactflow.runs import Run, RunStatus

LARGE_BYTES: Final = 1 << 20
"""The digest of a file from this size on is kept, and found out again where inode, size or times have changed."""

SETTLED_SECONDS: Final = 2.0
"""A file must have been left alone for that long before its times say that it has not changed."""

Stamp = list[int]
"""Inode, size and time of the last writing: by that a file is known as the one that was left."""

_lock: Final = threading.Lock()


class FolderMemory:
    """The memory of the component's `folder` in the store at `store`; an empty one where that is None.

    It can be thrown away: steps then run once for what they have left themselves.
    """

    def __init__(self, store: Path | None, folder: Path) -> None:
        self._folder = folder
        name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:32]
        self._file = store / "cache" / "folders" / f"{name}.json" if store is not None else None
        self._content = self._read()
        self._new: dict[str, list[Any]] = {}

    def left(self, entry_point: str) -> set[str]:
        """The files that do not count for the entry point, by their paths in the folder.

        They stand as a step has left them: one of that entry point, or of another one, if they were not there when this
        one ran last. What was there then may be what it reads.
        """
        counted = self._content["counted"].get(entry_point)
        found = set()
        for writer, stamps in self._content["left"].items():
            for name, stamp in stamps.items():
                may_be_read = writer != entry_point and (counted is None or name in counted)
                if not may_be_read and _stamp(self._folder / name) == stamp:
                    found.add(name)
        return found

    def is_kept(self) -> bool:
        """Whether there is anything to remember yet."""
        return self._file is not None and self._file.exists()

    def note(self, entry_point: str, left: Mapping[str, Stamp], counted: Collection[str]) -> None:
        """A step of the entry point has ended: what it has left, and the files that counted for it."""
        with _lock:
            self._content = self._read()
            before = (self._content["left"].get(entry_point), self._content["counted"].get(entry_point))
            known: dict[str, Stamp] = {**(before[0] or {}), **left}
            known = {name: stamp for name, stamp in known.items() if (self._folder / name).exists()}
            if before != (known, sorted(counted)):
                self._content["left"][entry_point] = known
                self._content["counted"][entry_point] = sorted(counted)
                self._write()

    def digests(self, file: Path, name: str) -> dict[str, str]:
        """As `file_digests`, without reading a large file again that is the same."""
        try:
            found = file.stat()
        except OSError:
            return file_digests(file, name)
        if found.st_size < LARGE_BYTES:
            return file_digests(file, name)
        stamp = [found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]
        known = self._content["digests"].get(name)
        if known is not None and known[0] == stamp:
            return dict(known[1])
        digests = file_digests(file, name)
        if time.time() - found.st_ctime > SETTLED_SECONDS:
            self._new[name] = [stamp, digests]
        return digests

    def keep_digests(self) -> None:
        """Remember what `digests` has found out."""
        if self._new:
            with _lock:
                self._content = self._read()
                self._content["digests"].update(self._new)
                self._write()
            self._new = {}

    def _read(self) -> dict[str, dict[str, Any]]:
        content: dict[str, dict[str, Any]] = {"left": {}, "counted": {}, "digests": {}}
        if self._file is not None:
            with contextlib.suppress(OSError, ValueError):
                found = json.loads(self._file.read_text(encoding="utf-8"))
                if isinstance(found, dict) and all(isinstance(found.get(key), dict) for key in content):
                    return found
        return content

    def _write(self) -> None:
        if self._file is None:
            return
        with contextlib.suppress(OSError):  # a store that cannot be written to is another's to tell
            self._file.parent.mkdir(parents=True, exist_ok=True)
            aside = self._file.with_suffix(f".{os.getpid()}.new")
            aside.write_text(json.dumps(self._content), encoding="utf-8")
            aside.replace(self._file)


class FolderWatch:
    """A companion: remembers what steps leave in their folders, see `FolderMemory`, in the store at `store`.

    What counted for a step goes on to count. Where it is changed, by the step or by a person, after the run was planned
    and before the step has ended, nobody knows which version was read: that step is not reused, and `warn` is told.
    """

    def __init__(self, store: Path, warn: Callable[[str], None]) -> None:
        self._store = store
        self._warn = warn
        self._since = time.time() - SETTLED_SECONDS
        self._lock = threading.Lock()
        self._before: dict[str, dict[str, Stamp]] = {}
        self._changed: dict[str, str] = {}
        self._noted: dict[tuple[Path, str], frozenset[str]] = {}

    def environment(self, run: Run, bound: BoundStep, folder: Path, stop: Stop) -> Mapping[str, str]:
        """No variables; a look at the folder as it is before the first attempt."""
        if not bound.component.built_in and not calls_components(bound) and run.id not in self._before:
            found = stamps(bound.component.folder)
            changed = self._changed_file(run, bound.component.folder)
            with self._lock:
                self._before[run.id] = found
                self._changed[run.id] = changed
        return {}

    def left(self, run: Run, bound: BoundStep) -> None:
        """Look at the folder again."""
        before = self._before.get(run.id)
        if before is None:
            return
        folder = bound.component.folder
        counted = _files_of(run)
        written = {name: stamp for name, stamp in stamps(folder).items() if before.get(name) != stamp}
        left = {name: stamp for name, stamp in written.items() if name not in counted}
        place = (folder, bound.contract.entry_point)
        if left or self._noted.get(place) != counted:
            memory = FolderMemory(self._store, folder)
            if left or memory.is_kept():  # a folder into which nobody writes needs none
                memory.note(bound.contract.entry_point, left, counted)
            self._noted[place] = counted
        with self._lock:
            self._changed[run.id] = self._changed[run.id] or self._changed_file(run, folder)

    def ended(self, run: Run, bound: BoundStep) -> Run:
        """The record, without a cache key where what the step depends on was changed."""
        with self._lock:
            self._before.pop(run.id, None)
            changed = self._changed.pop(run.id, "")
        if not changed:
            return run
        reason = f"{changed} in its folder was changed while the pipeline ran, and no version of that is kept"
        if run.status is RunStatus.FINISHED:
            self._warn(f"step {run.step} cannot be reused: {reason}")
        return replace(run, cache_key="", facts={**run.facts, "not_reused": reason})

    def _changed_file(self, run: Run, folder: Path) -> str:
        """A file that is not what it was when the run was planned. Those that nobody has touched are not read."""
        code: Mapping[str, str] = run.ingredients.get("code", {})
        for name in sorted(_files_of(run)):
            try:
                if (folder / name).stat().st_ctime < self._since:
                    continue
                parts = file_digests(folder / name, name)
            except (OSError, OutsideError):  # it is gone
                return name
            if parts != {part: digest for part, digest in code.items() if part.partition("::")[0] == name}:
                return name
        return ""


def _files_of(run: Run) -> frozenset[str]:
    """The files that counted for a run, by their paths in the component's folder."""
    return frozenset(part.partition("::")[0] for part in run.ingredients.get("code", {}))


def stamps(folder: Path) -> dict[str, Stamp]:
    """The files of a component's folder that may count, each with its stamp."""
    found = {file.relative_to(folder).as_posix(): _stamp(file) for file in own_files(folder)}
    return {name: stamp for name, stamp in found.items() if stamp is not None}


def _stamp(file: Path) -> Stamp | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return [found.st_ino, found.st_size, found.st_mtime_ns]
