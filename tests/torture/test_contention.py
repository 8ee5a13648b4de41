"""Many processes at one store: no number is given twice or left out, one wins each turn, nobody waits for long."""

import time

import pytest

from artifactflow.store import Store
from contention import collect_until, move_alias, put_many, write_until
from processes import Child
from workload import Ledger


def number_versions(root, processes, puts):
    """Let processes put to one name, and hold that the numbers are without a gap."""
    Store.open(root).close()
    children = [Child(put_many, root, worker, puts) for worker in range(processes)]
    said = [line for child in children for line in child.wait()]
    assert {child.code for child in children} == {0}
    assert sorted(line["number"] for line in said) == list(range(1, processes * puts + 1))
    with Store.open(root) as store:
        assert [version.number for version in store.versions("data")] == list(range(1, processes * puts + 1))
        assert {version.number: str(version.digest) for version in store.versions("data")} == {
            line["number"]: line["digest"] for line in said
        }
        assert not store.verify().faults


@pytest.mark.torture
def test_fifty_processes_number_five_thousand_versions_without_a_gap(tmp_path):
    number_versions(tmp_path / "store", 50, 100)


@pytest.mark.torture
def test_of_fifty_processes_that_move_an_alias_one_wins_each_generation(tmp_path):
    root = tmp_path / "store"
    Child(put_many, root, 0, 2).wait()
    children = [Child(move_alias, root, worker, 40) for worker in range(50)]
    said = [line["generation"] for child in children for line in child.wait()]
    assert {child.code for child in children} == {0}
    assert sorted(said) == list(range(1, len(said) + 1))
    with Store.open(root) as store:
        assert store.alias_state("data", "champion").generation == len(said) >= 40


@pytest.mark.torture
def test_collecting_in_a_loop_removes_nothing_live_and_keeps_no_writer_waiting_for_five_seconds(tmp_path):
    root = tmp_path / "store"
    Store.open(root).close()
    end = time.time() + 30
    collector = Child(collect_until, root, end)
    writers = [Child(write_until, root, worker, end) for worker in range(6)]
    ledger = Ledger()
    for writer in writers:
        said = writer.wait()
        assert writer.code == 0
        assert said.pop()["slowest"] < 5
        ledger.hear(said)
    (collected,) = collector.wait()
    assert collector.code == 0
    assert collected["rounds"] > 5
    assert collected["objects"] > 10
    ledger.check(root)
