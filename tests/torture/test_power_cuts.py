"""Power cuts on real file systems, which lose what was not made durable. Root only."""

import functools
import random
import time

import pytest

from artifactflow.errors import ArtifactflowError
from artifactflow.store import catalog
from migrations import cut_migrations
from mutants import MUTANTS, migrate_unsynced, work_as
from processes import Child
from workload import Ledger, work


def cut_power(mount, kind, rounds, monkeypatch, *, worker=work, seed=1, fresh_every=25):
    """Let a file system lose its power that many times under a worker; return the facts held against the store."""
    chance = random.Random(seed)
    facts = cut = 0
    while cut < rounds:
        disk = mount.loop(kind, 400 if kind == "xfs" else 200)
        root = disk / ".artifactflow"
        ledger = Ledger()
        for _ in range(min(fresh_every, rounds - cut)):
            with Child(worker, root, chance.randrange(10**9)) as child:
                time.sleep(0.02 + chance.random() * 0.15)
                before = child.said()
                mount.lose_power(disk)
                lines = child.kill()
                ledger.hear(lines[:before])
                ledger.hear_too_late(lines[before:])
            mount.start_again(disk)
            cut += 1
            # What a start of the machine changes, and a cut in play does not.
            boot = f"boot-{chance.random()}"
            monkeypatch.setattr(catalog, "_boot_id", lambda boot=boot: boot)
            ledger.check(root)
        facts += ledger.facts
    return facts


@pytest.mark.torture
@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_nothing_acknowledged_is_lost_by_power_cuts(mount, monkeypatch, kind):
    assert cut_power(mount, kind, 100, monkeypatch) > 100


@pytest.mark.torture
@pytest.mark.parametrize("mutant", MUTANTS)
def test_power_cuts_find_a_store_that_breaks_its_promise(mount, monkeypatch, mutant):
    # ext4 for the folders: there the fsync of a file does not make its name durable.
    with pytest.raises((AssertionError, ArtifactflowError)):
        cut_power(mount, "ext4", 300, monkeypatch, worker=functools.partial(work_as, mutant))


@pytest.mark.torture
@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_a_power_cut_leaves_a_store_that_is_being_migrated_old_or_new_and_its_backup_whole(mount, monkeypatch, kind):
    seen = cut_migrations(mount, kind, 60, monkeypatch)
    assert min(seen.values()) > 5, "the cuts did not come while it migrated"


@pytest.mark.torture
@pytest.mark.parametrize("what", ["migration-", "backup-"])
def test_power_cuts_find_a_migration_that_marks_the_format_before_all_is_durable(mount, monkeypatch, what):
    with pytest.raises((AssertionError, ArtifactflowError)):
        cut_migrations(mount, "ext4", 300, monkeypatch, worker=functools.partial(migrate_unsynced, what))
