"""Options as people write them and as MLflow writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactflow.contract import Contract, Input
from artifactflow.errors import UsageError
from artifactflow.invoke.command_line import plain_options
from artifactflow.parameters import Parameter, ParameterType

CONTRACT = Contract(
    parameters=(
        Parameter("max_iter", ParameterType.INT, default=200),
        Parameter("fast", ParameterType.BOOL, default=False),
        Parameter("limit", ParameterType.INT, default=None, optional=True),
        Parameter("title", ParameterType.STR, default=""),
    ),
    inputs=(Input("more_data", optional=True),),
)


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        (["--max_iter=3"], ["--max-iter=3"]),
        (["--max_iter", "3"], ["--max-iter", "3"]),
        (["--max-iter", "3"], ["--max-iter", "3"]),
        (["--fast=true"], ["--fast"]),
        (["--fast=False"], ["--no-fast"]),
        (["--fast", "false", "--max-iter=1"], ["--no-fast", "--max-iter=1"]),
        (["--fast", "--max-iter=1"], ["--fast", "--max-iter=1"]),
        (["--no-fast"], ["--no-fast"]),
        (["--limit="], []),
        (["--limit", "", "--fast"], ["--fast"]),
        (["--more_data="], []),
        (["--title="], ["--title="]),
        (["--", "--fast=true"], ["--", "--fast=true"]),
        (["--unknown_one=1"], ["--unknown_one=1"]),
    ],
)
def test_options_are_understood_however_they_are_written(typed, plain):
    assert plain_options(typed, CONTRACT) == plain


def test_a_boolean_that_is_no_boolean_is_refused():
    with pytest.raises(UsageError, match="fast takes true or false, got 'perhaps'"):
        plain_options(["--fast=perhaps"], CONTRACT)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30))
def test_a_text_arrives_as_it_was_written(text):
    assert plain_options([f"--title={text}"], CONTRACT) == [f"--title={text}"]
