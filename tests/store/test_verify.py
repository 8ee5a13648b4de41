import json
import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from artifactflow.errors import IntegrityError, NotFoundError
from artifactflow.runs import Run, RunStatus
from artifactflow.store import Store
from artifactflow.store.journal import Journal, Position
from artifactflow.store.repair import repair


@pytest.fixture
def filled(root, write) -> Path:
    """A small store with some of everything, two segments of journal among it, that nobody has open."""
    with Store.open(root, segment_bytes=1500) as store:
        for number in range(3):
            tree = store.put_tree(write("data.csv", f"a\n{number}\n"))
            with store.transaction() as transaction:
                transaction.register("data", "table", "some data", tree, aliases=["champion"])
                run = Run(f"r{number}", "train", "train", status=RunStatus.FINISHED, inputs={"data": "data:v1"})
                transaction.record_run(run)
        store.put_bytes(b"nothing refers to this")
        store.remove("data:v2")
    return root


def faults(root: Path):
    with Store.open(root) as store:
        return store.verify().faults


def flips(path: Path, sample: int | None):
    """Change one byte after the other, or a sample of them, each in its turn."""
    sound = path.read_bytes()
    path.chmod(0o644)
    dice = random.Random(path.name)
    offsets = range(len(sound)) if sample is None else dice.sample(range(len(sound)), min(sample, len(sound)))
    for offset in offsets:
        changed = bytearray(sound)
        changed[offset] ^= 1 << dice.randrange(8)
        path.write_bytes(changed)
        yield offset
    path.write_bytes(sound)


def undetected(root: Path, sample: int | None) -> list[tuple[str, int]]:
    files = [root / "catalog.db", *(root / "journal").iterdir()]
    files += [file for file in (root / "objects").rglob("*") if file.is_file()]
    missed = []
    for file in files:
        share = None if sample is None else sample if file.name == "catalog.db" else max(sample // 10, 2)
        missed += [(file.name, offset) for offset in flips(file, share) if not faults(root)]
    return missed


def test_a_sound_store_has_no_faults_and_verifying_changes_nothing(filled):
    before = {path: path.read_bytes() for path in sorted(filled.rglob("*")) if path.is_file()}
    with Store.open(filled) as store:
        report = store.verify()
    assert (report.faults, list(report.notes)) == ([], [])
    assert (report.objects, report.versions) == (7, 2)
    assert {path: path.read_bytes() for path in before} == before


def test_a_flipped_bit_anywhere_is_found(filled):
    assert undetected(filled, 60) == []


@pytest.mark.torture
def test_a_flipped_bit_in_every_single_byte_is_found(filled):
    assert undetected(filled, None) == []


def test_a_changed_object_is_told_with_what_was_expected_what_it_hits_and_the_mend(store, log):
    version = log("a\n1\n")
    path = store.object_path(store.tree(version.digest).entries[0].digest)
    path.chmod(0o644)
    path.write_bytes(b"a\n2\n")
    (fault,) = store.verify().faults
    assert (fault.kind, fault.path, fault.versions) == ("object", str(path), ("data:v1",))
    assert fault.expected == f"sha256:{path.parent.name}{path.name}"
    assert fault.got.startswith("sha256:")
    assert fault.got.endswith("of 4 bytes")
    assert fault.mend.endswith("artifactflow artifacts put data.csv --name data --type table")


@pytest.mark.parametrize("damage", ["missing", "truncated", "longer", "swapped", "link", "folder", "foreign"])
def test_every_other_damage_of_an_object_is_found(store, log, damage):
    one, other = (store.object_path(store.tree(log(text).digest).entries[0].digest) for text in ("one", "two"))
    for path in (one, other):
        path.chmod(0o644)
    match damage:
        case "missing":
            one.unlink()
        case "truncated":
            one.write_bytes(b"on")
        case "longer":
            one.write_bytes(b"one ")
        case "swapped":
            content = one.read_bytes()
            one.write_bytes(other.read_bytes())
            other.write_bytes(content)
        case "link":
            one.rename(one.with_name("x" * 62))
            one.symlink_to("x" * 62)
        case "folder":
            one.unlink()
            one.mkdir()
        case "foreign":
            (one.parent / "notes.txt").touch()
    assert all(fault.kind == "object" for fault in store.verify().faults)
    assert len(store.verify().faults) == (2 if damage in ("swapped", "link") else 1)


def test_a_damaged_list_of_files_hits_its_version(store, log):
    version = log("one")
    path = store.object_path(version.digest)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"false", b"true "))
    (fault,) = store.verify().faults
    assert (fault.path, fault.versions) == (str(path), ("data:v1",))


def test_many_objects_are_hashed_by_several_processes_and_none_is_left_out(store, root, write, artifactflow):
    for number in range(600):
        write(f"many/{number}", str(number))
    tree = store.put_tree(write("many/last").parent)
    with store.transaction() as transaction:
        transaction.register("many", "folder", "", tree)
    victim = store.object_path(tree.entries[13].digest)
    victim.chmod(0o644)
    victim.write_bytes(b"!")
    seen = []
    report = store.verify(progress=lambda done, total: seen.append((done, total)))
    assert [fault.path for fault in report.faults] == [str(victim)]
    assert seen[-1] == (report.objects, report.objects) == (602, 602)
    # A process of its own has one thread and shares the work; this one may have more, and then it does not.
    alone = json.loads(artifactflow("artifacts", "verify", "--json", "--store", root).stdout)
    assert ([fault["path"] for fault in alone["faults"]], alone["objects"]) == ([str(victim)], 602)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE versions SET record = replace(record, '\"size\": 4', '\"size\": 5') WHERE number = 1",
        "UPDATE aliases SET number = 1 WHERE alias = 'champion'",
        "DELETE FROM runs WHERE id = 'r1'",
        "INSERT INTO run_inputs VALUES ('data:v9', 'r1')",
        "UPDATE artifacts SET highest = 9",
        "DROP INDEX runs_by_time",
    ],
)
def test_a_catalog_that_says_otherwise_than_the_journal_is_found_and_built_again(filled, statement):
    (filled / "catalog.sum").unlink()
    connection = sqlite3.connect(filled / "catalog.db")
    connection.execute(statement)
    connection.commit()
    connection.close()
    (fault,) = faults(filled)
    assert fault.kind == "catalog"
    assert "rebuild" in fault.mend
    with Store.open(filled) as store:
        repaired = store.verify(repair=True)
        assert Path(repaired.faults[0].quarantined).is_file()
        assert store.verify().faults == []


def test_a_catalog_that_is_behind_the_journal_is_no_fault(filled, write):
    behind = {name: (filled / name).read_bytes() for name in ("catalog.db", "catalog.sum")}
    with Store.open(filled) as store:
        store.set_alias("data", 1, "champion")
    for name, content in behind.items():
        (filled / name).write_bytes(content)
    assert faults(filled) == []


def test_a_catalog_that_is_not_there_or_of_before_the_last_start_is_no_fault(filled):
    connection = sqlite3.connect(filled / "catalog.db")
    connection.execute("UPDATE meta SET value = 'before' WHERE name = 'boot'")
    connection.commit()
    connection.close()
    (filled / "catalog.sum").unlink()
    for expected in ("before the last start", "is not there"):
        with Store.open(filled) as store:
            report = store.verify()
        assert report.faults == []
        assert expected in report.notes[0]
        (filled / "catalog.db").unlink(missing_ok=True)


@pytest.mark.parametrize(
    "damage", ["cut", "line dropped", "lines swapped", "segment lost", "segments swapped", "empty"]
)
def test_every_damage_of_the_journal_is_found_and_never_repaired(filled, damage):
    first, second, *_ = sorted((filled / "journal").iterdir())
    lines = first.read_bytes().splitlines(keepends=True)
    match damage:
        case "cut":
            last = sorted((filled / "journal").iterdir())[-1]
            last.write_bytes(b"".join(last.read_bytes().splitlines(keepends=True)[:-1]))
        case "line dropped":
            first.write_bytes(b"".join(lines[:1] + lines[2:]))
        case "lines swapped":
            first.write_bytes(b"".join([lines[0], lines[2], lines[1], *lines[3:]]))
        case "segment lost":
            first.unlink()
        case "segments swapped":
            first.rename(filled / "x")
            second.rename(first)
            (filled / "x").rename(second)
        case "empty":
            first.write_bytes(b"")
    damaged = {path.name: path.read_bytes() for path in (filled / "journal").iterdir()}
    with Store.open(filled) as store:
        report = store.verify(repair=True)
    assert {fault.kind for fault in report.faults} == {"journal"}
    assert {path.name: path.read_bytes() for path in (filled / "journal").iterdir()} == damaged
    (copy,) = (filled / "quarantine").iterdir()
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == damaged


def test_one_changed_byte_of_the_journal_is_told_as_one_line(filled):
    path = filled / "journal" / "000001.log"
    path.write_bytes(path.read_bytes().replace(b"some data", b"come data", 1))
    (fault,) = faults(filled)
    assert fault.path == f"{path}:2"


def test_a_torn_tail_is_worth_a_note_and_no_fault(filled):
    last = sorted((filled / "journal").iterdir())[-1]
    with last.open("ab") as stream:
        stream.write(b"0123456789abcdef torn")
    with Store.open(filled) as store:
        report = store.verify()
    assert report.faults == []
    assert "21 bytes of a transaction that was never finished" in report.notes[0]


def test_a_journal_of_a_newer_artifactflow_is_refused_in_words(store, root, log):
    log("a")
    journal = Journal(root / "journal", store.id)
    *_, (_, end) = journal.records(Position())
    journal.append(end, {"time": "", "events": [{"teleport": {}}]})
    with pytest.raises(IntegrityError, match="does not know: teleport"):
        store.verify()


def test_repairing_puts_damaged_objects_aside_with_a_note_and_the_content_can_be_put_again(store, root, log):
    version = log("one")
    path = store.object_path(store.tree(version.digest).entries[0].digest)
    path.chmod(0o644)
    path.write_bytes(b"0ne")
    (fault,) = store.verify(repair=True).faults
    aside = Path(fault.quarantined)
    assert aside.read_bytes() == b"0ne"
    assert json.loads(aside.with_name(aside.name + ".json").read_text())["versions"] == ["data:v1"]
    assert not path.exists()
    assert [fault.got for fault in store.verify().faults] == ["nothing"]
    assert log("one").number == 1
    assert store.verify().faults == []


def test_an_object_that_was_mended_meanwhile_is_left_alone(store, root, log):
    path = store.object_path(store.tree(log("one").digest).entries[0].digest)
    path.chmod(0o644)
    path.write_bytes(b"0ne")
    report = store.verify()
    path.write_bytes(b"one")
    (fault,) = repair(store._parts, report).faults
    assert fault.quarantined == ""
    assert store.verify().faults == []


def test_an_intact_copy_that_python_has_loaded_is_named(store, root, log):
    version = log("one")
    copy = root / "loaded" / version.digest.hexadecimal
    store.materialise(store.tree(version.digest), copy)
    store.object_path(store.tree(version.digest).entries[0].digest).unlink()
    (fault,) = store.verify().faults
    assert (
        fault.mend
        == f"an intact copy is there: artifactflow artifacts put {copy / 'data.csv'} --name data --type table"
    )


def test_what_a_step_made_is_to_be_made_again_by_it(store, log):
    run = Run("r1", "train", "train", status=RunStatus.FINISHED, pipeline="flats", outputs={"data": "data:v1"})
    version = log("one", run_id="r1")
    with store.transaction() as transaction:
        transaction.record_run(run)
    store.object_path(store.tree(version.digest).entries[0].digest).unlink()
    (fault,) = store.verify().faults
    assert fault.mend == "run train of flats again: artifactflow run-pipeline --until train"


def test_a_name_reads_its_versions_only(store, log):
    log("one")
    other = log("two", name="other")
    store.object_path(store.tree(other.digest).entries[0].digest).unlink()
    assert store.verify("data").faults == []
    assert store.verify("data:v1").objects == 2
    assert [fault.versions for fault in store.verify("other").faults] == [("other:v1",)]
    with pytest.raises(NotFoundError):
        store.verify("nobody")


def test_a_rebuilt_catalog_knows_everything_and_keeps_the_old_one_where_it_fails(filled):
    with Store.open(filled) as store:
        before = (store.versions(), store.aliases("data"), store.runs(), store.runs_using("data:v1"))
        store.rebuild()
        assert (store.versions(), store.aliases("data"), store.runs(), store.runs_using("data:v1")) == before
    assert sorted(path.name for path in filled.glob("catalog*")) == ["catalog.db", "catalog.sum"]
    path = filled / "journal" / "000001.log"
    path.write_bytes(path.read_bytes().replace(b"some data", b"come data", 1))
    with Store.open(filled) as store:
        with pytest.raises(IntegrityError, match=r"000001\.log:2"):
            store.rebuild()
        assert store.aliases("data") == before[1]


def test_a_catalog_is_not_rebuilt_from_a_journal_that_has_been_cut(filled):
    last = sorted((filled / "journal").iterdir())[-1]
    last.write_bytes(b"".join(last.read_bytes().splitlines(keepends=True)[:-1]))
    with Store.open(filled) as store, pytest.raises(IntegrityError, match="cut short"):
        store.rebuild()


def test_a_copied_store_is_sound(filled, tmp_path):
    shutil.copytree(filled, tmp_path / "copy")
    assert faults(tmp_path / "copy") == []
