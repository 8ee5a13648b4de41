"""The records of runs: read back as they were written, with ids that sort by time."""

import json
import re
import time
from datetime import UTC, datetime, timedelta

import pytest

from artifactflow.runs import PipelineRun, Run, RunStatus, StepOutcome, new_run_id, now

STARTED, ENDED = "2026-11-23T10:15:02.000Z", "2026-11-23T10:15:03.500Z"


def written_and_read(record):
    return json.loads(json.dumps(record.to_json()))


def test_a_run_is_read_back_from_its_record():
    run = Run(
        id="one",
        step="train[seed=1]",
        component="train",
        entry_point="fit",
        status=RunStatus.FAILED,
        pipeline="iris",
        pipeline_run_id="whole",
        parameters={"seed": 1, "limit": None},
        sources={"seed": "-P seed", "limit": "default"},
        inputs={"data": "clean:v1"},
        outputs={"model": "model:v3"},
        reason="never run",
        cache_key="ab",
        ingredients={"command": "python main.py"},
        command="python main.py 1",
        started=STARTED,
        ended=ENDED,
        seconds=1.5,
        exit_code=3,
        message="it failed",
        log="runs/one/log",
        facts={"process": "warm"},
    )
    assert Run.from_json(written_and_read(run)) == run
    assert (run.to_json()["status"], run.to_json()["pipeline_run"]) == ("failed", "whole")


def test_a_run_that_has_just_begun_is_running_and_has_no_exit_code():
    run = Run.from_json(written_and_read(Run("one", "train", "train")))
    assert (run.status, run.exit_code, run.pipeline_run_id) == (RunStatus.RUNNING, None, None)


def test_a_pipeline_run_is_read_back_with_what_became_of_each_step():
    outcomes = (
        StepOutcome("clean", "REUSE", "unchanged", "earlier", {"clean": "clean:v1"}, 0.25),
        StepOutcome("train", "STOPPED", "another step failed"),
    )
    run = PipelineRun(
        "whole", "iris", RunStatus.INTERRUPTED, {"seed": 1}, {"seed": "config.yaml:1"}, outcomes, STARTED, ENDED, 1.5,
        "stopped", {"jobs": 2},
    )  # fmt: skip
    assert PipelineRun.from_json(written_and_read(run)) == run


def test_seconds_are_recorded_to_the_millisecond():
    outcome = StepOutcome("clean", "RUN", "never run", seconds=0.12345)
    assert outcome.to_json()["seconds"] == 0.123
    assert PipelineRun("whole", "iris", seconds=2.00049).to_json()["seconds"] == 2.0


def test_an_id_sorts_by_time_and_two_of_one_second_differ():
    ids = [new_run_id() for _ in range(100)]
    assert len(set(ids)) == 100
    assert all(re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{8}", run_id) for run_id in ids)
    assert [run_id[:15] for run_id in ids] == sorted(run_id[:15] for run_id in ids)


@pytest.fixture
def in_tokyo(monkeypatch):
    """A machine whose clock shows nine hours more than UTC."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_times_and_ids_are_utc_wherever_the_machine_is(in_tokyo):
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", now())
    of_a_time = datetime.fromisoformat(now())
    of_an_id = datetime.strptime(new_run_id()[:15] + "Z", "%Y%m%d-%H%M%S%z")
    for moment in (of_a_time, of_an_id):
        assert abs(datetime.now(UTC) - moment) < timedelta(hours=1)
