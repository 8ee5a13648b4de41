import json
import os
import subprocess
import sys
import time

import pytest

from artifactflow.errors import IntegrityError, OutsideError
from artifactflow.runner.locks import RunLocks
from artifactflow.store import Store, layout
from artifactflow.store.locks import Turnstile, hold
from artifactflow.store.migrate import MIGRATIONS, Migration, migrate


def stamp(folder):
    """A change that anybody can see: every segment gets another first line."""
    for path in folder.glob("*.log"):
        path.write_bytes(b"migrated\n" + path.read_bytes())


STEPS = (Migration(1, 2, stamp), Migration(2, 3, stamp))


@pytest.fixture
def filled(root, store, log):
    log("a")
    store.close()
    return root


def contents(root):
    """Everything that counts in a store, by path."""
    files = [root / "format", *(root / "journal").iterdir(), *(root / "objects").rglob("*")]
    return {str(path.relative_to(root)): path.read_bytes() for path in files if path.is_file()}


def is_old_or_new(root, old):
    now = contents(root)
    version = json.loads(now["format"])["version"]
    journal = old["journal/000001.log"]
    expected = {1: journal, 3: b"migrated\nmigrated\n" + journal}[version]
    assert now["journal/000001.log"] == expected
    assert {path: content for path, content in now.items() if path.startswith("objects")} == {
        path: content for path, content in old.items() if path.startswith("objects")
    }
    return version


def test_the_current_format_needs_no_migration(filled):
    before = contents(filled)
    done = migrate(filled)
    assert (done.source, done.target, done.backup, MIGRATIONS) == (1, 1, None, ())
    assert contents(filled) == before


def test_steps_are_taken_in_order_and_everything_is_backed_up_first(filled):
    before, catalog = contents(filled), (filled / "catalog.db").read_bytes()
    done = migrate(filled, migrations=STEPS)
    assert (done.source, done.target) == (1, 3)
    assert is_old_or_new(filled, before) == 3
    assert (done.backup / "format").read_bytes() == before["format"]
    assert (done.backup / "journal" / "000001.log").read_bytes() == before["journal/000001.log"]
    assert (done.backup / "catalog.db").read_bytes() == catalog
    assert json.loads((filled / "format").read_text())["id"] == json.loads(before["format"])["id"]
    assert not (filled / "catalog.db").exists()
    assert not (filled / "migration").exists()
    assert list((filled / "tmp").iterdir()) == []


def test_an_older_artifactflow_refuses_the_migrated_store(filled):
    migrate(filled, migrations=STEPS)
    with pytest.raises(IntegrityError, match="format 3") as caught:
        Store.open(filled)
    assert "upgrade" in caught.value.hint


def test_one_that_has_the_store_open_since_before_changes_nothing_in_it(filled, store, log):
    assert store.versions()
    migrate(filled, migrations=STEPS)
    before = contents(filled)
    with pytest.raises(IntegrityError):
        log("b")
    assert contents(filled)["journal/000001.log"] == before["journal/000001.log"]


def test_an_older_store_says_how_to_bring_it_up_to_date(filled, monkeypatch):
    monkeypatch.setattr(layout, "FORMAT_VERSION", 2)
    with pytest.raises(IntegrityError) as caught:
        Store.open(filled)
    assert caught.value.hint == "bring it up to date: artifactflow artifacts migrate"


@pytest.mark.parametrize("by", ["a put", "a transaction", "a pipeline"])
def test_a_store_that_somebody_uses_is_refused(filled, by):
    before = contents(filled)
    locks = filled / "locks"
    if by == "a pipeline":
        code = "import sys; from pathlib import Path; from artifactflow.runner.locks import RunLocks\n"
        code += (
            "locks = RunLocks(Path(sys.argv[1])); locks.try_acquire('run'); print('held', flush=True); sys.stdin.read()"
        )
        process = subprocess.Popen([sys.executable, "-c", code, locks], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with process:
            process.stdout.readline()
            with pytest.raises(OutsideError, match="a pipeline is running"):
                migrate(filled, migrations=STEPS, patience=0.0)
            process.stdin.close()
    else:
        using = Turnstile(locks).passed() if by == "a put" else hold(locks / "journal")
        with using, pytest.raises(OutsideError, match="has been held by another process"):
            migrate(filled, migrations=STEPS, patience=0.0)
    assert contents(filled) == before
    with RunLocks(locks) as free:
        assert free.try_acquire("run")


def test_a_step_that_fails_leaves_the_old_store_and_nothing_aside(filled):
    before = contents(filled)

    def fail(folder):
        stamp(folder)
        raise OSError(28, "No space left on device")

    with pytest.raises(OutsideError, match="No space left"):
        migrate(filled, migrations=(Migration(1, 2, fail),))
    assert contents(filled) == before
    assert list((filled / "tmp").iterdir()) == []
    with Store.open(filled) as store:
        assert store.verify().faults == []


CALLS = ["rename", "fsync", "unlink"]


@pytest.mark.parametrize("call", CALLS)
def test_what_stops_at_any_call_leaves_the_old_or_the_new_store(filled, call, tmp_path):
    """The process ends at the n-th call, for every n, and the next one finds a store that is whole."""
    import shutil

    old = contents(filled)
    seen = set()
    for number in range(1, 60):
        copy = tmp_path / f"{call}{number}"
        shutil.copytree(filled, copy)
        child = os.fork()
        if child == 0:
            try:
                _die_at(call, number)
                migrate(copy, migrations=STEPS)
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        if (copy / "migration").exists():
            # The newer artifactflow finishes what was decided, and forgets what was not.
            migrate(copy, migrations=())
        seen.add(is_old_or_new(copy, old))
        shutil.rmtree(copy)
        if os.waitstatus_to_exitcode(status) == 0:
            break
    # Nothing is removed before the migration is decided.
    assert seen == ({3} if call == "unlink" else {1, 3})


def _die_at(call, number):
    original, count = getattr(os, call), 0

    def counted(*arguments, **options):
        nonlocal count
        count += 1
        if count == number:
            os._exit(9)
        return original(*arguments, **options)

    setattr(os, call, counted)


def test_opening_finishes_a_migration_that_was_decided(filled, monkeypatch, store):
    """As after a crash between the decision and the exchange of the journals, which the new one has in `migration`."""
    (filled / "migration").mkdir()
    new = (filled / "journal").rename(filled / "migration" / "journal")
    (filled / "journal").mkdir()
    assert new.is_dir()
    with Store.open(filled) as opened:
        assert [version.ref for version in opened.versions()] == ["data:v1"]
    assert not (filled / "migration").exists()


def test_opening_forgets_a_migration_that_was_not_decided(filled):
    (filled / "migration" / "journal").mkdir(parents=True)
    (filled / "migration" / "format").write_text("{}")
    with Store.open(filled) as opened:
        assert [version.ref for version in opened.versions()] == ["data:v1"]
    assert not (filled / "migration").exists()


def test_a_backup_is_no_garbage(filled):
    backup = migrate(filled, migrations=STEPS).backup
    (filled / "format").write_bytes((backup / "format").read_bytes())
    (filled / "journal" / "000001.log").write_bytes((backup / "journal" / "000001.log").read_bytes())
    with Store.open(filled) as store:
        store.collect(grace=0.0, is_running=lambda _: False)
        assert store.verify().faults == []
    assert backup.is_dir()
    assert time.strftime("%Y") in backup.name
