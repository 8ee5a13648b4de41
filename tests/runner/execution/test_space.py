"""The folder that a pipeline run has for itself while it runs."""

from artifactflow.runner.execution.space import RunSpace, clear
from artifactflow.runs import Run
from artifactflow.store import Store
from artifactflow.store.at_work import at_work, kept_versions


def test_what_a_run_held_is_cleared_and_its_folder_where_nothing_else_is_in_it(tmp_path):
    for name in ("empty", "kept"):
        (tmp_path / name / "staging").mkdir(parents=True)
    (tmp_path / "kept" / "log").write_text("said")
    clear(tmp_path / "empty")
    clear(tmp_path / "kept")
    assert not (tmp_path / "empty").exists()
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["log"]


def test_what_a_link_in_its_place_leads_to_is_not_touched(tmp_path):
    (tmp_path / "mine" / "staging").mkdir(parents=True)
    (tmp_path / "run").symlink_to(tmp_path / "mine")
    clear(tmp_path / "run")
    assert (tmp_path / "mine" / "staging").is_dir()


def test_what_is_reused_is_said_when_the_first_step_begins_and_from_then_on_at_once(tmp_path):
    with Store.open(tmp_path / "store") as store:
        space = RunSpace(store, "the-run")
        space.keep(["a:v1"])
        assert not space.folder.exists()  # where all is reused, nothing is written
        space.begin(Run("20260101-000000-aaaaaaaa", "make", "make"), ())
        space.keep(["b:v2"])
        assert kept_versions(space.folder) == {"a:v1", "b:v2"}
        assert [run.step for run in at_work(space.folder)] == ["make"]
        space.close()
        assert kept_versions(space.folder) == set()
