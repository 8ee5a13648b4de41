import subprocess

import pytest

from artifactflow.errors import NotFoundError
from artifactflow.report.changes import baseline, changed_artifacts
from artifactflow.report.collect import find_record
from artifactflow.runs import RunStatus


def git(folder, *arguments: str) -> str:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    return subprocess.run(["git", "-C", folder, *who, *arguments], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository_of_two(tmp_path):
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--initial-branch", "main", ".")
    commits = []
    for message in ("first", "second"):
        git(folder, "commit", "--allow-empty", "-m", message)
        commits.append(git(folder, "rev-parse", "HEAD").strip())
    return folder, commits


def run(history, status: RunStatus = RunStatus.FINISHED, **facts):
    history.step("load")
    return history.end(status, facts={"source": facts} if facts else {})


def test_by_default_it_is_the_last_run_that_finished(history, tmp_path):
    first = run(history)
    run(history, RunStatus.FAILED)
    assert baseline(history.store, run(history), None, tmp_path).id == first.id


def test_a_run_may_be_named_by_the_beginning_of_its_id(history, tmp_path):
    first, _ = run(history), run(history)
    assert baseline(history.store, run(history), first.id[:-2], tmp_path).id == first.id


def test_a_revision_names_the_newest_clean_run_of_what_is_part_of_it(history, repository_of_two):
    folder, (first, second) = repository_of_two
    run(history, commit=first, dirty=False)
    wanted = run(history, commit=first, dirty=False)
    run(history, commit=first, dirty=True)
    run(history, RunStatus.FAILED, commit=first, dirty=False)
    now = run(history, commit=second, dirty=False)
    assert baseline(history.store, now, "main~1", folder).id == wanted.id
    assert baseline(history.store, now, "main", folder).id == wanted.id


def test_a_revision_at_which_nothing_ran_is_said_so(history, repository_of_two):
    folder, _ = repository_of_two
    with pytest.raises(NotFoundError, match="no run of demo at main has finished"):
        baseline(history.store, run(history), "main", folder)


@pytest.mark.parametrize("wrong", ["nope", "--all", ""])
def test_what_is_neither_is_said_so(history, repository_of_two, wrong: str):
    with pytest.raises(NotFoundError, match="neither a pipeline's run nor a git revision"):
        baseline(history.store, run(history), wrong, repository_of_two[0])


def test_outputs_with_other_versions_are_the_changes(demo):
    now, before = find_record(demo.store), demo.store.pipeline_runs()[-1]
    changes = changed_artifacts(demo.store, before, now)
    assert [(one.step, one.before.ref, one.now.ref) for one in changes] == [
        (f"train[depth={depth}]", f"scores:v{depth}", f"scores:v{depth + 3}") for depth in (1, 2, 3)
    ]


def test_an_output_of_a_new_step_counts_and_one_of_a_step_that_did_not_run_does_not(history):
    history.step("old", outputs={"data": {"name": "old", "content": b"1"}})
    history.step("failing", outputs={"data": {"name": "failing", "content": b"1"}})
    before = history.end()
    history.step("failing", decision="FAILED")
    history.step("new", outputs={"data": {"name": "new", "content": b"2"}})
    (change,) = changed_artifacts(history.store, before, history.end())
    assert (change.step, change.key, change.before, change.now.ref) == ("new", "data", None, "new:v1")
