"""What was told is remembered through a crash, and how far the telling had come."""

from pathlib import Path

import pytest

from artifactflow.runs import PipelineRun, Run, RunStatus, StepOutcome
from artifactflow.store import Store
from artifactflow.tracking.feed import MOST_FAILURES, Feed
from artifactflow.tracking.ledger import Kind, Ledger, State
from artifactflow.tracking.questions import Questions

TRACKED = {"tracking": {"mlflow": {}}}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.db")


def feed_of(folder: Path, ledger: Ledger, *records: PipelineRun) -> Feed:
    store = Store.open(folder / "store")
    with store.transaction() as transaction:
        for record in records:
            transaction.record_pipeline_run(record)
    return Feed(store, "mlflow", ledger)


def record(number: int, **changes: object) -> PipelineRun:
    known = {"status": RunStatus.FINISHED, "started": f"2026-01-01T{number:02}:00:00.000Z", "facts": TRACKED}
    return PipelineRun(f"run-{number}", "iris", **{**known, **changes})  # type: ignore[arg-type]


def test_a_record_that_was_opening_is_begun_again_by_the_next_process(tmp_path: Path, ledger: Ledger):
    assert not ledger.opening(Kind.STEP, "s", "p")
    ledger.close()
    after_crash = Ledger(tmp_path / "ledger.db")
    assert after_crash.opening(Kind.STEP, "s", "p"), "the other side may know of it"
    entry = after_crash.entry(Kind.STEP, "s")
    assert entry is not None
    assert entry.state is State.OPENING


def test_steps_that_were_begun_and_never_told_are_known(ledger: Ledger):
    for name in ("a", "b"):
        ledger.opening(Kind.STEP, name, "p")
        ledger.opened(Kind.STEP, name, f"tracked-{name}")
    ledger.told(Kind.STEP, "b", "tracked-b")
    assert [entry.tracked for entry in ledger.open_steps("p")] == ["tracked-a"]


def test_runs_are_told_oldest_first_and_only_where_the_tracker_was_chosen(tmp_path: Path, ledger: Ledger):
    feed = feed_of(tmp_path, ledger, record(3), record(1), record(2, facts={}))
    assert [run.id for run in feed.untold()] == ["run-1", "run-3"]


def test_what_is_told_is_not_looked_at_again_and_what_comes_later_is(tmp_path: Path, ledger: Ledger):
    feed = feed_of(tmp_path, ledger, *(record(number) for number in range(1, 5)))
    for run in feed.untold():
        ledger.opening(Kind.PIPELINE, run.id, run.id)
        ledger.told(Kind.PIPELINE, run.id, "x")
    feed.settle()
    assert ledger.told_before == "2026-01-01T03:50:00+00:00"
    assert [run.id for run in feed_of(tmp_path, ledger, record(5)).untold()] == ["run-5"]


def test_a_run_that_still_runs_keeps_its_place(tmp_path: Path, ledger: Ledger):
    feed = feed_of(tmp_path, ledger, record(1, status=RunStatus.RUNNING), record(2))
    ledger.opening(Kind.PIPELINE, "run-2", "run-2")
    ledger.told(Kind.PIPELINE, "run-2", "x")
    feed.settle()
    assert [run.id for run in feed.untold()] == ["run-1"]


def test_a_run_that_fails_every_time_is_left_alone_until_it_is_forgiven(tmp_path: Path, ledger: Ledger):
    feed = feed_of(tmp_path, ledger, record(1), record(2))
    ledger.opening(Kind.PIPELINE, "run-1", "run-1")
    for _ in range(MOST_FAILURES):
        ledger.failed(Kind.PIPELINE, "run-1")
    assert [run.id for run in feed.untold()] == ["run-2"]
    ledger.forgive()
    assert [run.id for run in feed.untold()] == ["run-1", "run-2"]


def test_of_a_killed_run_the_steps_that_had_ended_are_told(tmp_path: Path, ledger: Ledger):
    killed = record(1, status=RunStatus.INTERRUPTED)
    feed = feed_of(tmp_path, ledger, killed)
    ended = Run("s1", "make", "make", status=RunStatus.FINISHED, pipeline_run_id="run-1", started=killed.started)
    with feed.store.transaction() as transaction:
        transaction.record_run(ended)
    assert [run.id for run in feed.untold_steps(killed)] == ["s1"]


def test_a_reused_step_is_no_step_to_tell_but_a_link(tmp_path: Path, ledger: Ledger):
    outcome = StepOutcome("make", "REUSE", "nothing changed", "s0")
    feed = feed_of(tmp_path, ledger, reused := record(1, steps=(outcome,)))
    ledger.opening(Kind.STEP, "s0", "run-0")
    ledger.told(Kind.STEP, "s0", "tracked-0")
    assert list(feed.untold_steps(reused)) == []
    assert feed.pipeline(reused).links == {"make": "tracked-0"}


def test_a_question_is_answered_once_and_a_refusal_ends_the_waiting(tmp_path: Path):
    questions = Questions(tmp_path)
    asked, refused = (Run(name, "fit", "fit") for name in ("r1", "r2"))
    questions.ask(asked)
    questions.ask(refused)
    assert [run.id for run in questions.open()] == ["r1", "r2"]
    questions.answer("r1", {"MLFLOW_RUN_ID": "x"})
    questions.answer("r2", None)
    assert questions.open() == []
    assert questions.wait(asked, 5, lambda: True) == {"MLFLOW_RUN_ID": "x"}
    assert questions.wait(refused, 5, lambda: True) is None


def test_nobody_waits_for_a_tracker_that_is_dead(tmp_path: Path):
    questions = Questions(tmp_path)
    assert questions.wait(Run("r", "fit", "fit"), 1000, lambda: False) is None
