"""Lineage: from a version back to what no run made, and forward to what was made of it."""

from artifactflow.artifact import Digest, Version
from artifactflow.lineage import LineageNode, upstream, users
from artifactflow.runs import Run


def graph(*runs: Run):
    """How to look up the versions and the runs of a history."""
    makers = {ref: run for run in runs for ref in run.outputs.values()}
    known = {*makers, *(ref for run in runs for ref in run.inputs.values())}
    by_id = {run.id: run for run in runs}

    def version_of(ref: str) -> Version | None:
        if ref not in known:
            return None
        name, _, number = ref.partition(":v")
        return Version(name, int(number), "t", Digest.of(b""), 0, 1, run_id=makers[ref].id if ref in makers else None)

    return version_of, by_id.get


FETCH = Run("r1", "fetch", "c", outputs={"data": "raw:v1"})
CLEAN = Run("r2", "clean", "c", inputs={"raw": "raw:v1", "words": "stop:v1"}, outputs={"out": "clean:v1"})
TRAIN = Run(
    "r3", "train", "c", inputs={"train": "clean:v1", "again": "clean:v1", "raw": "raw:v1"}, outputs={"m": "m:v1"}
)
HISTORY = graph(FETCH, CLEAN, TRAIN)

RAW = LineageNode("raw:v1", "r1", "fetch")
BY_HAND = LineageNode("stop:v1", None, None)
CLEANED = LineageNode("clean:v1", "r2", "clean", (RAW, BY_HAND))


def test_a_version_has_the_run_that_made_it_and_what_that_was_made_from():
    assert upstream("clean:v1", *HISTORY) == CLEANED


def test_an_input_that_is_taken_twice_stands_once():
    assert [child.ref for child in upstream("m:v1", *HISTORY).children] == ["clean:v1", "raw:v1"]


def test_what_stands_twice_in_the_tree_is_spelled_out_the_first_time_only():
    merge = Run("r4", "merge", "c", inputs={"one": "clean:v1", "other": "copy:v1"}, outputs={"out": "all:v1"})
    copy = Run("r5", "copy", "c", inputs={"of": "clean:v1"}, outputs={"out": "copy:v1"})
    first, second = upstream("all:v1", *graph(FETCH, CLEAN, merge, copy)).children
    assert first == CLEANED
    assert second.children == (LineageNode("clean:v1", "r2", "clean"),)


def test_what_a_person_put_in_and_what_nobody_knows_end_the_tree():
    assert upstream("stop:v1", *HISTORY) == BY_HAND
    assert upstream("gone:v1", *HISTORY) == LineageNode("gone:v1", None, None)


def test_of_a_removed_version_the_record_is_left():
    tree = upstream("clean:v1", *HISTORY, lambda ref: ref == "raw:v1")
    assert [(child.ref, child.removed) for child in tree.children] == [("raw:v1", True), ("stop:v1", False)]
    assert not tree.removed


def test_in_json_only_what_was_removed_says_so():
    tree = LineageNode("clean:v1", "r2", "clean", (LineageNode("raw:v1", "r1", "fetch", removed=True),))
    assert tree.to_json() == {
        "version": "clean:v1",
        "run": "r2",
        "step": "clean",
        "from": [{"version": "raw:v1", "run": "r1", "step": "fetch", "from": [], "removed": True}],
    }


def test_users_are_the_runs_that_consumed_it_with_what_they_made():
    runs = [FETCH, CLEAN, TRAIN]
    assert users("raw:v1", runs) == [(CLEAN, {"out": "clean:v1"}), (TRAIN, {"m": "m:v1"})]
    assert users("m:v1", runs) == []
