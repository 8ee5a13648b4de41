"""What stands in W&B's offline runs after a run, read back from their files."""

import json
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from artifactflow.store import Store

BLOCK = 32 * 1024
FIRST_AND_ONLY, LAST = 1, 4


def records(file: Path) -> Iterator[Any]:
    """The records of a `.wandb` file: a LevelDB log after a header of seven bytes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from wandb.proto.wandb_internal_pb2 import Record

    content, position, parts = file.read_bytes(), 7, b""
    while position + 7 <= len(content):
        left = BLOCK - position % BLOCK
        if left < 7:
            position += left
            continue
        _, length, kind = struct.unpack("<IHB", content[position : position + 7])
        parts += content[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (FIRST_AND_ONLY, LAST):
            record = Record()
            record.ParseFromString(parts)
            parts = b""
            yield record


def offline_runs(store: Path) -> dict[str, list[Any]]:
    """The records of each offline run, by the name that the run has."""
    found = {}
    for file in sorted((store / "wandb").glob("offline-run-*/*.wandb")):
        of_run = list(records(file))
        (run,) = (record.run for record in of_run if record.WhichOneof("record_type") == "run")
        found[run.display_name] = of_run
    return found


@pytest.fixture(scope="module")
def runs(told: Any) -> dict[str, list[Any]]:
    return offline_runs(told[0].store)


def of_kind(found: list[Any], kind: str) -> list[Any]:
    return [getattr(record, kind) for record in found if record.WhichOneof("record_type") == kind]


def artifacts(found: list[Any]) -> dict[tuple[str, bool], Any]:
    """By name, and whether the run used them."""
    return {(artifact.name, artifact.use_after_commit): artifact for artifact in of_kind(found, "artifact")}


def test_each_executed_step_is_a_run_grouped_by_the_run_of_the_pipeline(runs: Any, told: Any):
    assert set(runs) == {"download", "describe", "train", "logs"}
    with Store.open(told[0].store) as store:
        (first,) = [record for record in store.pipeline_runs() if "wandb" in record.facts["tracking"]]
    for name, found in runs.items():
        (run,) = of_kind(found, "run")
        assert (run.run_group, run.project, run.job_type) == (first.id, "flowers", name)


def test_the_config_has_the_parameters_and_where_they_came_from(runs: Any):
    (run,) = of_kind(runs["train"], "run")
    config = {update.key: json.loads(update.value_json) for update in run.config.update}
    assert config["max_iter"] == 200
    assert config["target"] == "species"
    assert config["artifactflow"]["inputs"] == {"data": "flowers:v1"}
    assert config["artifactflow"]["status"] == "finished"


def test_metrics_have_their_history_and_a_summary(runs: Any):
    rows = []
    for history in of_kind(runs["describe"], "history"):
        rows.append({item.nested_key[-1] or item.key: json.loads(item.value_json) for item in history.item})
    assert [row["loss"] for row in rows if "loss" in row] == [3, 2, 1.5]
    summary = {
        update.key or update.nested_key[-1]: json.loads(update.value_json)
        for record in of_kind(runs["describe"], "summary")
        for update in record.update
    }
    assert (summary["loss"], summary["rows"]) == (1.5, 150)


def test_artifacts_have_lineage_names_types_aliases_and_where_they_are_stored(runs: Any, told: Any):
    found = artifacts(runs["train"])
    assert set(found) == {("flowers", True), ("flower-model", False), ("flower-model-metrics", False)}
    used, logged = found["flowers", True], found["flower-model", False]
    assert (used.type, used.description) == ("clean_data", "Flowers with names")
    assert (logged.type, list(logged.aliases)) == ("model", ["latest"])
    about = json.loads(logged.metadata)
    assert about["artifactflow"]["version"] == "flower-model:v1"
    assert about["estimator"] == "logistic-regression"
    # What one run logged is what the other used: W&B tells artifacts apart by this digest.
    assert artifacts(runs["describe"])["flowers", False].digest == used.digest


def test_no_byte_is_stored_twice(runs: Any, told: Any):
    for found in runs.values():
        (run,) = of_kind(found, "run")
        (folder,) = (told[0].store / "wandb").glob(f"offline-run-*-{run.run_id}")
        for artifact in of_kind(found, "artifact"):
            for entry in artifact.manifest.contents:
                assert Path(entry.local_path).parent == folder / "kept"
                assert entry.skip_cache
    assert not (told[0].store / "wandb" / "data").exists()


def test_every_run_has_ended_well(runs: Any):
    assert [of_kind(found, "exit")[0].exit_code for found in runs.values()] == [0, 0, 0, 0]
