import pickle

import pytest

from artifactflow.artifact import Tree
from artifactflow.errors import IntegrityError, NotFoundError, OutsideError, UsageError
from artifactflow.runs import PipelineRun, Run, RunStatus, StepOutcome
from artifactflow.store import Store


def test_versions_count_from_one_and_latest_follows(store, log):
    first, second = log("a"), log("b")
    assert (first.ref, second.ref) == ("data:v1", "data:v2")
    assert store.version("data") == store.version("data:latest") == second
    assert (second.size, second.files, second.type) == (1, 1, "table")


def test_the_same_content_is_the_same_version_with_what_was_said_of_it_first(store, write):
    tree = store.put_tree(write("a"))
    with store.transaction() as transaction:
        first = transaction.register("data", "table", "first", tree, metadata={"rows": 1})
        again = transaction.register("data", "chart", "second", tree, metadata={"rows": 2})
    assert (first.created, again.created) == (True, False)
    assert again.version == first.version == store.version("data:v1")


def test_relogging_old_content_moves_latest_back(store, log):
    log("a")
    log("b")
    assert log("a").number == 1
    assert store.version("data").number == 1
    assert [version.number for version in store.versions("data")] == [1, 2]


def test_the_same_content_under_another_name_is_another_artifact(store, log):
    assert log("a", name="one").digest == log("a", name="two").digest
    assert [version.ref for version in store.versions()] == ["one:v1", "two:v1"]


def test_numbers_count_on_past_content_that_came_back(store, log):
    assert [log(content).number for content in ("a", "b", "a", "c", "b", "d")] == [1, 2, 1, 3, 2, 4]


def test_a_number_is_not_used_again_even_when_its_version_is_gone(store, log, root):
    """Should a version ever be deleted, what was written down about it must not come to mean another one."""
    log("a")
    log("b")
    with store._catalog.write() as draft:
        draft.connection.execute("DELETE FROM versions WHERE number = 2")
        draft.add({"alias": {"name": "data", "alias": "latest", "version": 1, "generation": 3}})
    assert log("c").number == 3


def test_several_versions_of_one_name_in_one_transaction(store, write):
    trees = [store.put_tree(write("data.csv", content)) for content in "abc"]
    with store.transaction() as transaction:
        numbers = [transaction.register("data", "table", "", tree).version.number for tree in trees]
    assert numbers == [1, 2, 3]
    assert store.version("data").number == 3


def test_a_transaction_that_raises_leaves_nothing(store, root, write, log):
    log("a")
    before = (root / "journal" / "000001.log").read_bytes()
    tree = store.put_tree(write("b", "b"))
    with pytest.raises(ZeroDivisionError), store.transaction() as transaction:
        transaction.register("data", "table", "", tree)
        transaction.record_run(Run("r1", "train", "train"))
        raise ZeroDivisionError
    assert (root / "journal" / "000001.log").read_bytes() == before
    assert (len(store.versions()), store.runs(), store.version("data").number) == (1, [], 1)


def test_an_error_of_the_bodys_own_comes_out_as_it_is(store):
    with pytest.raises(FileNotFoundError), store.transaction():
        raise FileNotFoundError(2, "mine")


def test_a_transaction_without_changes_writes_nothing(store, root, log):
    log("a")
    before = (root / "journal" / "000001.log").read_bytes()
    with store.transaction() as transaction:
        transaction.point("data", 1)
    assert (root / "journal" / "000001.log").read_bytes() == before


def test_transactions_are_not_nested(store):
    with store.transaction(), pytest.raises(RuntimeError, match="nested"), store.transaction():
        pass


def test_a_transaction_is_one_record_of_the_journal(store, root, write):
    tree = store.put_tree(write("a"))
    with store.transaction() as transaction:
        transaction.register("one", "table", "", tree, aliases=["champion"])
        transaction.register("two", "table", "", tree)
        transaction.record_run(Run("r1", "train", "train"))
    assert len((root / "journal" / "000001.log").read_text().splitlines()) == 2  # the header, and this one


def test_a_reused_version_becomes_the_latest_again(store, log):
    log("a")
    log("b")
    with store.transaction() as transaction:
        transaction.point("data", 1)
    assert store.version("data").number == 1
    with pytest.raises(NotFoundError, match="no version 'v9'"), store.transaction() as transaction:
        transaction.point("data", 9)


def test_further_aliases_move_with_the_registration(store, log):
    log("a", aliases=["champion", "2026"])
    log("b", aliases=["champion"])
    assert store.aliases("data") == {"2026": 1, "champion": 2, "latest": 2}


@pytest.mark.parametrize(
    "name, type_, alias",
    [("../data", "table", "a"), ("", "table", "a"), ("data", "a table", "a"), ("data", "table", "v3"), ("d", "t", "-")],
)
def test_names_that_could_not_be_read_back_are_refused(store, write, name, type_, alias):
    tree = store.put_tree(write("a"))
    with pytest.raises(UsageError), store.transaction() as transaction:
        transaction.register(name, type_, "", tree, aliases=[alias])
    assert store.versions() == []


def test_metadata_comes_back_as_json_has_it(store, log):
    version = log("a", metadata={"rows": 3, "score": float("inf"), "columns": ("a", "b"), "note": "ü\udc80"})
    assert version.metadata == {"rows": 3, "score": float("inf"), "columns": ["a", "b"], "note": "ü\udc80"}
    assert store.version("data") == version


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", 10**5000], ids=["object", "set", "bytes", "long"])
def test_metadata_that_is_no_json_is_refused(store, log, value):
    with pytest.raises(UsageError, match="metadata has to be JSON"):
        log("a", metadata={"value": value})
    assert store.versions() == []


def test_a_version_whose_bytes_are_not_there_is_not_registered(store, write):
    with pytest.raises(NotFoundError, match="does not hold"), store.transaction() as one:
        one.register("data", "table", "", Tree((), folder=True))
    tree = store.put_tree(write("a"))
    store.object_path(tree.entries[0].digest).unlink()
    with pytest.raises(IntegrityError, match="lost a"), store.transaction() as two:
        two.register("data", "table", "", tree)
    assert store.versions() == []


@pytest.mark.parametrize("staged", [False, True], ids=["put", "staged and placed"])
def test_what_was_put_before_the_collector_could_come_in_is_looked_at_again(store, write, tmp_path, staged):
    with store.collector_kept_out():
        if staged:
            (tmp_path / "aside").mkdir()
            taken = store.stage_tree(write("a"), tmp_path / "aside")
            store.place([taken])
            tree = taken.tree
        else:
            tree = store.put_tree(write("a"))
        with store.transaction() as transaction:
            assert transaction.register("data", "table", "", tree).created
    store.object_path(tree.entries[0].digest).unlink()
    with store.collector_kept_out(), store.transaction() as transaction, pytest.raises(IntegrityError, match="lost a"):
        transaction.register("other", "table", "", tree)


def test_an_alias_moves_only_from_the_generation_that_was_seen(store, log):
    log("a")
    log("b")
    assert store.alias_state("data", "champion").generation == 0
    assert store.set_alias("data", 1, "champion", expected_generation=0) == 1
    assert store.set_alias("data", 2, "champion", expected_generation=1) == 2
    with pytest.raises(OutsideError, match="expected generation 1, got 2, which points to v2") as caught:
        store.set_alias("data", 1, "champion", expected_generation=1)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    assert store.set_alias("data", 1, "champion") == 3
    assert store.aliases("data")["champion"] == 1


def test_a_later_record_of_a_run_replaces_the_earlier(store, log):
    log("a")
    running = Run("r1", "train", "train", inputs={"data": "data:v1"}, cache_key="k", started="2026-01-01")
    finished = Run("r1", "train", "train", status=RunStatus.FINISHED, inputs={"raw": "raw:v1"}, cache_key="k")
    with store.transaction() as transaction:
        transaction.record_run(running)
    assert (store.run("r1"), store.cached_run("k")) == (running, None)
    with store.transaction() as transaction:
        transaction.record_run(finished)
    assert (store.runs(), store.cached_run("k")) == ([finished], finished)
    assert (store.runs_using("data:v1"), store.runs_using("raw:v1")) == ([], [finished])


def test_a_pipeline_run_comes_back_as_it_was(store):
    outcome = StepOutcome("train", "RUN", "first run", "r1", {"model": "model:v1"}, 1.5)
    run = PipelineRun("p1", "housing", RunStatus.FINISHED, parameters={"seed": 7}, steps=(outcome,), started="2026")
    with store.transaction() as transaction:
        transaction.record_pipeline_run(run)
    assert store.pipeline_run("p") == run
    assert store.pipeline_runs() == [run]


def test_a_part_that_fails_does_not_keep_the_others_from_being_stored(store, write):
    trees = {name: store.put_tree(write(name, name)) for name in ("one", "two", "three")}
    with store.transaction() as transaction:
        with transaction.part():
            transaction.register("one", "table", "", trees["one"])
        with pytest.raises(UsageError), transaction.part():
            transaction.register("two", "table", "", trees["two"])
            transaction.register("two", "table", "", trees["three"], aliases=("v1",))
        with transaction.part():
            transaction.register("three", "table", "", trees["three"])
    assert [version.ref for version in store.versions()] == ["one:v1", "three:v1"]
    (store.root / "catalog.db").unlink()
    assert [version.ref for version in type(store).open(store.root).versions()] == ["one:v1", "three:v1"]


def test_facts_that_are_no_json_are_refused_and_leave_the_rest(store):
    with store.transaction() as transaction:
        with pytest.raises(UsageError, match="has to be JSON"):
            transaction.record_run(Run("a", "fit", "fit", facts={"loss": object()}))
        transaction.record_run(Run("b", "fit", "fit"))
    assert [run.id for run in store.runs()] == ["b"]


def test_a_catalog_that_is_full_says_so_also_where_part_of_a_transaction_fails(store, log):
    log("before")
    with pytest.raises(OutsideError, match="full"), store.transaction() as transaction:
        connection = transaction._draft.connection
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")
        with transaction.part():
            transaction.record_run(Run(id="long", step="a", component="a", message="x" * 1_000_000))
    with Store.open(store.root) as again:
        assert again.runs() == []
        assert again.verify().faults == []
