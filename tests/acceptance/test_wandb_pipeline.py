"""A root that calls `mlflow.run` and components that hand on W&B artifacts, as found: offline, without an account."""

import shutil
import subprocess

import pytest

STEPS = [
    "rentals/get_data",
    "rentals/basic_cleaning",
    "rentals/data_check",
    "rentals/train_val_test_split",
    "rentals/train_random_forest",
    "rentals/test_regression_model",
]
RUN = ("run-pipeline", "examples/wandb_pipeline", "--track", "mlflow", "--wait-tracking", "--json")


@pytest.fixture
def offline(new_shell):
    """A user without a network, with one whose servers do not answer where that cannot be had."""
    pytest.importorskip("hydra", reason="the root is a Hydra script")
    shell = new_shell("wandb_pipeline")
    denied = ["unshare", "-rn"]
    if not shutil.which("unshare") or subprocess.run([*denied, "true"], capture_output=True).returncode:
        denied = ["env", "WANDB_BASE_URL=http://127.0.0.1:9", "https_proxy=http://127.0.0.1:9"]

    def run(*arguments, code=0):
        return shell.run(*denied, "python", "-m", "artifactflow", *arguments, code=code)

    return shell.folder, run


def decisions(answer):
    return {step["step"]: step["decision"] for step in answer.json["steps"] if step["step"] != "rentals"}


def tracked_runs(folder):
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    return client.search_runs([one.experiment_id for one in client.search_experiments()])


def test_it_runs_offline_and_its_second_run_reuses_every_component(offline):
    folder, run = offline
    assert decisions(run(*RUN)) == dict.fromkeys(STEPS, "RUN")
    runs = tracked_runs(folder)
    root = next(one for one in runs if one.data.tags.get("artifactflow.step") == "rentals")
    children = [one for one in runs if one.data.tags.get("mlflow.parentRunId") == root.info.run_id]
    assert {one.data.tags["artifactflow.step"] for one in children} == set(STEPS)
    assert "Raw file as downloaded" in {one.data.params.get("artifact_description") for one in children}  # no quotes

    assert decisions(run(*RUN)) == dict.fromkeys(STEPS, "REUSE")
    again = tracked_runs(folder)
    assert {one.info.status for one in again} == {"FINISHED"}
    assert sum(one.data.tags.get("artifactflow.step", "").startswith("rentals/") for one in again) == len(STEPS)
    linked = [one for one in again if "artifactflow.reused.rentals/get_data" in one.data.tags]
    assert len(linked) == 1

    lineage = run("artifacts", "lineage", "random_forest_export").out
    for name in ("trainval_data.csv:v1", "clean_sample.csv:v1", "sample.csv:v1"):
        assert name in lineage


@pytest.mark.torture
def test_a_changed_setting_reruns_what_depends_on_it(offline):
    _, run = offline
    run(*RUN)
    found = decisions(run(*RUN, "-P", "hydra_options=etl.max_price=300"))
    assert found == {step: "REUSE" if step == "rentals/get_data" else "RUN" for step in STEPS}
    alone = decisions(run(*RUN, "-P", "steps=basic_cleaning"))
    assert alone == {"rentals/basic_cleaning": "REUSE"}


@pytest.mark.torture
def test_a_failing_component_is_named_with_the_end_of_its_log(offline):
    folder, run = offline
    run(*RUN, "-P", "steps=download")
    script = folder / "examples/wandb_pipeline/src/basic_cleaning/run.py"
    script.write_text(script.read_text().replace('logger.info("Dropping outliers")', 'raise SystemExit("no rows")'))
    failed = run(*RUN, "-P", "steps=basic_cleaning", code=6)
    assert "step rentals/basic_cleaning failed with exit code 1" in failed.err
    assert "no rows" in failed.err
    assert all(one.info.status != "RUNNING" for one in tracked_runs(folder))
