"""Power cuts while a store is brought to another format: it is the old one or the new one, and the backup is whole."""

import os
import random
import shutil
import time
from pathlib import Path

import pytest

from artifactflow.errors import IntegrityError
from artifactflow.store import Store, catalog
from artifactflow.store.layout import Layout
from artifactflow.store.migrate import Migration, finish_migration, migrate
from disks import Mounts
from processes import Child
from workload import Say

_MARK = b"format 0 "
"""What every line of a journal of the older format begins with, so that no reader takes it for one of the newer."""


def _unmark(folder: Path) -> None:
    for path in folder.glob("*.log"):
        path.write_bytes(b"".join(line.removeprefix(_MARK) for line in path.read_bytes().splitlines(keepends=True)))


STEPS = (Migration(0, 1, _unmark),)


def make_old_store(root: Path) -> None:
    """A store of the older format, with some versions, an alias, and a journal of several segments."""
    with Store.open(root, segment_bytes=2_000) as store:
        for number in range(25):
            file = root.parent / "data.csv"
            file.write_text(f"a\n{number}\n")
            tree = store.put_tree(file)
            with store.transaction() as transaction:
                transaction.register("data", "table", "", tree)
        store.set_alias("data", 3, "champion")
    for path in (root / "journal").iterdir():
        path.write_bytes(b"".join(_MARK + line for line in path.read_bytes().splitlines(keepends=True)))
    path = root / "format"
    path.write_text(path.read_text().replace('"version": 1', '"version": 0'))


def bring(say: Say, root: Path) -> None:
    """Migrate, and say so."""
    say(begun=True)
    done = migrate(root, migrations=STEPS)
    say(migrated=str(done.backup))


def cut_migrations(mount: Mounts, kind: str, rounds: int, monkeypatch: pytest.MonkeyPatch, *, worker=bring, seed=1):
    """Let a file system lose its power that many times during a migration; return which formats were found then."""
    chance = random.Random(seed)
    disk = mount.loop(kind, 400 if kind == "xfs" else 200)
    template = mount.tmpfs("size=64m") / "store"
    make_old_store(template)
    root = disk / "store"
    longest = _time_of(root, template)
    seen = {0: 0, 1: 0}
    for _ in range(rounds):
        _lay(root, template)
        acknowledged = False
        # Now and then what goes on after a cut is cut, too.
        for _ in range(chance.choice([1, 1, 2])):
            with Child(worker, root) as child:
                child.heard(1, 10.0)
                time.sleep(chance.uniform(0.0, longest))
                mount.lose_power(disk)
                acknowledged |= any("migrated" in line for line in child.kill())
            mount.start_again(disk)
            boot = f"boot-{chance.random()}"
            monkeypatch.setattr(catalog, "_boot_id", lambda boot=boot: boot)
        version = _check(root, template, acknowledged=acknowledged)
        seen[version] += 1
        longest *= 0.9 if version else 1.1  # so that half of the cuts come before the decision, on any disk
    return seen


def _time_of(root: Path, template: Path) -> float:
    _lay(root, template)
    begun = time.monotonic()
    migrate(root, migrations=STEPS)
    return time.monotonic() - begun


def _lay(root: Path, template: Path) -> None:
    """The old store on the disk, durable."""
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(template, root)
    os.sync()


def _check(root: Path, template: Path, *, acknowledged: bool) -> int:
    """Hold that the store is whole, whichever format it has, which is the answer."""
    version = 1 if '"version": 1' in (root / "format").read_text() else 0
    assert version == 1 or not acknowledged, "a migration that was acknowledged is lost"
    backups = [_contents(path) for path in root.glob("backup-*")]
    assert all(backup == _contents(template) for backup in backups), "a backup is not what was there before"
    assert backups or version == 0, "there is no backup of what was migrated"
    if version == 0:
        with pytest.raises(IntegrityError, match="format 0"):
            Store.open(root)
        finish_migration(Layout(root))
        assert _contents(root) == _contents(template), "what was not decided has changed the old store"
        migrate(root, migrations=STEPS)
    _is_whole(root)
    if backups:
        _is_whole(_restored(root))
    return version


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "format", *(folder / "journal").glob("*.log"))}


def _restored(root: Path) -> Path:
    """The store as somebody makes it of the backup, who does not trust the new one, and migrates again."""
    again = root.with_name("restored")
    shutil.rmtree(again, ignore_errors=True)
    shutil.copytree(next(root.glob("backup-*")), again)
    shutil.copytree(root / "objects", again / "objects")
    for name in ("runs", "tmp", "locks"):
        (again / name).mkdir()
    migrate(again, migrations=STEPS)
    return again


def _is_whole(root: Path) -> None:
    with Store.open(root) as store:
        assert [version.number for version in store.versions("data")] == list(range(1, 26))
        assert store.aliases("data") == {"champion": 3, "latest": 25}
        assert all(store.intact(version.digest) for version in store.versions())
        report = store.verify()
        assert not report.faults, report.faults
    assert not (root / "migration").exists()
