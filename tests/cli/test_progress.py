"""What is shown while a pipeline runs: every line can be told apart from those of other steps."""

import pytest

from artifactflow.cli.progress import PipelineProgress
from artifactflow.runs import StepOutcome


@pytest.fixture
def progress():
    with PipelineProgress(["prepare", "train"], plain=True) as shown:
        yield shown


def ended(step: str, decision: str = "RUN") -> StepOutcome:
    return StepOutcome(step, decision, "never run", seconds=2.0)


def test_the_end_of_the_step_in_the_line_above_needs_no_name(progress, capsys):
    progress.step_started("train", "never run")
    progress.step_ended(ended("train"))
    assert capsys.readouterr().out.splitlines() == ["train    RUN    never run", "         → done in 2.00 s"]


def test_the_end_of_a_step_is_named_while_others_run(progress, capsys):
    progress.step_started("prepare", "never run")
    progress.step_started("train", "never run")
    progress.step_ended(ended("train"))
    assert capsys.readouterr().out.splitlines()[-1] == "         → train: done in 2.00 s"


def test_the_end_of_a_step_is_named_where_the_line_above_is_of_another(progress, capsys):
    progress.step_started("prepare", "never run")
    progress.step_started("train", "never run")
    progress.step_ended(ended("train"))
    progress.step_ended(ended("prepare", "FAILED"))
    assert capsys.readouterr().out.splitlines()[-1] == "         → prepare: failed in 2.00 s"
