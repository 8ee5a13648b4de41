"""Bringing a store of an older format up to date: all of it or nothing, with a backup.

The new journal and format file are made aside, and become `migration/` when they are whole and durable. Renaming the
new format file over the old one decides: from then on the store has the new format, which an older artifactflow
refuses, and whoever opens it next finishes what is left to do. Until then it has the old format and nothing happened.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from artifactflow.errors import IntegrityError, OutsideError, Place
from artifactflow.store.files import copy_file, os_errors, remove, sync
from artifactflow.store.layout import Layout, refuse_links
from artifactflow.store.locks import Turnstile, hold


@dataclass(frozen=True, slots=True)
class Migration:
    """One step: `change` turns the journal in a folder, a copy, from the format `source` into the format `target`.

    Segments of another format need another first line, so that no process that opened the store before reads on.
    """

    source: int
    target: int
    change: Callable[[Path], None]


MIGRATIONS: Final[Sequence[Migration]] = ()
"""The steps that there are, in order. The format has not changed yet."""


@dataclass(frozen=True, slots=True)
class Migrated:
    """From which format to which; without a `backup` there was nothing to do."""

    source: int
    target: int
    backup: Path | None


def migrate(root: Path, *, migrations: Sequence[Migration] = MIGRATIONS, patience: float = 5.0) -> Migrated:
    """Bring the store in `root` to the format that the last of `migrations` leads to.

    The journal, the format file and the catalog are copied to `backup-<time>/` first, which is never deleted by us.
    Raises OutsideError where somebody uses the store for `patience` seconds, or the disk cannot be written;
    IntegrityError where the format file cannot be read. Nothing has happened then.
    """
    layout = Layout(Path(root).absolute())
    with os_errors("migrate the store"):
        refuse_links(layout)
        return _migrate(layout, migrations, patience)


def _migrate(layout: Layout, migrations: Sequence[Migration], patience: float) -> Migrated:
    with alone(layout, patience):
        _finish(layout)
        content = _read_format(layout.format)
        source = content["version"]
        steps = _steps(source, migrations)
        if not steps:
            return Migrated(source, source, None)
        target = steps[-1].target
        aside = Path(tempfile.mkdtemp(prefix="migration-", dir=layout.temporary))
        try:
            shutil.copytree(layout.journal, aside / "journal", copy_function=_copy, symlinks=True)
            for step in steps:
                step.change(aside / "journal")
            (aside / "format").write_text(json.dumps({**content, "version": target}) + "\n")
            sync_below(aside)
            backup = layout.root / f"backup-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.urandom(2).hex()}"
            back_up(layout, backup)
            exchange(layout, aside)
        finally:
            remove(aside)
    return Migrated(source, target, backup)


def exchange(layout: Layout, aside: Path) -> None:
    """Put the journal and the format file in `aside`, which are whole and durable, in the place of the store's.

    To be called while one is `alone`. All of it or nothing: whoever opens the store next finishes what is left to do.
    """
    aside.rename(layout.migration)
    sync(layout.root)
    (layout.migration / "format").rename(layout.format)
    sync(layout.root)
    _finish(layout)


def finish_migration(layout: Layout) -> None:
    """Finish a migration that was decided, and forget one that was not. Raises OutsideError while somebody works."""
    with os_errors("finish the migration of the store"), alone(layout, 60.0):
        _finish(layout)


@contextmanager
def alone(layout: Layout, patience: float) -> Iterator[None]:
    """Nobody else puts, registers, collects, or runs a pipeline during the body. Raises OutsideError where one does."""
    layout.locks.mkdir(exist_ok=True)
    with (
        Turnstile(layout.locks).collecting(patience=patience),
        hold(layout.locks / "journal", patience=patience),
        os.fdopen(os.open(layout.locks / "runs", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "rb") as runs,
    ):
        try:
            # Each run holds a byte of this file.
            fcntl.lockf(runs, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutsideError(
                f"a pipeline is running in the store {layout.root}", hint="let it finish, or end it, then do it again"
            ) from None
        yield


def _finish(layout: Layout) -> None:
    """What is left after the decision. Each step may be the one that was interrupted."""
    folder = layout.migration
    if not folder.exists():
        return
    if not (folder / "format").exists():
        previous, journal = folder / "previous", folder / "journal"
        if journal.exists():
            if layout.journal.exists():
                layout.journal.rename(previous)
            journal.rename(layout.journal)
            sync(layout.root)
        # It is an index over the other journal.
        for ending in ("-journal", "-wal", "-shm", ""):
            layout.catalog.with_name(layout.catalog.name + ending).unlink(missing_ok=True)
    remove(folder)


def _steps(source: int, migrations: Sequence[Migration]) -> list[Migration]:
    """The steps from `source` on, each beginning where the one before ends."""
    found: list[Migration] = []
    for migration in migrations:
        if migration.source == (found[-1].target if found else source):
            found.append(migration)
    return found


def _read_format(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
        if isinstance(content["version"], int):
            return dict(content)
    except (ValueError, KeyError, TypeError):
        pass
    raise IntegrityError(
        "the store's format file cannot be read", hint="restore it from a backup", place=Place(str(path))
    )


def back_up(layout: Layout, target: Path) -> None:
    """Copy what is not addressed by its content, whole and durable under its name or not there at all."""
    aside = Path(tempfile.mkdtemp(prefix="backup-", dir=layout.temporary))
    try:
        shutil.copytree(layout.journal, aside / "journal", copy_function=_copy, symlinks=True)
        for file in (layout.format, *sorted(layout.root.glob(f"{layout.catalog.name}*"))):
            _copy(str(file), str(aside / file.name))
        sync_below(aside)
        aside.rename(target)
    finally:
        remove(aside)
    sync(target.parent)


def _copy(source: str, target: str) -> None:
    copy_file(Path(source), Path(target))


def sync_below(folder: Path) -> None:
    """Make a folder durable with everything in it."""
    for current, _, names in os.walk(folder):
        for name in names:
            sync(Path(current, name))
        sync(Path(current))
