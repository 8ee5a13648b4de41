"""Cells pass in matrix order whichever is done first, and whatever cannot be numbered holds nobody back."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifactflow.contract import Component, Contract
from artifactflow.pipeline import Step
from artifactflow.runner.binding.bound import BoundStep
from artifactflow.runner.execution.step_execution import Execution
from artifactflow.runner.numbering import Numbering
from artifactflow.runner.planning.planned import PlannedStep
from artifactflow.runner.reports import Finished, Turn
from artifactflow.runs import Run


def steps(**cells: int) -> list[BoundStep]:
    """Steps by name with how many cells each has, 0 for one without a matrix."""
    component = Component("component", Path("component"), {})
    return [
        BoundStep(Step(name, "component"), component, Contract(), {}, {}, cell={"number": number} if count else {})
        for name, count in cells.items()
        for number in range(max(count, 1))
    ]


def finished(all_steps: list[BoundStep], position: int) -> Finished:
    step = all_steps[position] if position < len(all_steps) else all_steps[0]
    planned = PlannedStep(step, "RUN", "")
    return Finished(Turn(position, planned, 0.0), Execution(Run(str(position), step.name, "component"), {}))


def passed(numbering: Numbering, all_steps: list[BoundStep], position: int, *, failed: bool = False) -> list[int]:
    given = None if failed else finished(all_steps, position)
    return [one.turn.position for one in numbering.pass_on(position, given)]


@pytest.fixture
def three():
    """One step with three cells, and one without."""
    made = steps(fit=3, report=0)
    return Numbering(made), made


def test_a_cell_waits_for_those_before_it_and_takes_those_behind_along(three):
    assert passed(*three, 1) == []
    assert passed(*three, 2) == []
    assert passed(*three, 0) == [0, 1, 2]


def test_a_step_without_a_matrix_waits_for_nobody(three):
    assert passed(*three, 3) == [3]


def test_a_cell_that_failed_holds_nobody_back(three):
    assert passed(*three, 2) == []
    assert passed(*three, 1) == []
    assert passed(*three, 0, failed=True) == [1, 2]


def test_a_cell_that_fails_while_it_waits_is_left_out(three):
    assert passed(*three, 1, failed=True) == []
    assert passed(*three, 2) == []
    assert passed(*three, 0) == [0, 2]


def test_a_cell_whose_commit_failed_may_be_told_again_as_failed(three):
    assert passed(*three, 0) == [0]
    assert passed(*three, 0, failed=True) == []
    assert passed(*three, 1) == [1]


def test_a_step_that_was_called_meanwhile_passes_at_once(three):
    assert passed(*three, 17) == [17]


@given(st.permutations(range(9)), st.sets(st.integers(0, 8)))
@settings(max_examples=50)
def test_in_whatever_order_they_are_done_all_pass_once_and_each_matrix_in_its_order(order, failed):
    made = steps(fit=5, test=4)
    numbering = Numbering(made)
    seen = [one for position in order for one in passed(numbering, made, position, failed=position in failed)]
    assert sorted(seen) == sorted(set(range(9)) - failed)
    assert [one for one in seen if one < 5] == sorted(one for one in seen if one < 5)
    assert [one for one in seen if one >= 5] == sorted(one for one in seen if one >= 5)
