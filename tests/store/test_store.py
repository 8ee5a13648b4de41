"""What only the whole store can promise: processes side by side, crashes, full disks."""

import os
import pathlib
import random
import resource
import signal
import subprocess
import sys
import time

import pytest

from artifactflow.artifact import ArtifactRef, Digest
from artifactflow.errors import NotFoundError, UsageError
from artifactflow.runs import Run, RunStatus
from artifactflow.store import Store, batch, files

PUT_FOR_EVER = """
import itertools, pathlib, sys
from artifactflow.store import Store
root, work, limit = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
store = Store.open(root)
for number in itertools.islice(itertools.count(), limit or None):
    folder = work / str(number)
    folder.mkdir(parents=True)
    (folder / "a").write_text(f"{work.name} {number}")
    (folder / "b").write_bytes(b"x" * 3_000_000 if number % 5 == 0 else b"small")
    tree = store.put_tree(folder, move=number % 2 == 0)
    with store.transaction() as transaction:
        version = transaction.register("data", "table", "", tree).version
    print(version.number, tree.digest.hexadecimal, flush=True)
"""


def start(code, *arguments, **options):
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, **options)


def test_processes_that_put_to_one_name_get_consecutive_numbers(root, tmp_path):
    processes = [start(PUT_FOR_EVER, root, tmp_path / f"work{number}", 25) for number in range(8)]
    numbers = []
    for process in processes:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        numbers += [int(line.split()[0]) for line in output.splitlines()]
    assert sorted(numbers) == list(range(1, 201))
    with Store.open(root) as store:
        assert [version.number for version in store.versions("data")] == list(range(1, 201))


def test_of_processes_that_swap_one_alias_every_generation_has_one_winner(store, root, log):
    log("a")
    log("b")
    code = """
import pathlib, sys
from artifactflow.errors import OutsideError
from artifactflow.store import Store
store = Store.open(pathlib.Path(sys.argv[1]))
won = 0
while won < 10:
    seen = store.alias_state("data", "champion")
    try:
        generation = store.set_alias("data", 1 + won % 2, "champion", expected_generation=seen.generation)
    except OutsideError:
        continue
    assert generation == seen.generation + 1
    won += 1
    print(generation)
"""
    processes = [start(code, root) for _ in range(4)]
    generations = [int(line) for process in processes for line in process.communicate(timeout=60)[0].splitlines()]
    assert sorted(generations) == list(range(1, 41))
    assert store.alias_state("data", "champion").generation == 40


def test_what_was_acknowledged_survives_a_kill_and_nothing_is_half_there(root, tmp_path):
    moments = random.Random(20261123)
    acknowledged = {}
    for round_number in range(6):
        process = start(PUT_FOR_EVER, root, tmp_path / f"work{round_number}", 0)
        first = process.stdout.readline()
        time.sleep(moments.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
        for line in [first, *rest.splitlines(keepends=True)]:
            if line.endswith(b"\n"):
                number, digest = line.split()
                acknowledged[int(number)] = Digest(digest.decode())
        if round_number % 2:
            (root / "catalog.db").unlink()
        with Store.open(root) as store:
            versions = store.versions("data")
            assert [version.number for version in versions] == list(range(1, len(versions) + 1))
            assert acknowledged.items() <= {version.number: version.digest for version in versions}.items()
            assert all(store.intact(version.digest) for version in versions)
    for path in (path for path in (root / "objects").rglob("*") if path.is_file()):
        assert Digest.of(path.read_bytes()).hexadecimal == path.parent.name + path.name
    assert len(acknowledged) >= 6


def test_a_write_that_fails_is_an_outside_error_and_leaves_nothing(store, root, tmp_path):
    """A limit on the size of files stands for a full disk: the kernel refuses the write in the same place."""
    (tmp_path / "big.bin").write_bytes(os.urandom(3_000_000))
    code = """
import pathlib, sys
from artifactflow.errors import OutsideError
from artifactflow.store import Store
store = Store.open(pathlib.Path(sys.argv[1]))
try:
    store.put_tree(pathlib.Path(sys.argv[2]))
except OutsideError as error:
    print(error, error.hint)
"""
    limit = 1_500_000
    process = start(
        code,
        root,
        tmp_path / "big.bin",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    output, _ = process.communicate(timeout=60)
    assert b"cannot store" in output
    assert b"free some space" in output
    assert list((root / "tmp").iterdir()) == []
    assert [path for path in (root / "objects").rglob("*") if path.is_file()] == []
    assert store.put_tree(tmp_path / "big.bin").size == 3_000_000


def test_a_journal_that_cannot_grow_takes_the_whole_transaction_back(store, root, log):
    log("a")
    size = (root / "journal" / "000001.log").stat().st_size
    code = """
import pathlib, resource, sys
from artifactflow.errors import OutsideError
from artifactflow.runs import Run
from artifactflow.store import Store
store = Store.open(pathlib.Path(sys.argv[1]))
store.versions()
# As much as SQLite needs to begin with; the record is longer.
limit = 200_000
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    with store.transaction() as transaction:
        transaction.point("data", 1, "champion")
        transaction.record_run(Run("r1", "train", "train", message="x" * 400_000))
except OutsideError as error:
    print("outside", error)
print(store.aliases("data"))
"""
    output, _ = start(code, root).communicate(timeout=60)
    assert output.startswith(b"outside")
    assert output.endswith(b"{'latest': 1}\n")
    assert (root / "journal" / "000001.log").stat().st_size == size
    assert log("b").number == 2


def test_a_moved_source_is_given_back_when_the_put_fails(store, root, write, monkeypatch):
    path = write("folder/a", "content")
    write("folder/b", "other")

    def fail(paths, folder):
        if any(pathlib.Path(path).parent.name == "sha256" for path in paths):
            raise OSError(28, os.strerror(28))

    monkeypatch.setattr("artifactflow.store.batch._sync_all", fail)
    with pytest.raises(Exception, match="No space left"):
        store.put_tree(path.parent, move=True)
    assert (path.read_text(), path.with_name("b").read_text()) == ("content", "other")
    assert list((root / "tmp").iterdir()) == []


def test_a_version_can_be_named_in_every_way(store, log):
    version = log("a", aliases=["champion"])
    for ref in ("data", "data:latest", "data:v1", "data:champion", "artifactflow:/data/v1", ArtifactRef("data", "v1")):
        assert store.version(ref) == version


def test_a_name_that_is_not_there_comes_with_what_may_have_been_meant(store, log):
    log("a", name="housing", aliases=["champion"])
    with pytest.raises(NotFoundError, match="no artifact 'housin'") as caught:
        store.version("housin")
    assert caught.value.hint == "did you mean housing?"
    for selector in ("v2", "challenger"):
        with pytest.raises(NotFoundError, match=f"housing has no version '{selector}'") as caught:
            store.version(f"housing:{selector}")
        assert caught.value.hint == "it has v1, champion, latest"


def test_the_list_of_artifacts_says_where_each_stands(store, log):
    log("a")
    log("b", aliases=["champion"])
    log("a")
    log("x", name="alpha")
    alpha, data = store.list_artifacts()
    assert (alpha.name, data.name, data.type, data.versions) == ("alpha", "data", "table", 2)
    assert (data.latest.number, data.aliases) == (1, {"champion": 2, "latest": 1})


@pytest.fixture
def runs(store):
    def run(run_id, status=RunStatus.FINISHED, **facts):
        return Run(run_id, "train", "train", status=status, pipeline="housing", **facts)

    recorded = [
        run("20260101-a", started="2026-01-01", cache_key="k"),
        run("20260102-b", started="2026-01-02", cache_key="k"),
        run("20260103-c", started="2026-01-03", cache_key="k", status=RunStatus.FAILED),
    ]
    with store.transaction() as transaction:
        for item in recorded:
            transaction.record_run(item)
    return recorded


def test_runs_come_newest_first(store, runs):
    assert store.runs() == runs[::-1]
    assert store.runs(limit=2) == runs[:0:-1]


def test_only_a_run_that_finished_is_found_for_reuse(store, runs):
    assert store.cached_run("k") == runs[1]
    assert store.last_run("housing", "train") == runs[1]
    assert store.cached_run("other") is None
    assert store.last_run("housing", "other") is None


def test_a_run_without_cache_key_is_never_reused(store):
    with store.transaction() as transaction:
        transaction.record_run(Run("r1", "train", "train", status=RunStatus.FINISHED))
    assert store.cached_run("") is None


def test_a_run_is_found_by_the_beginning_of_its_id_where_that_is_unique(store, runs):
    assert store.run("20260102") == runs[1]
    for wrong, message in (("2026", "more than one run"), ("1999", "no run"), ("", "no run"), ("%", "no run")):
        with pytest.raises(NotFoundError, match=message):
            store.run(wrong)
    with pytest.raises(NotFoundError, match="no pipeline run"):
        store.pipeline_run("20260102")


def test_a_whole_id_is_no_beginning_of_a_longer_one(store):
    with store.transaction() as transaction:
        for run_id in ("r10", "r1"):
            transaction.record_run(Run(run_id, "train", "train"))
    assert store.run("r1").id == "r1"


def test_a_runs_folder_is_made_on_request_and_stays_in_the_store(store, root):
    assert not store.run_folder("r1").exists()
    assert store.run_folder("r1", create=True).is_dir()
    assert store.run_folder("r1") == root / "runs" / "r1"
    with pytest.raises(UsageError):
        store.run_folder("../tmp", create=True)


def test_a_temporary_folder_is_private_and_goes_away_with_what_is_in_it(store):
    with pytest.raises(ZeroDivisionError), store.temporary_folder("step-") as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "locked").mkdir()
        (folder / "locked" / "file").touch()
        (folder / "locked").chmod(0o500)
        raise ZeroDivisionError
    assert not folder.exists()


def test_opening_a_store_imports_nothing_heavy():
    heavy = {"pandas", "mlflow", "wandb", "yaml", "ctypes", "typer"}
    code = f"import sys, artifactflow.store; print({heavy} & sys.modules.keys())"
    assert start(code).communicate(timeout=60)[0] == b"set()\n"


@pytest.mark.parametrize("move", [False, True])
@pytest.mark.parametrize("size", [7, 2_000_000])
def test_what_a_collector_removes_between_staging_and_placing_is_placed_all_the_same(
    store, write, tmp_path, move, size
):
    store.put_tree(write("data.csv", b"x" * size))  # nothing refers to it
    aside = store.run_folder("waiting", create=True)
    staged = store.stage_tree(write("data.csv", b"x" * size), aside, move=move)
    assert store.collect(grace=0.0, is_running=lambda run_id: run_id == "waiting").objects == 2
    store.place([staged])
    assert store.intact(staged.tree.digest)
    assert store.verify().faults == []


def test_what_is_staged_is_in_the_store_when_it_is_placed_and_not_before(store, write, tmp_path):
    aside = store.root / "runs" / "aside"
    aside.mkdir()
    staged = [store.stage_tree(write(f"{name}.csv", name), aside, move=name == "moved") for name in ("kept", "moved")]
    assert not any(store.intact(one.tree.digest) for one in staged)
    assert (tmp_path / "work" / "kept.csv").exists()
    assert not (tmp_path / "work" / "moved.csv").exists()
    store.place(staged)
    assert all(store.intact(one.tree.digest) for one in staged)
    assert list(aside.iterdir()) == []


def test_many_trees_are_made_durable_by_two_calls_for_all(store, write, monkeypatch):
    calls = []
    whole = files.sync_file_system
    monkeypatch.setattr(batch, "sync_file_system", lambda folder: calls.append(folder) or whole(folder))
    aside = store.root / "runs" / "aside"
    aside.mkdir()
    store.place([store.stage_tree(write(f"{number}.csv", str(number)), aside) for number in range(20)])
    assert len(calls) == 2


def test_the_latest_versions_are_those_that_the_alias_names_whatever_their_numbers(store, log):
    log("a", "second")
    log("b", "first")
    log("c", "first")
    log("b", "first")  # content of before: latest moves back
    assert [version.ref for version in store.latest_versions()] == ["first:v1", "second:v1"]
    store.remove("second:v1", force=True)
    assert [version.ref for version in store.latest_versions()] == ["first:v1"]


def test_an_error_is_not_hidden_by_a_temporary_folder_that_cannot_be_removed(store, monkeypatch):
    def failing(path):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("artifactflow.store.store.remove", failing)
    with pytest.raises(ValueError, match="the first"), store.temporary_folder("x-"):
        raise ValueError("the first")
