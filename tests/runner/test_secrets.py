"""What is secret, and how it may be shown."""

import pytest

from artifactflow.contract import Component, Contract
from artifactflow.parameters import Parameter, ParameterType
from artifactflow.runner.secrets import hand_over, secret_variables, shown_value

WITH_PASSWORD, MASKED = "https://me:word-of-honour@host/a.csv", "https://***@host/a.csv"
STEP_FUNCTION = """
from artifactflow import run

def main(url: str):
    pass

if __name__ == "__main__":
    run(main)
"""


def test_the_values_of_variables_whose_names_say_so_are_secret():
    variables = {"API_KEY": "long-enough", "DB_PASSWORD": "also-long", "SORT_KEY": "not-secret", "HOME": "/home/me"}
    assert secret_variables(variables) == ("long-enough", "also-long")


def test_a_value_that_is_too_short_to_be_one_is_not_masked_in_logs():
    """Masking every `1` of a log because TOKEN=1 would leave nothing to read."""
    assert secret_variables({"TOKEN": "1234567", "KEY_OF_MINE": "12345678", "HF_TOKEN": "12345678"}) == ("12345678",)


def test_the_working_folder_is_no_password():
    assert secret_variables({"PWD": "/home/me/project", "OLDPWD": "/home/me/other", "DB_PWD": "hunter-of-two"}) == (
        "hunter-of-two",
    )


@pytest.mark.parametrize(
    ("parameter", "value", "shown"),
    [
        (Parameter("word"), "plain", "plain"),
        (Parameter("count", ParameterType.INT), 7, 7),
        (Parameter("key", secret=True), "hunter2", "***"),
        (Parameter("key", secret=True, optional=True), None, None),
        (Parameter("url"), "https://me:word@host/a?sig=1", "https://***@host/a?sig=***"),
        (Parameter("url"), "see https://me:word@host/a", "see https://***@host/a"),
    ],
)
def test_a_secret_is_shown_as_a_mask_and_of_an_address_only_what_is_none(parameter, value, shown):
    assert shown_value(parameter, value) == shown


@pytest.fixture
def handed(tmp_path):
    """How one parameter of a component reaches its process; of a built-in one where there is no script."""

    def hand(parameter, value, script=None, command="python main.py {url}", presumed=()):
        if script is not None:
            (tmp_path / "main.py").write_text(script)
        contract = Contract(parameters=(parameter,), command=command)
        reference = "artifactflow:download" if script is None else ""
        component = Component("c", tmp_path, {"main": contract}, reference=reference)
        return hand_over(component, contract, {parameter.name: value}, frozenset(presumed))

    return hand


def test_what_is_no_secret_stands_on_the_command_line_and_in_no_variable(handed):
    for script in (None, STEP_FUNCTION, "import sys"):
        given = handed(Parameter("url"), "https://host/a.csv", script)
        assert (given.variables, given.shown) == ({"ARTIFACTFLOW_BY_VARIABLE": ""}, {})
        assert (given.exposed, given.secrets) == ((), ())


@pytest.mark.parametrize("script", [None, STEP_FUNCTION], ids=["built-in", "step function"])
def test_an_address_with_a_password_goes_by_variable_to_whom_reads_it_there(handed, script):
    given = handed(Parameter("url"), WITH_PASSWORD, script)
    assert given.variables == {"ARTIFACTFLOW_P_URL": WITH_PASSWORD, "ARTIFACTFLOW_BY_VARIABLE": "url"}
    assert given.shown == {"url": MASKED}
    assert given.exposed == ()
    assert given.secrets == ("word-of-honour",)


def test_to_a_foreign_script_it_goes_as_it_is_and_that_is_said(handed):
    given = handed(Parameter("url"), WITH_PASSWORD, "import sys")
    assert (given.variables, given.shown, given.exposed) == ({"ARTIFACTFLOW_BY_VARIABLE": ""}, {}, ("url",))


@pytest.mark.parametrize(("script", "shown"), [(None, "***"), (STEP_FUNCTION, "***"), ("import sys", "")])
def test_a_marked_secret_goes_by_variable_to_everybody_and_its_mask_to_whom_knows_it(handed, script, shown):
    given = handed(Parameter("key", secret=True), "hunter2", script, command="python main.py")
    assert given.variables == {"ARTIFACTFLOW_P_KEY": "hunter2", "ARTIFACTFLOW_BY_VARIABLE": "key"}
    assert (given.shown, given.exposed, given.secrets) == ({"key": shown}, (), ("hunter2",))


def test_an_absent_secret_is_carried_as_the_empty_text(handed):
    given = handed(Parameter("key", secret=True, optional=True), None, STEP_FUNCTION)
    assert given.variables == {"ARTIFACTFLOW_P_KEY": "", "ARTIFACTFLOW_BY_VARIABLE": "key"}
    assert (given.shown, given.secrets) == ({"key": ""}, ())
