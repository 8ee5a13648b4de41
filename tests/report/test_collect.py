import pytest

from artifactflow.errors import NotFoundError
from artifactflow.report.collect import MOST_USES, collect, find_record
from artifactflow.runs import RunStatus


def upstream(history, name: str | None = None) -> dict[str, tuple[str, ...]]:
    report = collect(history.store, find_record(history.store, name))
    return {step.outcome.step: step.upstream for step in report.steps}


def test_without_a_name_it_is_the_newest_run(demo):
    assert find_record(demo.store) == demo.store.pipeline_runs(1)[0]


def test_a_run_is_found_by_the_beginning_of_its_id(demo):
    older = demo.store.pipeline_runs()[-1]
    assert find_record(demo.store, older.id[:-3]) == older


def test_the_run_of_a_step_is_a_report_of_one_step(demo):
    run = next(run for run in demo.store.runs() if run.step == "publish")
    record = find_record(demo.store, run.id)
    assert (record.id, record.status, [one.step for one in record.steps]) == (run.id, RunStatus.FAILED, ["publish"])
    (step,) = collect(demo.store, record).steps
    assert step.executed
    assert step.log.last == "403 Forbidden"


def test_a_run_that_does_not_exist_is_said_so(demo):
    with pytest.raises(NotFoundError, match="there is no pipeline run 'nope'") as caught:
        find_record(demo.store, "nope")
    assert "runs ls" in caught.value.hint


def test_a_store_without_runs_says_how_to_make_one(history):
    with pytest.raises(NotFoundError, match="nothing was run") as caught:
        find_record(history.store)
    assert "run-pipeline" in caught.value.hint


def test_a_run_whose_process_was_killed_shows_the_steps_that_it_had_finished(history):
    history.step("load")
    history.step("train", decision="FAILED")
    history.end(RunStatus.INTERRUPTED, steps=False, message="its process is gone")
    assert [(one.step, one.decision) for one in find_record(history.store).steps] == [
        ("load", "RUN"),
        ("train", "FAILED"),
    ]


def test_edges_follow_the_versions_that_were_taken(demo):
    found = upstream(demo)
    assert found["load"] == ()
    assert found["train[depth=2]"] == ("load",)
    assert found["plot"] == tuple(f"train[depth={depth}]" for depth in (1, 2, 3))


def test_a_step_that_never_ran_follows_the_one_that_its_reason_names(demo):
    assert upstream(demo)["announce"] == ("publish",)


def test_a_step_that_could_not_run_now_follows_what_its_last_run_took(history):
    loaded = history.step("load", outputs={"data": {"name": "raw", "content": b"1"}})
    trained = history.step("train", inputs=loaded, outputs={"model": {"name": "model", "content": b"2"}})
    history.step("score", inputs={**trained, **loaded})
    history.end()
    history.step("load", outputs={"data": {"name": "raw", "content": b"changed"}})
    history.step("train", decision="FAILED")
    history.outcome("score", "BLOCKED", "needs train")
    history.end(RunStatus.FAILED)
    assert set(upstream(history)["score"]) == {"load", "train"}


def test_edges_are_those_of_the_recorded_shape_where_there_is_one(history):
    history.step("load")
    history.step("test")
    history.end(facts={"graph": {"load": [], "test": ["load"]}})
    assert upstream(history) == {"load": (), "test": ("load",)}


def test_a_step_that_another_called_follows_what_it_took_and_else_the_one_that_called_it(history):
    history.step("root")
    made = history.step("root/load", outputs={"data": {"name": "raw", "content": b"1"}})
    history.step("root/train", inputs=made)
    history.end(facts={"graph": {"root": [], "root/load": ["root"], "root/train": ["root"]}})
    assert upstream(history) == {"root": (), "root/load": ("root",), "root/train": ("root/load",)}


def test_a_killed_run_shows_the_steps_that_it_did_not_begin(history):
    history.step("load")
    history.end(RunStatus.INTERRUPTED, steps=False, facts={"graph": {"load": [], "train": ["load"]}})
    assert [(one.step, one.decision) for one in find_record(history.store).steps] == [
        ("load", "RUN"),
        ("train", "STOPPED"),
    ]
    assert upstream(history)["train"] == ("load",)


def test_a_reused_step_shows_the_run_that_made_its_outputs(history):
    made = history.step(
        "load", outputs={"data": {"name": "raw", "content": b"1"}}, parameters={"n": 1}, log=b"loaded\n"
    )
    record = history.end()
    history.outcome("load", "REUSE", "unchanged", run_id=record.steps[0].run_id, outputs=made, seconds=0.01)
    history.end()
    (step,) = collect(history.store, find_record(history.store)).steps
    assert not step.executed
    assert (step.run.parameters, step.log.last, step.seconds) == ({"n": 1}, "loaded", 0.01)


def test_metrics_are_compared_with_the_last_run_that_finished(demo):
    report = collect(demo.store, find_record(demo.store))
    first = report.metrics[0]
    assert report.previous == demo.store.pipeline_runs()[-1]
    assert (first.step, first.name, first.before, first.now) == ("train[depth=1]", "rmse", 1.0, 0.9)


def test_neither_a_failed_run_nor_one_of_another_pipeline_is_compared_with(history):
    history.step("train")
    history.end(RunStatus.FAILED)
    history.step("train")
    history.end(pipeline="another")
    history.step("train")
    history.end()
    assert collect(history.store, find_record(history.store)).previous is None


def test_an_artifact_shows_what_it_was_made_from_and_who_used_it(demo):
    report = collect(demo.store, find_record(demo.store))
    by_ref = {one.version.ref: one for one in report.artifacts}
    scores = by_ref[report.record.steps[1].outputs["metrics"]]
    assert scores.parents == ("raw:v1",)
    assert (scores.step, scores.made_here, scores.aliases) == ("train[depth=1]", True, ())
    assert {use.step for use in scores.uses} == {"plot", "publish"}
    assert "latest" in by_ref["raw:v1"].aliases


def test_what_a_person_put_in_is_shown_as_taken_from_elsewhere(history):
    ref = history.put("reference", b"1")
    history.step("check", inputs={"against": ref, "file": "sha256:" + "0" * 64})
    history.end()
    (artifact,) = collect(history.store, find_record(history.store)).artifacts
    assert (artifact.version.ref, artifact.step, artifact.made_here) == (ref, "", False)


def test_of_many_uses_the_newest_are_listed(history):
    ref = history.put("raw", b"1")
    for number in range(MOST_USES + 3):
        history.step(f"use{number}", inputs={"data": ref})
    history.end()
    (artifact,) = collect(history.store, find_record(history.store)).artifacts
    assert len(artifact.uses) == MOST_USES
    assert artifact.uses[0].step == f"use{MOST_USES + 2}"
    assert artifact.more_uses == 3


def test_what_the_store_no_longer_has_is_left_out(history):
    history.outcome("load", "REUSE", "unchanged", run_id="gone", outputs={"data": "gone:v1"})
    history.end()
    report = collect(history.store, find_record(history.store))
    assert report.artifacts == ()
    assert report.steps[0].run is None


def test_the_commit_is_that_of_the_run(demo):
    assert collect(demo.store, find_record(demo.store)).source == {"commit": "0123456789abcdef", "dirty": True}
