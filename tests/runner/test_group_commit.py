"""Steps that finish together share a commit, and a step that cannot be committed does not harm the others."""

import pytest

from artifactflow.errors import ContractError, StepFailedError
from artifactflow.runner import Options
from artifactflow.runner.environments import EnvironmentExecutor, Environments
from artifactflow.runner.locks import RunLocks
from artifactflow.runner.pipeline_execution import PipelineExecution
from artifactflow.runner.planner import Planner
from artifactflow.runs import RunStatus
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

    def environment(self, run, bound, folder):
        return {}

    def left(self, run, bound):
        pass

    def ended(self, run, bound):
        if run.status is RunStatus.FINISHED and bound.parameters["count"] == 5:
            raise ContractError("nobody understands this")
        return run


def test_a_step_that_cannot_be_registered_fails_alone(project):
    project.pipeline(MANY)
    bound = project.bound()
    store = project.store
    options = Options(jobs=3, keep_going=True)
    environments = Environments("current", store.root)
    executor = EnvironmentExecutor(environments, cold=True)
    with RunLocks(store.root / "locks") as locks, pytest.raises(ContractError, match="nobody understands"):
        PipelineExecution(
            bound,
            store,
            locks,
            options,
            {"make"},
            project.notes,
            planner=Planner(store, bound.pipeline.name, environments=environments),
            choose_executor=lambda _: executor,
            companions=[Refusing()],
        ).run()
    decisions = [outcome.decision for outcome in store.pipeline_runs(1)[0].steps]
    assert decisions == ["RUN"] * 4 + ["FAILED"] + ["RUN"] * 4
    assert len(store.versions()) == 8


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
