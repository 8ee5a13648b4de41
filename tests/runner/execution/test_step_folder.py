"""A folder is handed on from step to step, and none finds in it what another one has written."""

from dataclasses import replace
from pathlib import Path

import pytest

from artifactflow.contract import Component, Contract, Output
from artifactflow.errors import StepFailedError
from artifactflow.pipeline import Step
from artifactflow.runner.binding.bound import BoundStep
from artifactflow.runner.execution.space import RunSpace
from artifactflow.runner.execution.step_folder import StepFolder
from artifactflow.runs import Run
from artifactflow.store import Store
from artifactflow.store.logs import log_place


class Runs:
    """The executions of one step in one pipeline run."""

    def __init__(self, store: Store, component: Path) -> None:
        output = Output("made", key="made", type="text", path="made.txt", placeholder=True)
        contract = Contract(outputs=(output,), command="python main.py {made}")
        self.bound = BoundStep(Step("make", "make"), Component("make", component, {}), contract, {}, {})
        self.store = store
        self.space = RunSpace(store, "pipeline")

    def begin(self, name: str) -> StepFolder:
        folder = StepFolder(self.store, self.space, self.bound, name)
        folder.begin(Run(name, "make", "make", log=folder.log_reference))
        return folder

    def logged(self, name: str, text: str) -> StepFolder:
        """An execution that has printed a text."""
        folder = self.begin(name)
        with folder.log.open("a") as log:
            log.write(text)
        return folder


@pytest.fixture
def runs(tmp_path):
    with Store.open(tmp_path / ".artifactflow") as store:
        made = Runs(store, tmp_path)
        yield made
        made.space.close()


def text_of(runs: Runs, reference: str) -> str:
    return log_place(runs.store.root, reference).read().decode()


def test_a_packed_log_holds_what_its_step_has_printed_and_the_folder_goes_to_the_next(runs):
    first = runs.logged("first", "one\n")
    reference = first.pack_log()
    assert not first.path.exists()
    second = runs.logged("second", "two\n")
    assert second.log.read_text() == "one\ntwo\n"
    assert (text_of(runs, reference), text_of(runs, second.pack_log())) == ("one\n", "two\n")


def test_what_is_shown_of_a_log_is_its_own_end(runs):
    runs.logged("first", "one\n").pack_log()
    second = runs.logged("second", "".join(f"line {number}\n" for number in range(30)))
    shown = second.last_log_lines().splitlines()
    assert (len(shown), shown[0], shown[-1]) == (20, "  line 10", "  line 29")


def test_a_kept_log_stays_alone_in_the_folder_without_what_others_printed(runs):
    runs.logged("first", "one\n").pack_log()
    second = runs.logged("second", "two\n")
    second.places["made"].write_text("half of it")
    assert second.keep_log() == second.log_reference
    assert [path.name for path in second.path.iterdir()] == ["log"]
    assert second.log.read_text() == "two\n"


def test_a_log_that_cannot_be_cut_is_kept_with_the_place_of_its_own_part(runs):
    runs.logged("first", "one\n").pack_log()
    second = runs.logged("second", "two\n")
    second.log.with_name("log.new").mkdir()
    reference = second.keep_log()
    assert reference == f"{second.log_reference}:4:4"
    assert text_of(runs, reference) == "two\n"


def test_another_attempt_finds_no_output_of_the_one_before_and_goes_on_in_its_log(runs):
    folder = runs.logged("first", "tried\n")
    folder.places["made"].write_text("half of it")
    folder.metadata.write_text("{}")
    folder.begin_again()
    assert not folder.places["made"].exists()
    assert not folder.metadata.exists()
    assert folder.log.read_text() == "tried\n"


def test_an_output_is_taken_in_from_its_place_and_missed_where_it_was_not_written(runs):
    folder = runs.begin("first")
    (output,) = runs.bound.contract.outputs
    with pytest.raises(StepFailedError, match="wrote no output 'made'"):
        folder.collect(output)
    folder.places["made"].write_text("made")
    assert [entry.path for entry in folder.collect(output).tree.entries] == ["made.txt"]


def test_what_lies_at_the_place_of_an_output_without_placeholder_is_cleared_first(runs, tmp_path):
    (tmp_path / "made.txt").write_text("of yesterday")
    (output,) = runs.bound.contract.outputs
    collected = replace(output, placeholder=False)
    runs.bound = replace(runs.bound, contract=replace(runs.bound.contract, outputs=(collected,)))
    folder = runs.begin("first")
    assert not (tmp_path / "made.txt").exists()
    assert folder.places == {}
