"""Steps that finish together share a commit, and a step that cannot be committed does not harm the others."""

import errno
import os
import threading
import time

import pytest

from artifactflow.errors import ContractError, OutsideError, StepFailedError
from artifactflow.pipeline import EnvironmentMode
from artifactflow.runner import Options
from artifactflow.runner.environment_modes import AskedMode, EnvironmentModes
from artifactflow.runner.environments import EnvironmentExecutor, Environments
from artifactflow.runner.execution.step_execution import StepExecution
from artifactflow.runner.locks import RunLocks
from artifactflow.runner.means import Means
from artifactflow.runner.nested.calls import NestedCalls
from artifactflow.runner.pipeline_execution import PipelineExecution
from artifactflow.runner.planning.planner import Planner
from artifactflow.runs import RunStatus
from artifactflow.store import Store
from artifactflow.store.journal import Journal
from artifactflow.store.logs import log_place

MANY = "steps: {make: {component: make, matrix: {count: [1, 2, 3, 4, 5, 6, 7, 8, 9]}}}"


def journal_lines(project) -> int:
    return len((project.folder / ".artifactflow" / "journal" / "000001.log").read_text().splitlines())


def test_cells_are_numbered_in_matrix_order_whatever_their_groups(project):
    project.pipeline(MANY)
    record = project.run(Options(jobs=4))
    assert [outcome.outputs["made"] for outcome in record.steps] == [f"made:v{number}" for number in range(1, 10)]
    again = project.run(Options(jobs=4))
    assert {outcome.decision for outcome in again.steps} == {"REUSE"}
    assert project.store.version("made").number == 9


def test_reusing_all_cells_of_a_matrix_writes_nothing_of_them(project):
    project.pipeline(MANY)
    project.run()
    before = journal_lines(project)
    project.run()
    assert journal_lines(project) == before + 2  # that the pipeline run began, and how it ended


def test_each_step_keeps_its_own_log(project):
    project.component("shy", SHY, main=SHY_MAIN)
    project.pipeline("steps: {shy: {component: shy, matrix: {number: [1, 2, 3, 4, 5, 6]}}}")
    project.run(Options(jobs=2))
    logs = {
        run.parameters["number"]: log_place(project.store.root, run.log).read().decode() for run in project.store.runs()
    }
    assert logs == {number: f"number {number}\n" if number % 2 else "" for number in range(1, 7)}


def test_the_log_of_a_failed_step_is_a_file_with_nothing_of_others(project):
    project.component("shy", SHY, main=SHY_MAIN)
    project.pipeline("steps: {shy: {component: shy, matrix: {number: [1, 3, 5, 99]}}}")
    with pytest.raises(StepFailedError) as caught:
        project.run(Options(jobs=1))
    assert "number 99" in caught.value.message
    assert "number 5" not in caught.value.message
    (failed,) = [run for run in project.store.runs() if run.status is RunStatus.FAILED]
    assert (project.store.root / failed.log).read_text().splitlines()[0] == "number 99"


SHY = """
    name: shy
    entry_points:
      main:
        parameters: {number: {type: int}}
        command: python main.py {number}
"""
SHY_MAIN = """
    import sys
    if int(sys.argv[1]) % 2:
        print("number", sys.argv[1])
    sys.exit(sys.argv[1] == "99")
"""


class Refusing:
    """A companion that cannot make out what one cell has done."""

    def environment(self, run, bound, folder, stop):
        return {}

    def left(self, run, bound):
        pass

    def ended(self, run, bound):
        if run.status is RunStatus.FINISHED and bound.parameters["count"] == 5:
            raise ContractError("nobody understands this")
        return run


def run_with(project, companions, **options):
    bound = project.bound()
    store = project.store
    environments = Environments(EnvironmentModes(everywhere=AskedMode(EnvironmentMode.CURRENT)), store.root)
    executor = EnvironmentExecutor(environments, cold=True)
    with RunLocks(store.root / "locks") as locks:
        means = Means(
            store,
            locks,
            project.notes,
            planner=Planner(store, bound.pipeline.name, environments=environments),
            choose_executor=executor.of,
            nested=NestedCalls(store, bound, project.notes.warned),
            companions=companions,
        )
        return PipelineExecution(bound, Options(**options), means).run()


def test_a_step_that_cannot_be_registered_fails_alone(project):
    project.pipeline(MANY)
    with pytest.raises(ContractError, match="nobody understands"):
        run_with(project, [Refusing()], jobs=3, keep_going=True)
    decisions = [outcome.decision for outcome in project.store.pipeline_runs(1)[0].steps]
    assert decisions == ["RUN"] * 4 + ["FAILED"] + ["RUN"] * 4
    assert len(project.store.versions()) == 8


class Noting:
    """A companion that fails where it is told to."""

    def __init__(self, name, calls, fails_in=""):
        self.name, self.calls, self.fails_in = name, calls, fails_in

    def environment(self, run, bound, folder, stop):
        return self.note("environment", {})

    def left(self, run, bound):
        self.note("left", None)

    def ended(self, run, bound):
        return run

    def note(self, what, answer):
        self.calls.append(f"{self.name} {what}")
        if what == self.fails_in:
            raise ContractError(f"{self.name} fails in {what}")
        return answer


def test_every_companion_is_told_that_a_step_was_left_that_never_started(project):
    calls = []
    with pytest.raises(ContractError, match="two fails in environment"):
        run_with(project, [Noting("one", calls), Noting("two", calls, "environment")])
    assert calls == ["one environment", "two environment", "one left", "two left"]


def test_a_companion_that_fails_does_not_keep_the_others_from_being_told(project):
    calls = []
    with pytest.raises(ContractError, match="one fails in left"):
        run_with(project, [Noting("one", calls, "left"), Noting("two", calls)])
    assert calls == ["one environment", "two environment", "one left", "two left"]


def test_a_step_is_told_to_have_ended_when_it_is_stored_and_not_before(project):
    project.pipeline(MANY)
    store = project.store
    seen = []

    def look(outcome):
        seen.append(store.run(outcome.run_id).status)

    project.notes.step_ended = look
    project.run(Options(jobs=4))
    assert seen == [RunStatus.FINISHED] * 9


def test_the_record_of_a_run_says_how_it_went_and_with_what(project):
    project.run()
    run = next(run for run in project.store.runs() if run.step == "make")
    assert run.command == "python main.py --word={word} --count={count} --made={made}"
    assert run.sources.keys() == run.parameters.keys()
    assert (run.exit_code, run.outputs) == (0, {"made": "made:v1"})
    assert run.started <= run.ended
    assert run.facts["lock"].startswith("sha256:")
    assert run.facts["peak_memory"] > 0
    assert run.facts["cpu_seconds"] >= 0


def collect_at_once(store):
    """A garbage collector without grace, in a process of its own as it were."""
    with Store.open(store.root) as other, RunLocks(store.root / "locks"):
        return other.collect(grace=0.0, is_running=lambda _: True)


def test_a_collector_that_comes_while_a_group_is_committed_takes_nothing_of_it(project, monkeypatch):
    place = Store.place
    collecting = []

    def place_and_let_it_come(self, staged):
        place(self, staged)
        collecting.append(threading.Thread(target=collect_at_once, args=(self,)))
        collecting[-1].start()
        time.sleep(0.2)

    monkeypatch.setattr(Store, "place", place_and_let_it_come)
    record = project.run()
    for thread in collecting:
        thread.join()
    assert [outcome.decision for outcome in record.steps] == ["RUN", "RUN"]
    assert project.store.verify().faults == []


def test_many_failures_share_a_commit_and_each_is_recorded(project):
    (project.folder / "make" / "main.py").write_text("raise SystemExit(3)")
    project.pipeline("steps: {make: {component: make, matrix: {count: [1, 2, 3, 4, 5, 6, 7, 8, 9]}}}")
    with pytest.raises(StepFailedError, match="9 steps failed"):
        project.run(Options(jobs=9, keep_going=True))
    assert [run.status for run in project.store.runs()] == [RunStatus.FAILED] * 9
    assert journal_lines(project) < 3 + 9


def test_a_failure_that_cannot_be_recorded_is_told_all_the_same(project, monkeypatch):
    def refuse(self, transaction, error):
        raise ContractError("nobody can write this down")

    monkeypatch.setattr(StepExecution, "record_failure", refuse)
    (project.folder / "make" / "main.py").write_text("raise SystemExit(3)")
    assert "failed with exit code 3" in project.fails().message


def test_an_error_of_the_disk_ends_the_run_in_words_and_the_next_run_goes_on(project, monkeypatch):
    append = Journal.append_text

    def full(self, position, text):
        if '"run":' in text:
            raise OutsideError("cannot write the journal: No space left on device")
        return append(self, position, text)

    monkeypatch.setattr(Journal, "append_text", full)
    assert "No space left" in project.fails().message
    monkeypatch.undo()
    assert project.decisions() == {"make": "RUN", "shout": "RUN"}


def test_a_failed_placement_fails_the_steps_of_the_group_and_registers_none(project, monkeypatch):
    def full(batches):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("artifactflow.store.store.place", full)
    error = project.fails()
    assert isinstance(error, OutsideError)
    assert "No space left" in error.message
    assert [run.status for run in project.store.runs()] == [RunStatus.FAILED]
    assert project.store.versions() == []


def test_a_step_that_cannot_be_prepared_fails_alone(project):
    manifest = project.folder / "shout" / "MLproject"
    text = manifest.read_text().replace("path: loud.txt", "path: /loud.txt").replace(" {loud}", "")
    manifest.write_text(text.replace("          loud: {type: str, default: loud.txt}\n", ""))
    error = project.fails()
    assert isinstance(error, ContractError)
    assert [(run.step, run.status) for run in project.store.runs()] == [
        ("shout", RunStatus.FAILED),
        ("make", RunStatus.FINISHED),
    ]


def test_a_step_that_takes_its_own_folder_apart_has_ended_well(project):
    (project.folder / "make" / "main.py").write_text(
        "import os, pathlib, shutil, sys\n"
        "made = pathlib.Path(sys.argv[3].partition('=')[2])\n"
        "made.write_text('made')\n"
        "run = made.parents[2]\n"
        "made.rename(run / 'kept'); shutil.rmtree(run / 'outputs'); made.parent.mkdir(parents=True)\n"
        "(run / 'kept').rename(made); (run / 'log').unlink(missing_ok=True)\n"
    )
    assert project.decisions() == {"make": "RUN", "shout": "RUN"}
    (project.folder / "make" / "main.py").write_text(
        "import pathlib, shutil, sys\n"
        "shutil.rmtree(pathlib.Path(sys.argv[3].partition('=')[2]).parents[2], ignore_errors=True); raise SystemExit(3)"
    )
    assert "failed with exit code 3" in project.fails().message


def test_a_collector_without_grace_leaves_a_run_alone_that_is_under_way(project):
    project.pipeline(MANY)
    store = project.store
    found = []
    project.notes.step_ended = lambda outcome: found.append(
        store.collect(grace=0.0, is_running=lambda run_id: (store.root / "runs" / run_id / "running.jsonl").exists())
    )
    project.run(Options(jobs=1))
    assert len(found) == 9
    assert [freed.leftovers for freed in found] == [[]] * 9
    assert [freed.objects for freed in found] == [0] * 9
