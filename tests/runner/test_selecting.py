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


CHAIN = """
    steps:
      make:  {component: make}
      shout: {component: shout, with: {text: "${make.made}"}}
      again: {component: shout, with: {text: "${shout.loud}", name: again}}
"""


def named_by_a_parameter(manifest):
    """Have the output of `shout` be called what its parameter `name` says."""
    text = manifest.read_text()
    text = text.replace("text: {type: path", "name: {type: str, default: loud}\n      text: {type: path")
    manifest.write_text(text.replace("path: loud.txt", 'path: loud.txt, name: "{name}"'))


def test_what_is_missing_is_found_before_anything_runs(project):
    named_by_a_parameter(project.folder / "shout" / "MLproject")
    project.pipeline(CHAIN)
    with pytest.raises(NotFoundError, match="step shout is left out, but it has no outputs"):
        project.run(Options(selection=Selection(skip=("shout",))))
    assert project.store.runs() == []
    assert project.store.pipeline_runs() == []


def test_a_step_that_no_selected_one_needs_does_not_matter(project):
    named_by_a_parameter(project.folder / "shout" / "MLproject")
    project.pipeline(CHAIN)
    until = Options(selection=Selection(until=("make",)))
    assert project.plan(until)["again"] == ("SKIP", "left out, and nothing needs it")
    record = project.run(until)
    assert [(outcome.step, outcome.decision) for outcome in record.steps] == [
        ("make", "RUN"),
        ("shout", "SKIP"),
        ("again", "SKIP"),
    ]


def test_a_stored_artifact_that_only_a_step_left_out_takes_does_not_matter(project):
    project.pipeline(
        "steps: {make: {component: make}, shout: {component: shout, with: {text: 'artifactflow:/gone/latest'}}}"
    )
    record = project.run(Options(selection=Selection(only=("make",))))
    assert [outcome.decision for outcome in record.steps] == ["RUN", "SKIP"]


def test_a_step_that_is_only_waited_for_has_to_have_run(project):
    project.pipeline("steps: {make: {component: make}, late: {component: make, after: [make], with: {word: x}}}")
    (project.folder / "make" / "MLproject").write_text(
        "name: make\nentry_points: {main: {parameters: {word: {type: str, default: a}}, command: 'python -c 1 {word}'}}"
    )
    late = Options(selection=Selection(only=("late",)))
    with pytest.raises(NotFoundError, match="step make is left out"):
        project.run(late)
    project.run()
    assert [outcome.decision for outcome in project.run(late).steps] == ["SKIP", "REUSE"]
