"""Roots that look up earlier runs in MLflow, and hand on where their artifacts lie, find what they find without us."""

import shutil

import pytest

from artifactflow.runner import Options
from artifactflow.trackers.choice import settings_of

MANIFEST = """
    name: steps
    entry_points:
      main: {command: "python main.py"}
      load: {parameters: {rows: {type: int, default: 3}}, command: "python load.py {rows}"}
      count: {parameters: {table: path}, command: "python count.py {table}"}
"""
MAIN = """
    import os
    import mlflow
    from mlflow import MlflowClient
    from mlflow.tracking.fluent import _get_experiment_id
    from mlflow.utils import mlflow_tags

    def _already_ran(entry_point, parameters):
        for run in reversed(MlflowClient().search_runs([_get_experiment_id()])):
            tags, params = run.data.tags, run.data.params
            if tags.get(mlflow_tags.MLFLOW_PROJECT_ENTRY_POINT) != entry_point or run.info.status != "FINISHED":
                continue
            if all(params.get(name) == value for name, value in parameters.items()):
                return MlflowClient().get_run(run.info.run_id)

    def _get_or_run(entry_point, parameters):
        found = _already_ran(entry_point, parameters) if os.environ["LOOK"] == "yes" else None
        if found:
            print("found", entry_point)
            return found
        submitted = mlflow.run(".", entry_point, parameters=parameters, env_manager="local")
        return MlflowClient().get_run(submitted.run_id)

    with mlflow.start_run():
        load = _get_or_run("load", {"rows": "3"})
        table = os.path.join(load.info.artifact_uri, "table")
        count = _get_or_run("count", {"table": table})
        print("rows", count.data.metrics["rows"])
"""
LOAD = """
    import sys
    import mlflow

    with mlflow.start_run():
        open("table.csv", "w").write("row\\n" * int(sys.argv[1]))
        mlflow.log_artifact("table.csv", "table")
"""
COUNT = """
    import os, sys
    import mlflow

    with mlflow.start_run():
        mlflow.log_metric("rows", len(open(os.path.join(sys.argv[1], "table.csv")).readlines()))
"""


@pytest.fixture
def multistep(project, mlflow_database, monkeypatch):
    """A component whose main entry point calls its two others, and hands on where the artifact of the first lies."""
    project.pipeline("{name: multi, steps: {steps: {component: steps}}}")
    project.component("steps", MANIFEST, main=MAIN, load_py=LOAD, count_py=COUNT)
    shutil.copy(mlflow_database, project.folder / "mlflow.db")
    monkeypatch.setenv("LOOK", "yes")
    return project


def decisions(project, **options):
    return {outcome.step: outcome.decision for outcome in project.run(Options(**options)).steps}


def test_what_already_ran_is_found_and_what_is_called_again_is_reused(multistep, monkeypatch):
    assert decisions(multistep) == {"steps": "RUN", "steps/load": "RUN", "steps/count": "RUN"}
    monkeypatch.setenv("LOOK", "no")
    assert decisions(multistep) == {"steps": "RUN", "steps/load": "REUSE", "steps/count": "REUSE"}
    assert [line for _, line in multistep.notes.printed if line.startswith("rows")] == ["rows 3.0"] * 2


@pytest.mark.torture
def test_runs_of_which_no_tracker_was_told_are_found_by_a_run_that_is_tracked(multistep):
    assert decisions(multistep) == {"steps": "RUN", "steps/load": "RUN", "steps/count": "RUN"}
    tracking = settings_of(["mlflow"], "multi", multistep.folder, {})
    assert decisions(multistep, tracking=tracking, wait_tracking=True) == {"steps": "RUN"}
    found = [line for _, line in multistep.notes.printed if line.startswith("found")]
    assert found == ["found load", "found count"]
