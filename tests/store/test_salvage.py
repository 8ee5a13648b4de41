"""A damaged journal is written anew only when it is asked for, of all that is left, and nothing is thrown away."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from artifactflow.errors import IntegrityError, OutsideError
from artifactflow.runs import PipelineRun, Run, RunStatus
from artifactflow.store import Store
from artifactflow.store.journal import Journal, Position
from artifactflow.store.locks import Turnstile
from artifactflow.store.salvage import Salvaged, rebuild_journal

PACKAGES = {"pandas": "2.2.0"}


@pytest.fixture
def filled(root, write):
    """A store with some of everything, in a journal of several segments. Nobody has it open."""
    with Store.open(root, segment_bytes=1500) as store:
        for number in range(1, 9):
            tree = store.put_tree(write("data.csv", f"a\n{number}\n"))
            with store.transaction() as transaction:
                transaction.register("data", "table", "some data", tree, run_id=f"r{number}")
                run = Run(f"r{number}", "make", "make", status=RunStatus.FINISHED, started=f"2026-01-0{number}")
                outputs = {"data": f"data:v{number}"}
                transaction.record_run(replace(run, outputs=outputs, ingredients={"environment": PACKAGES}))
        store.set_alias("data", 2, "champion")
        store.remove("data:v6")
        with store.transaction() as transaction:
            transaction.record_pipeline_run(PipelineRun("p1", "flats", status=RunStatus.FINISHED, started="2026"))
    assert len(segments(root)) > 3
    return root


def segments(root):
    return sorted((root / "journal").glob("*.log"))


def everything(root):
    """What a store answers to every question."""
    with Store.open(root) as store:
        removed = [store.removed_version(f"data:v{number}") for number in range(1, 9)]
        states = {alias: store.alias_state("data", alias) for alias in store.aliases("data")}
        return store.versions(), removed, states, store.runs(), store.pipeline_runs()


def faults(root):
    with Store.open(root) as store:
        return store.verify().faults


def flip(path, line):
    """Change one byte in a line, in the middle of what it says."""
    lines = path.read_bytes().splitlines(keepends=True)
    changed = bytearray(lines[line])
    at = changed.find(b'"description":"some') + 16 if b'"description":"some' in changed else len(changed) // 2
    changed[at] ^= 1
    lines[line] = bytes(changed)
    path.write_bytes(b"".join(lines))


def lose_catalog(root):
    for path in root.glob("catalog*"):
        path.unlink()


@pytest.mark.parametrize("where", [0, 1, -1], ids=["early", "middle", "last"])
@pytest.mark.parametrize("line", [0, 1, -1])
def test_with_the_catalog_as_it_was_written_nothing_is_lost_wherever_a_byte_is_changed(filled, where, line):
    before = everything(filled)
    flip(segments(filled)[where], line)
    assert {fault.kind for fault in faults(filled)} == {"journal"}
    damaged = {path.name: path.read_bytes() for path in segments(filled)}
    done = rebuild_journal(filled)
    assert done.lost == ()
    assert "catalog" in done.taken
    assert {path.name: path.read_bytes() for path in (done.put_aside / "journal").iterdir()} == damaged
    assert everything(filled) == before
    assert faults(filled) == []
    lose_catalog(filled)
    assert everything(filled) == before


@pytest.mark.parametrize("damage", ["segment lost", "all lost", "cut", "line dropped", "segments swapped", "empty"])
def test_nor_whatever_else_is_damaged(filled, damage):
    before = everything(filled)
    first, second, *_, last = segments(filled)
    match damage:
        case "segment lost":
            second.unlink()
        case "all lost":
            for path in segments(filled):
                path.unlink()
        case "cut":
            last.write_bytes(b"".join(last.read_bytes().splitlines(keepends=True)[:-1]))
        case "line dropped":
            lines = first.read_bytes().splitlines(keepends=True)
            first.write_bytes(b"".join(lines[:1] + lines[2:]))
        case "segments swapped":
            first.rename(filled / "x")
            second.rename(first)
            (filled / "x").rename(second)
        case "empty":
            last.write_bytes(b"")
    assert faults(filled)
    assert all("rebuild --journal" in fault.mend for fault in faults(filled))
    rebuild_journal(filled)
    assert everything(filled) == before
    assert faults(filled) == []


def test_what_came_after_the_catalog_is_taken_from_the_journal(filled):
    behind = {name: (filled / name).read_bytes() for name in ("catalog.db", "catalog.sum")}
    with Store.open(filled) as store:
        store.set_alias("data", 5, "candidate")
        store.set_alias("data", 1, "champion")
    before = everything(filled)
    for name, content in behind.items():
        (filled / name).write_bytes(content)
    flip(segments(filled)[0], 2)
    assert rebuild_journal(filled).lost == ()
    assert everything(filled) == before


def test_what_came_after_the_catalog_and_is_damaged_is_told_and_given_up(filled):
    before = everything(filled)
    behind = {name: (filled / name).read_bytes() for name in ("catalog.db", "catalog.sum")}
    with Store.open(filled) as store:
        store.set_alias("data", 5, "candidate")
    for name, content in behind.items():
        (filled / name).write_bytes(content)
    flip(segments(filled)[-1], -1)
    (lost,) = rebuild_journal(filled).lost
    assert lost.endswith(": a record is damaged")
    assert everything(filled) == before


@pytest.mark.parametrize("where", [0, 1], ids=["early", "middle"])
def test_without_a_catalog_every_whole_record_is_kept_and_what_is_lost_is_named(filled, where):
    versions, *_ = everything(filled)
    flip(segments(filled)[where], 1)
    lose_catalog(filled)
    done = rebuild_journal(filled)
    (lost,) = [line for line in done.lost if "journal" in line]
    ref = lost.rpartition(" ")[2]
    assert lost.startswith(str(segments(filled)[0].with_name(f"{where + 1:06}.log")) + ":2: a record is damaged")
    after, _, states, runs, pipeline_runs = everything(filled)
    assert {version.ref for version in versions} - {version.ref for version in after} == {ref}
    assert states["latest"].number == 8
    assert [run.id for run in pipeline_runs] == ["p1"]
    assert {f"r{number}" for number in range(1, 9)} - {run.id for run in runs} == {f"r{ref.rpartition('v')[2]}"}
    assert faults(filled) == []


def test_without_a_catalog_the_number_of_a_lost_version_is_not_used_again(root, log, write, store):
    for number in range(3):
        log(str(number))
    store.close()
    flip(segments(root)[-1], -1)
    lose_catalog(root)
    assert any("data:v3" in line for line in rebuild_journal(root).lost)
    with Store.open(root) as again:
        assert again.aliases("data") == {"latest": 2}
        tree = again.put_tree(write("data.csv", "new"))
        with again.transaction() as transaction:
            assert transaction.register("data", "table", "", tree).version.number == 4


def test_an_alias_of_a_lost_version_names_nothing_and_latest_the_highest_that_is_left(filled):
    flip(segments(filled)[0], 2)
    lose_catalog(filled)
    done = rebuild_journal(filled)
    assert any("data:champion named v2, which is not there" in line for line in done.lost)
    *_, states, _, _ = everything(filled)
    assert {alias: state.number for alias, state in states.items()} == {"latest": 8}


def test_a_catalog_that_has_changed_is_believed_only_about_versions_whose_files_are_there(filled):
    with closing(sqlite3.connect(filled / "catalog.db")) as connection:
        connection.execute("UPDATE aliases SET number = 1 WHERE alias = 'champion'")
        (record,) = connection.execute("SELECT record FROM versions WHERE number = 4").fetchone()
        made_up = json.dumps({**json.loads(record), "name": "made-up", "digest": "sha256:" + "0" * 64})
        connection.execute("INSERT INTO versions VALUES ('made-up', 4, ?, ?)", ("sha256:" + "0" * 64, made_up))
        connection.commit()
    number = next(
        number for number, line in enumerate(segments(filled)[0].read_bytes().splitlines()) if b'"version":1' in line
    )
    flip(segments(filled)[0], number)
    done = rebuild_journal(filled)
    assert "1 of the versions that a changed catalog has" in done.taken
    versions, _, states, _, _ = everything(filled)
    assert [version.ref for version in versions] == [f"data:v{number}" for number in (1, 2, 3, 4, 5, 7, 8)]
    assert states["champion"].number == 2
    assert faults(filled) == []


def test_a_journal_that_is_whole_is_left_alone_whatever_the_catalog_is(filled):
    before = {path.name: path.read_bytes() for path in segments(filled)}
    assert rebuild_journal(filled) == Salvaged()
    lose_catalog(filled)
    assert rebuild_journal(filled) == Salvaged()
    assert {path.name: path.read_bytes() for path in segments(filled)} == before
    assert not (filled / "quarantine").exists()


def test_it_can_be_done_again_and_again(filled):
    before = everything(filled)
    for line in (1, -1):
        flip(segments(filled)[0], line)
        assert rebuild_journal(filled).lost == ()
        assert everything(filled) == before
    assert len(list((filled / "quarantine").iterdir())) == 2


def test_one_who_has_the_store_open_goes_on_with_the_new_journal(filled, write):
    with Store.open(filled) as other:
        before = other.versions()
        flip(segments(filled)[0], 1)
        rebuild_journal(filled)
        assert other.versions() == before
        tree = other.put_tree(write("data.csv", "new"))
        with other.transaction() as transaction:
            assert transaction.register("data", "table", "", tree).version.number == 9
    assert faults(filled) == []


def test_nothing_happens_while_somebody_uses_the_store_or_for_a_journal_of_a_newer_artifactflow(filled):
    flip(segments(filled)[0], 1)
    before = {path.name: path.read_bytes() for path in segments(filled)}
    with Turnstile(filled / "locks").passed(), pytest.raises(OutsideError, match="lock"):
        rebuild_journal(filled, patience=0.0)
    lose_catalog(filled)
    last = segments(filled)[-1]
    with Store.open(filled) as store:
        journal = Journal(filled / "journal", store.id)
    size, checksum = last.stat().st_size, last.read_bytes().splitlines()[-1][:64].decode()
    journal.append(Position(len(segments(filled)), size, checksum), {"time": "", "events": [{"teleport": {}}]})
    before[last.name] = last.read_bytes()
    with pytest.raises(IntegrityError, match="does not know: teleport"):
        rebuild_journal(filled)
    assert {path.name: path.read_bytes() for path in segments(filled)} == before
    assert list((filled / "tmp").iterdir()) == []
