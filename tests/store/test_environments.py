"""The packages of a run are kept once for all runs that have the same, and come back with each."""

import json
from pathlib import Path

import pytest

from artifactflow.runs import Run, RunStatus
from artifactflow.store import Store

PACKAGES = {"python": "3.11", "numpy": "2.4.6", "pandas": "3.1.1"}


def run(run_id: str, packages: dict[str, str], **given) -> Run:
    ingredients = {"component": "fit", "parameters": {}, "environment": packages}
    return Run(run_id, "fit", "fit", status=RunStatus.FINISHED, ingredients=ingredients, **given)


def record(store: Store, *runs: Run) -> None:
    with store.transaction() as transaction:
        for one in runs:
            transaction.record_run(one)


def events(root: Path) -> list[dict]:
    lines = (root / "journal" / "000001.log").read_text().splitlines()
    return [event for line in lines for event in json.loads(line.partition(" ")[2]).get("events", ())]


def test_a_list_of_packages_is_written_once_however_many_runs_have_it(store, root):
    record(store, run("a", PACKAGES), run("b", PACKAGES))
    record(store, run("c", PACKAGES), run("d", {**PACKAGES, "numpy": "2.5"}))
    assert sum("environment" in event for event in events(root)) == 2
    assert (root / "journal" / "000001.log").read_text().count("pandas") == 2


def test_every_way_to_a_run_gives_its_packages(store):
    kept = run("a", PACKAGES, pipeline="p", cache_key="k", inputs={"data": "data:v1"})
    record(store, kept)
    assert store.run("a") == store.runs(1)[0] == store.last_run("p", "fit") == kept
    assert store.cached_runs("k") == store.runs_using("data:v1") == [kept]
    assert store.run("a").to_json() == kept.to_json()


def test_a_run_without_packages_stays_as_it_is(store, root):
    record(store, run("a", {}), Run("b", "fit", "fit"))
    assert store.run("a").ingredients["environment"] == {}
    assert store.run("b").ingredients == {}
    assert not any("environment" in event for event in events(root))


def test_a_part_that_is_undone_takes_its_packages_with_it(store):
    with store.transaction() as transaction:
        with pytest.raises(RuntimeError), transaction.part():
            transaction.record_run(run("a", PACKAGES))
            raise RuntimeError
        transaction.record_run(run("b", PACKAGES))
    assert store.run("b").ingredients["environment"] == PACKAGES


def test_a_rebuilt_catalog_has_them_again(store, root):
    record(store, run("a", PACKAGES))
    store.close()
    (root / "catalog.db").unlink()
    with Store.open(root) as again:
        assert again.run("a").ingredients["environment"] == PACKAGES
        assert again.verify().faults == []


def test_runs_that_list_their_packages_themselves_are_read_as_ever(store):
    old = run("a", PACKAGES, pipeline="p")
    with store.transaction() as transaction:
        transaction._draft.add({"run": old.to_json()})  # as former versions wrote it
    assert store.last_run("p", "fit") == old
