import json

import pytest

from artifactflow.report.metrics import LARGEST_FILE, MetricChange, compared, direction_of, measured, metrics_of
from artifactflow.runs import PipelineRun, StepOutcome


@pytest.mark.parametrize(
    ("name", "before", "now", "verdict"),
    [
        ("accuracy", 0.8, 0.9, "better"),
        ("accuracy", 0.9, 0.8, "worse"),
        ("test.rmse", 2.0, 1.0, "better"),
        ("val_loss", 1.0, 2.0, "worse"),
        ("rows", 10, 12, "changed"),
        ("accuracy", 0.9, 0.9, "same"),
        ("accuracy", None, 0.9, "new"),
        ("accuracy", 0.9, None, "gone"),
    ],
)
def test_the_name_of_a_metric_tells_whether_a_change_is_good(name: str, before: float, now: float, verdict: str):
    assert MetricChange("train", name, before, now).verdict.value == verdict


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("R2", 1),
        ("f1_macro", 1),
        ("mean_absolute_error", -1),
        ("neg_log_loss", 1),
        ("lossless", 0),
        ("accuracy_loss", -1),
    ],
)
def test_only_whole_words_tell_a_direction(name: str, direction: int):
    assert direction_of(name) == direction


def test_a_change_is_told_as_a_share_of_what_was():
    assert MetricChange("train", "rmse", before=-2.0, now=-1.0).share == 0.5
    assert MetricChange("train", "rmse", before=0.0, now=1.0).share is None


def test_metrics_are_read_from_the_json_of_a_version(history):
    ref = history.put("scores", json.dumps({"rmse": 1, "by": {"north": 2}}).encode(), file="m.json", kind="metrics")
    assert metrics_of(history.store, history.store.version(ref)) == {"rmse": 1.0, "by.north": 2.0}


def test_a_version_of_another_type_has_no_metrics(history):
    ref = history.put("config", b'{"depth": 3}', file="config.json", kind="config")
    assert metrics_of(history.store, history.store.version(ref)) == {}


@pytest.mark.parametrize("content", [b"not json", b"[" * 100_000, b'"' + b"x" * LARGEST_FILE + b'"'])
def test_what_cannot_be_read_as_metrics_leaves_those_of_the_metadata(history, content: bytes):
    ref = history.put("scores", content, file="m.json", kind="test-metrics", metadata={"rmse": 3, "model": "forest"})
    assert metrics_of(history.store, history.store.version(ref)) == {"rmse": 3.0}


def test_a_version_that_is_gone_has_no_metrics(history):
    record = PipelineRun("x", "demo", steps=(StepOutcome("train", "RUN", "", None, {"metrics": "gone:v1"}),))
    assert measured(history.store, record) == {}


def test_a_metric_that_is_gone_counts_only_for_a_step_that_is_still_there():
    before = {("train", "mae"): 1.0, ("old", "mae"): 2.0}
    found = compared({("train", "rmse"): 3.0}, before, steps=["train"])
    assert [(one.step, one.name, one.verdict.value) for one in found] == [
        ("train", "rmse", "new"),
        ("train", "mae", "gone"),
    ]
