"""What stands in MLflow's store after a run, read back by MLflow's own client."""

import json
import os
import warnings
from pathlib import Path
from typing import Any

import pytest

from artifactflow.store import Store


@pytest.fixture(scope="module")
def client(told: Any) -> Any:
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow import MlflowClient

        return MlflowClient(f"sqlite:///{told[0].folder}/mlflow.db")


@pytest.fixture
def runs(client: Any) -> dict[str, list[Any]]:
    """All runs by name, oldest first."""
    experiment = client.get_experiment_by_name("flowers")
    found: dict[str, list[Any]] = {}
    for run in client.search_runs([experiment.experiment_id], order_by=["start_time ASC"]):
        found.setdefault(run.info.run_name, []).append(run)
    return found


def test_a_pipeline_run_is_a_parent_and_each_executed_step_a_child(runs: Any):
    assert {name: len(found) for name, found in runs.items()} == {
        "flowers": 2,
        "download": 1,
        "describe": 1,
        "train": 1,
        "logs": 1,
    }
    assert {run.info.status for found in runs.values() for run in found} == {"FINISHED"}
    for name in ("download", "describe", "train", "logs"):
        assert runs[name][0].data.tags["mlflow.parentRunId"] == runs["flowers"][0].info.run_id


def test_a_reused_step_is_linked_to_the_run_that_made_its_outputs(runs: Any):
    first, second = (run.data.tags for run in runs["flowers"])
    assert second["artifactflow.reused.describe"] == runs["describe"][0].info.run_id
    assert first["artifactflow.step.train"] == "RUN: never run"
    assert "artifactflow.reused.train" not in first


def test_times_are_those_of_the_steps(runs: Any, told: Any):
    info = runs["describe"][0].info
    with Store.open(told[0].store) as store:
        record = store.run(runs["describe"][0].data.tags["artifactflow.run"])
    assert abs((info.end_time - info.start_time) / 1000 - record.seconds) < 0.1


def test_parameters_are_the_values_and_not_their_quoting(runs: Any):
    assert runs["describe"][0].data.params == {"title": "the iris flowers"}
    assert runs["train"][0].data.params["max_iter"] == "200"


def test_metrics_have_their_history(client: Any, runs: Any):
    run = runs["describe"][0]
    assert run.data.metrics == {"loss": 1.5, "rows": 150, "by.class.a": 50, "odd/name": 1}
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [(point.step, point.value) for point in history] == [(0, 3), (1, 2), (2, 1.5)]
    assert runs["train"][0].data.metrics["accuracy"] > 0.8


def test_datasets_have_our_digest_and_a_source_that_loads(runs: Any, told: Any, monkeypatch: pytest.MonkeyPatch):
    from artifactflow.mlflow_plugin.dataset_source import StoredDataset

    (logged,) = runs["train"][0].inputs.dataset_inputs
    with Store.open(told[0].store) as store:
        version = store.version("flowers:v1")
    assert logged.dataset.name == "flowers"
    assert logged.dataset.digest == version.digest.hexadecimal[:36]
    monkeypatch.chdir(told[0].folder)
    source = StoredDataset.from_dict(json.loads(logged.dataset.source))
    assert source.digest == str(version.digest)
    assert len(source.load()) == 150


def test_a_model_has_signature_example_and_pins_and_the_bytes_of_the_step(client: Any, runs: Any, told: Any):
    (output,) = runs["train"][0].outputs.model_outputs
    model = client.get_logged_model(output.model_id)
    folder = Path(model.artifact_location)
    text = (folder / "MLmodel").read_text()
    assert str(model.status) == "READY"
    assert model.tags["artifactflow.version"] == "flower-model:v1"
    assert '"name": "petal_width"' in text
    assert "input_example.json" in text
    pins = (folder / "requirements.txt").read_text().splitlines()
    assert all("==" in pin for pin in pins)
    assert {pin.partition("==")[0] for pin in pins} >= {"scikit-learn", "skops", "numpy", "pandas", "mlflow"}
    with Store.open(told[0].store) as store:
        (entry,) = store.tree(store.version("flower-model:v1").digest).entries
        assert (folder / "model.skops").read_bytes() == store.object_path(entry.digest).read_bytes()


@pytest.mark.torture
def test_mlflow_predicts_with_the_logged_model(client: Any, runs: Any, told: Any, monkeypatch: pytest.MonkeyPatch):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow
        import pandas

        (output,) = runs["train"][0].outputs.model_outputs
        location = client.get_logged_model(output.model_id).artifact_location
        loaded = mlflow.pyfunc.load_model(location)
        example = json.loads((Path(location) / "input_example.json").read_text())
        assert len(loaded.predict(pandas.DataFrame(example["data"], columns=example["columns"]))) == 5


def test_reports_and_logs_are_artifacts_and_tables_are_not(client: Any, runs: Any):
    run_id = runs["describe"][0].info.run_id
    found = {file.path for folder in ("report", "log") for file in client.list_artifacts(run_id, folder)}
    assert found == {"report/report.md", "log/describe.log"}
    assert {file.path for file in client.list_artifacts(run_id)} == {"report", "log", "environment"}
    folder = Path(runs["describe"][0].info.artifact_uri)
    assert (folder / "log" / "describe.log").read_text() == "described 150 rows\n"


def test_tags_say_where_everything_came_from(runs: Any):
    tags = runs["train"][0].data.tags
    assert tags["artifactflow.input.data"] == "flowers:v1"
    assert tags["artifactflow.output.model"] == "flower-model:v1"
    assert tags["mlflow.source.name"] == "artifactflow:train"
    assert tags["mlflow.project.entryPoint"] == "main"
    assert len(tags["artifactflow.environment"]) == 12


def test_a_step_that_logs_by_itself_lands_in_its_child_and_its_own_words_stay(runs: Any):
    (run,) = runs["logs"]
    assert run.data.params == {"rate": "my own words"}
    assert run.data.metrics == {"mine": 7}
    assert run.data.tags["artifactflow.input.table"] == "flowers:v1"


def test_the_registered_model_has_the_aliases_of_the_version(client: Any, runs: Any):
    (version,) = client.search_model_versions("name = 'flower'")
    assert version.run_id == runs["train"][0].info.run_id
    assert client.get_model_version_by_alias("flower", "champion").version == version.version


def test_the_command_says_how_long_the_telling_took(told: Any):
    assert "mlflow was told in " in told[1]
    assert "wandb was told in " in told[1]


def test_nothing_was_written_into_the_home(told: Any):
    assert [str(path) for path in told[0].home.rglob("*") if path.is_file()] == []
