"""Stores that break a promise, planted in a child process: a harness that does not catch them sees nothing."""

import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import migrations
import workload
from artifactflow.store import files
from artifactflow.store import migrate as migrate_module
from workload import Say


def _sync_only(is_synced: Callable[[int], bool]) -> None:
    """From here on this process makes only those files and folders durable."""
    honest = os.fsync
    os.fsync = lambda descriptor: honest(descriptor) if is_synced(descriptor) else None


def no_sync() -> None:
    """Nothing is made durable."""
    _sync_only(lambda _: False)
    _no_syncfs()


def no_folder_sync() -> None:
    """Files are made durable, their names are not."""
    _sync_only(lambda descriptor: not stat.S_ISDIR(os.fstat(descriptor).st_mode))


def no_journal_sync() -> None:
    """Objects are made durable, and that they are versions is not."""
    _sync_only(lambda descriptor: Path(f"/proc/self/fd/{descriptor}").readlink().suffix != ".log")


def _no_syncfs() -> None:
    import ctypes

    class Library:
        """The C library, but for one function."""

        def __init__(self, *_: object, **__: object) -> None:
            pass

        def syncfs(self, _: int) -> int:
            return 0

    ctypes.CDLL = Library
    if hasattr(files, "_syncfs"):
        files._syncfs.cache_clear()


def acknowledged_before_the_journal() -> None:
    """A version is announced when it is known, and entered into the journal a moment later, together with others."""

    def put(say, store, name, source, chance, grace):
        workload.make(source, chance)
        tree = store.put_tree(source)
        with store.transaction() as transaction:
            version = transaction.register(name, "table", "", tree).version
            say(version=version.ref, digest=str(version.digest))
            time.sleep(0.005)

    workload.put = put


MUTANTS = {
    "no fsync": no_sync,
    "no folder fsync": no_folder_sync,
    "no journal fsync": no_journal_sync,
    "acknowledged before the journal": acknowledged_before_the_journal,
}


def work_as(mutant: str, say: Say, root: Path, seed: int) -> None:
    """The workload with a store that breaks a promise."""
    MUTANTS[mutant]()
    workload.work(say, root, seed)


def migrate_unsynced(what: str, say: Say, root: Path) -> None:
    """Migrate without making that folder durable, whose name begins so, before it gets its name."""
    honest = migrate_module.sync_below
    migrate_module.sync_below = lambda folder: None if folder.name.startswith(what) else honest(folder)
    migrations.bring(say, root)
