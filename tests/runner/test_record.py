"""The record of a pipeline run says what the pipeline is like, however the run ends."""

import pytest

from artifactflow.errors import StepFailedError
from artifactflow.runner import Options, record
from artifactflow.runs import PipelineRun, RunStatus

AFTER = """
    steps:
      make:  {component: make, matrix: {count: [1, 2]}}
      shout: {component: shout, with: {text: words.txt}, after: [make]}
"""


def last(project) -> PipelineRun:
    return project.store.pipeline_runs(1)[0]


def test_the_shape_of_the_pipeline_is_recorded_with_what_a_step_comes_after(project):
    (project.folder / "words.txt").write_text("words")
    project.pipeline(AFTER)
    project.run()
    cells = ["make[count=1]", "make[count=2]"]
    assert last(project).facts["graph"] == {cells[0]: [], cells[1]: [], "shout": cells}


def test_it_is_recorded_when_the_run_begins(project):
    seen = []
    project.notes.step_started = lambda step, reason: seen.append(last(project))
    project.run()
    assert seen[0].status is RunStatus.RUNNING
    assert seen[0].facts["graph"] == {"make": [], "shout": ["make"]}


@pytest.mark.parametrize("bound", ["LARGEST_GRAPH", "MOST_EDGES"])
def test_the_shape_of_a_huge_pipeline_is_left_out(project, monkeypatch, bound):
    monkeypatch.setattr(record, bound, 0)
    project.run()
    assert "graph" not in last(project).facts


def test_a_step_that_was_not_begun_is_recorded_as_stopped(project):
    project.component("fail", "name: fail\nentry_points: {main: {command: python main.py}}", main="raise SystemExit(3)")
    project.pipeline("steps: {a: {component: fail}, b: {component: make}, c: {component: fail}}")
    with pytest.raises(StepFailedError):
        project.run(Options(jobs=1))
    assert [(outcome.step, outcome.decision, outcome.run_id is None) for outcome in last(project).steps] == [
        ("a", "FAILED", False),
        ("b", "STOPPED", True),
        ("c", "STOPPED", True),
    ]
