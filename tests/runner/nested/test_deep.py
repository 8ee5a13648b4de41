"""A called component may call others: they are steps of the run too, and reused one by one."""

import shutil

import pytest

from artifactflow.runner import Options
from artifactflow.runner.nested.callers import CALLS

pytestmark = pytest.mark.torture

CALLED = "name: {name}\nentry_points: {{main: {{parameters: {{word: str}}, command: 'python main.py {{word}}'}}}}\n"
ROOT = """
    import mlflow

    for word in "ab":
        print(mlflow.run("../middle", parameters={"word": word}).run_id)
"""
MIDDLE = """
    import sys
    import mlflow

    mlflow.log_param("own", sys.argv[1])
    for word in (sys.argv[1] + "1", "common"):
        mlflow.run("../leaf", parameters={"word": word})
"""


def test_components_two_levels_below_are_reused_and_one_place_is_enough(project, mlflow_database):
    project.pipeline("{name: p, steps: {root: {component: root}}}")
    project.component("root", "name: root\nentry_points: {main: {command: python main.py}}\n", main=ROOT)
    project.component("middle", CALLED.format(name="middle"), main=MIDDLE)
    project.component("leaf", CALLED.format(name="leaf"), main="print('leaf')\n")
    shutil.copy(mlflow_database, project.folder / "mlflow.db")

    def decisions():
        return {outcome.step: outcome.decision for outcome in project.run(Options(jobs=1)).steps}

    middles = {"root": "RUN", "root/middle": "RUN", "root/middle#2": "RUN"}
    assert decisions() == middles | {
        "root/middle/leaf": "RUN",
        "root/middle/leaf#2": "RUN",
        "root/middle#2/leaf": "RUN",
        "root/middle#2/leaf#2": "REUSE",  # the other middle one has called it with the same
    }
    leaves = ["root/middle/leaf", "root/middle/leaf#2", "root/middle#2/leaf", "root/middle#2/leaf#2"]
    assert decisions() == middles | dict.fromkeys(leaves, "REUSE")

    project.component("middle", CALLED.format(name="middle"), main=MIDDLE.replace('"1"', '"2"'))
    record = project.run(Options(jobs=1))
    reasons = {outcome.step: (outcome.decision, outcome.reason) for outcome in record.steps}
    assert reasons["root/middle"] == ("RUN", "code changed: main.py")
    assert reasons["root/middle/leaf"] == ("RUN", "parameter word a1 → a2")
    assert reasons["root/middle/leaf#2"][0] == "REUSE"
    assert reasons["root"] == ("RUN", CALLS)

    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{project.folder}/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("p").experiment_id])
    assert {run.info.status for run in runs} == {"FINISHED"}
    middle_runs = {run.info.run_id for run in runs if "own" in run.data.params}
    assert {run.data.tags["mlflow.parentRunId"] for run in runs if run.info.run_id not in middle_runs} <= middle_runs
