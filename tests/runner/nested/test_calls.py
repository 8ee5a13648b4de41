"""A step that calls `mlflow.run`: its components are steps of the same run, planned and reused one by one."""

import pytest

from artifactflow.errors import StepFailedError
from artifactflow.runner import Options
from artifactflow.runner.nested.callers import CALLS

PIPELINE = (
    "{name: p, parameters: {word: {type: str, default: a}}, steps: {root: {component: root, with: {word: '${word}'}}}}"
)
ROOT = """
    name: root
    entry_points: {main: {parameters: {word: str}, command: "python main.py {word}"}}
"""
CHILD = """
    name: child
    entry_points:
      main: {parameters: {word: str, file: {type: str, default: ''}}, command: "python main.py {word} {file}"}
"""


@pytest.fixture
def nested(project):
    """A root that starts one component twice, with a file of settings in a folder that is never the same."""
    project.pipeline(PIPELINE)
    project.component(
        "root",
        ROOT,
        main="""
            import os, sys, tempfile
            import mlflow

            child = os.path.abspath("../child")
            os.environ["WANDB_PROJECT"] = "handed on"
            os.chdir(tempfile.mkdtemp(dir=os.path.dirname(child)))
            with open("settings.json", "w") as file:
                file.write("{}")
            for word in (sys.argv[1], "b"):
                run = mlflow.run(child, parameters={"word": word, "file": os.path.abspath("settings.json")})
                print(word, run.run_id)
            """,
    )
    project.component("child", CHILD, main="import os, sys\nprint('said', sys.argv[1], os.environ['WANDB_PROJECT'])\n")
    return project


def outcomes(record):
    return [(outcome.step, outcome.decision, outcome.reason.partition(" since ")[0]) for outcome in record.steps]


def test_components_are_steps_that_need_no_place_and_are_reused_one_by_one(nested):
    assert nested.plan()["root"] == ("RUN", f"never run, and {CALLS}")
    first = nested.run(Options(jobs=1))
    assert [step[:2] for step in outcomes(first)] == [("root", "RUN"), ("root/child", "RUN"), ("root/child#2", "RUN")]
    assert ("root/child", "said a handed on") in nested.notes.printed
    root, child = (nested.store.run(first.steps[position].run_id) for position in (0, 1))
    assert child.sources["word"] == "mlflow.run"
    assert child.facts["called_by"] == {"step": "root", "run": root.id}
    assert root.facts["calls"] == ["root/child", "root/child#2"]

    assert nested.plan()["root"] == ("RUN", CALLS)
    changed = nested.run(word="c")
    assert outcomes(changed)[1:] == [
        ("root/child", "RUN", "parameter word a → c"),
        ("root/child#2", "REUSE", "unchanged"),
    ]

    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{nested.folder}/mlflow.db")
    experiment = client.get_experiment_by_name("p")  # the pipeline's, where trackers tell of it too
    runs = client.search_runs([experiment.experiment_id])
    assert sorted(run.data.params["word"] for run in runs) == ["a", "b", "c"]  # one that is reused has its run already
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert experiment.artifact_location == f"{nested.folder}/mlruns/{experiment.experiment_id}"


def test_the_failure_of_a_component_is_what_a_failed_root_is_told_with(nested):
    nested.component("child", CHILD, main="raise SystemExit('out of rows')\n")
    with pytest.raises(StepFailedError, match=r"(?s)step root/child failed with exit code 1.*out of rows"):
        nested.run()
    assert [step[:2] for step in outcomes(nested.store.pipeline_runs(1)[0])] == [
        ("root", "FAILED"),
        ("root/child", "FAILED"),
    ]


def test_a_root_may_live_with_a_failure_and_what_wrote_to_a_named_file_is_not_reused(nested):
    nested.component(
        "root",
        ROOT,
        main="""
            import mlflow

            try:
                mlflow.run("../child", parameters={"word": "fail"})
            except mlflow.exceptions.ExecutionException as error:
                print("survived")
            mlflow.run("../child", parameters={"word": "write", "file": "made.txt"})
            """,
    )
    nested.component(
        "child",
        CHILD,
        main="""
            import sys

            if sys.argv[1] == "fail":
                raise SystemExit(3)
            open(sys.argv[2], "a").write("more")
            """,
    )
    record = nested.run()
    assert [step[:2] for step in outcomes(record)] == [
        ("root", "RUN"),
        ("root/child", "FAILED"),
        ("root/child#2", "RUN"),
    ]
    assert ("root", "survived") in nested.notes.printed
    assert nested.store.run(record.steps[2].run_id).cache_key == ""
    assert any("root/child#2 cannot be reused: it has written to" in warning for warning in nested.notes.warnings)
