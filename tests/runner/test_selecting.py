"""A run may be about some steps only; what is left out must have outputs already."""

import pytest

from artifactflow.errors import NotFoundError
from artifactflow.pipeline import OutputOf, Step
from artifactflow.runner import Options
from artifactflow.selection import Selection

DIAMOND = (
    Step("load", "x"),
    Step("left", "x", bindings={"a": OutputOf("load", "o")}, tags=("side",)),
    Step("right", "x", bindings={"a": OutputOf("load", "o")}, tags=("side", "slow")),
    Step("join", "x", bindings={"a": OutputOf("left", "o"), "b": OutputOf("right", "o")}),
)


@pytest.mark.parametrize(
    ("selection", "chosen"),
    [
        (Selection(), "load left right join"),
        (Selection(only=("left",)), "left"),
        (Selection(only=("l*",)), "load left"),
        (Selection(only=("side",)), "left right"),
        (Selection(start=("left",)), "left join"),
        (Selection(until=("left",)), "load left"),
        (Selection(start=("load",), until=("right",)), "load right"),
        (Selection(skip=("slow",)), "load left join"),
    ],
)
def test_steps_are_chosen_by_name_wildcard_and_tag(selection, chosen):
    assert selection.chosen(DIAMOND) == frozenset(chosen.split())


def test_a_word_that_means_no_step_names_what_may_be_meant():
    with pytest.raises(NotFoundError, match="'jion'") as caught:
        Selection(only=("jion",)).chosen(DIAMOND)
    assert caught.value.hint == "did you mean join?"


def test_what_is_left_out_gives_its_last_outputs(project):
    project.run()
    project.run(word="bye")
    record = project.run(Options(selection=Selection(only=("shout",))))
    assert [(outcome.step, outcome.decision) for outcome in record.steps] == [("make", "SKIP"), ("shout", "REUSE")]
    assert project.text("loud") == "BYEBYE"


def test_what_is_left_out_and_has_no_outputs_is_named_with_the_command(project):
    with pytest.raises(NotFoundError, match="step make is left out, but it has no outputs") as caught:
        project.run(Options(selection=Selection(only=("shout",))))
    assert caught.value.hint == "run it first: artifactflow run-pipeline --until 'make'"
