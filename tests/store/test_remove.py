import pytest

from artifactflow.errors import IntegrityError, NotFoundError, UsageError
from artifactflow.runs import Run, RunStatus
from artifactflow.store import Store
from artifactflow.store.schema import TABLES


@pytest.fixture
def made(store, log):
    """Two versions of `raw`, and a `model` that a run made from the first."""
    log("1", name="raw")
    log("2", name="raw")
    log("m", name="model", run_id="r1")
    with store.transaction() as transaction:
        transaction.record_run(
            Run("r1", "train", "train", status=RunStatus.FINISHED, inputs={"d": "raw:v1"}, outputs={"m": "model:v1"})
        )


def numbers(store, name):
    return [version.number for version in store.versions(name)]


def test_a_removed_version_is_gone_and_says_when_and_by_what(store, log):
    log("1")
    log("2")
    (removed,) = store.remove("data:v1")
    assert removed.ref == "data:v1"
    assert numbers(store, "data") == [2]
    with pytest.raises(NotFoundError, match=r"data:v1 was removed on \d{4}-\d\d-\d\d by artifacts rm"):
        store.version("data:v1")
    assert store.removed_version("data:v1").version == removed
    assert store.removed_version("data:v2") is None


def test_a_number_is_never_used_again_not_even_for_the_same_content(store, log):
    log("1")
    log("2")
    store.remove("data", everything=True, force=True)
    assert log("2").number == 3
    store.remove("data:v3", force=True)
    assert log("3").number == 4


def test_a_version_that_an_alias_names_is_refused_and_nothing_happens(store, log):
    log("1")
    store.set_alias("data", 1, "champion")
    log("2")
    for ref, alias in (("data:v1", "champion"), ("data:v2", "latest")):
        with pytest.raises(UsageError, match=f"{ref} is needed by data:{alias}"):
            store.remove(ref)
    assert numbers(store, "data") == [1, 2]


def test_a_version_that_another_was_made_from_is_refused_until_that_one_is_removed(store, made):
    with pytest.raises(UsageError, match="raw:v1 is needed by model:v1"):
        store.remove("raw:v1")
    store.remove("model:v1", force=True)
    store.remove("raw:v1")
    assert numbers(store, "raw") == [2]


def test_force_removes_what_is_needed_and_latest_moves_to_what_is_left(store, made):
    store.set_alias("raw", 2, "champion")
    store.remove("raw:v2", force=True)
    assert store.aliases("raw") == {"latest": 1}


def test_the_aliases_of_other_versions_stay_where_they_are(store, log):
    for content in ("1", "2", "3"):
        log(content)
    store.set_alias("data", 1, "oldest")
    store.set_alias("data", 2, "champion")
    before = store.alias_state("data", "champion")
    store.remove("data:v1", force=True)
    assert store.aliases("data") == {"champion": 2, "latest": 3}
    assert store.alias_state("data", "champion") == before


def test_the_alias_of_a_removed_version_goes_on_counting_its_generations(store, log):
    log("1")
    log("2")
    first = store.set_alias("data", 1, "champion", expected_generation=0)
    store.remove("data:v1", force=True)
    state = store.alias_state("data", "champion")
    assert (state.number, state.generation) == (None, first + 1)
    assert store.set_alias("data", 2, "champion", expected_generation=first + 1) == first + 2


def test_a_whole_artifact_is_removed_at_once_or_not_at_all(store, made):
    with pytest.raises(UsageError, match="is needed by"):
        store.remove("raw", everything=True)
    assert numbers(store, "raw") == [1, 2]
    assert [version.number for version in store.remove("raw", everything=True, force=True)] == [1, 2]
    assert [artifact.name for artifact in store.list_artifacts()] == ["model"]


def test_what_was_removed_stays_removed_when_the_catalog_is_rebuilt(store, made):
    store.remove("raw:v2", force=True)
    before = (store.versions(), store.aliases("raw"), store.removed_version("raw:v2"))
    store.rebuild()
    assert (store.versions(), store.aliases("raw"), store.removed_version("raw:v2")) == before


def test_an_artifactflow_that_does_not_know_removals_refuses_the_journal(store, root, log, monkeypatch):
    """An older one would go on handing out what was removed, and reuse it."""
    log("1")
    log("2")
    store.remove("data:v1")
    store.close()
    from artifactflow.store import schema

    monkeypatch.setattr(schema, "_apply_removal", lambda *_: pytest.fail("it was understood"))
    known = {"version", "alias", "run", "pipeline_run"}
    original = schema.apply

    def older(connection, event):
        original(connection, event if known & event.keys() else {f"unknown {next(iter(event))}": {}})

    monkeypatch.setattr("artifactflow.store.catalog_file.apply", older)
    monkeypatch.setattr("artifactflow.store.catalog.SCHEMA_VERSION", 1)
    with Store.open(root) as again, pytest.raises(IntegrityError, match="does not know") as caught:
        again.versions()
    assert "newer artifactflow" in caught.value.hint
    assert "removed" in TABLES
