"""Who follows a log sees what its step prints, all of it and nothing else, wherever the log is kept in the end."""

import shutil

import pytest

from artifactflow.runner import follow_log
from artifactflow.runner.execution.space import RunSpace
from artifactflow.runs import Run, RunStatus
from artifactflow.store import Store


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / ".artifactflow") as opened:
        yield opened


def test_a_log_that_is_kept_without_what_earlier_steps_wrote_is_shown_once(store):
    space = RunSpace(store, "pipeline")
    run = Run(id="step", step="train", component="train", pipeline_run_id="pipeline", log="runs/step/log")
    space.begin(run, ())
    log = store.run_folder("step") / "log"
    log.write_text("of an earlier step\nmine 1\n")
    at_work = Run.from_json({**run.to_json(), "log": f"runs/step/log:{len('of an earlier step') + 1}:"})
    following = follow_log(store, at_work)
    shown = [next(following)]
    log.with_name("log.new").write_text("mine 1\n" + "mine 2\n" * 9)
    log.with_name("log.new").replace(log)
    with store.transaction() as transaction:
        transaction.record_run(Run.from_json({**run.to_json(), "status": RunStatus.FINISHED.value}))
    # Whoever follows looks again before the step is told to have ended.
    assert next_or_end(following, space) == "mine 2\n" * 9
    assert shown == ["mine 1\n"]
    space.close()


def next_or_end(following, space):
    import threading

    threading.Timer(0.5, lambda: space.ended("step")).start()
    return "".join(following)


def test_a_folder_that_another_step_has_now_shows_nothing(store):
    space = RunSpace(store, "pipeline")
    run = Run(id="step", step="train", component="train", pipeline_run_id="pipeline", log="runs/step/log")
    space.begin(run, ())
    (store.run_folder("step") / "log").write_text("mine\n")
    following = follow_log(store, run)
    assert next(following) == "mine\n"
    shutil.move(store.run_folder("step"), store.run_folder("other"))
    (store.run_folder("other") / "log").write_text("mine\ntheirs\n")
    with store.transaction() as transaction:
        transaction.record_run(Run.from_json({**run.to_json(), "log": "runs/other/log:0:5"}))
    space.ended("step")
    assert "".join(following) == ""
    space.close()
