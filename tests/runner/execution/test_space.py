"""The folder that a pipeline run has for itself while it runs."""

from artifactflow.runner.execution.space import clear


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
