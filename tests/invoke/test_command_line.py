"""Options as people write them and as MLflow writes them."""

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from artifactflow.contract import Contract, Input
from artifactflow.errors import UsageError
from artifactflow.invoke.command_line import add_command, plain_options
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


def test_a_repeated_parameter_comes_as_a_list_beside_the_added_options():
    seed = Parameter("seed", ParameterType.INT, default=1)
    contract = Contract(parameters=(Parameter("url"), Parameter("name", optional=True), seed))
    seen = []
    app = typer.Typer()
    add_command(app, contract, "x", lambda *given: seen.append(given), outputs=False, repeated=("url", "name"))
    runner = CliRunner()
    for typed in (["--url", "a", "--url=b", "--name="], ["--url=a", "--seed", "2", "--name", "n"]):
        assert runner.invoke(app, typed).exit_code == 0
    assert seen == [({"seed": 1}, {"url": ["a", "b"], "name": []}), ({"seed": 2}, {"url": ["a"], "name": ["n"]})]
    missing = runner.invoke(app, [])
    assert isinstance(missing.exception, UsageError)
    assert "the parameter url is missing" in str(missing.exception)
    assert "(may be repeated)" in runner.invoke(app, ["--help"], env={"COLUMNS": "200"}).output


@pytest.mark.parametrize(
    ("typed", "message", "hint"),
    [
        (
            ["https://me:word@host/a?sig=1"],
            "got 'https://***@host/a?sig=***' without the name",
            "write --url before it",
        ),
        (["--url=a", "b"], "got 'b' without the name of an option", "x --help shows the options"),
    ],
)
def test_a_value_without_an_option_is_refused_and_the_option_is_named(typed, message, hint):
    contract = Contract(parameters=(Parameter("seed", ParameterType.INT, default=1), Parameter("url")))
    error = refused(contract, typed)
    assert error.message.startswith(message)
    assert error.hint == hint


def test_a_value_without_an_option_is_not_shown_where_it_may_be_a_secret():
    contract = Contract(parameters=(Parameter("url"), Parameter("token", secret=True)))
    assert refused(contract, ["hunter2"]).message == "got *** without the name of an option"


def refused(contract: Contract, typed: list[str]) -> UsageError:
    app = typer.Typer()
    add_command(app, contract, "x", lambda *_: None, outputs=False)
    error = CliRunner().invoke(app, typed, prog_name="x").exception
    assert isinstance(error, UsageError)
    return error
