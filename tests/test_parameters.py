"""Parameters: text becomes the value that it stands for, or is refused in words."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactflow.errors import ContractError, UsageError
from artifactflow.parameters import Parameter, ParameterType, format_value, parameter_type


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("int", "3", 3),
        ("int", "-3", -3),
        ("int", "100.0", 100),
        ("int", "1e3", 1000),
        ("float", "1e-3", 0.001),
        ("float", "3", 3.0),
        ("bool", "True", True),
        ("bool", "no", False),
        ("str", " kept as it is ", " kept as it is "),
        ("str", "", ""),
    ],
)
def test_text_is_read_by_the_type(kind, text, value):
    parsed = Parameter("x", parameter_type(kind)).parse(text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [("int", "3.5"), ("int", "x"), ("int", ""), ("int", "inf"), ("int", "9" * 5000), ("float", "x"), ("bool", "maybe")],
)
def test_text_that_is_no_such_value_is_refused(kind, text):
    with pytest.raises(UsageError, match="x takes"):
        Parameter("x", parameter_type(kind)).parse(text)


def test_the_empty_text_is_an_absent_value_of_an_optional_parameter():
    assert Parameter("limit", ParameterType.INT, optional=True).parse("") is None


@pytest.mark.parametrize("value", [0, 10, 5.5])
def test_bounds_are_inclusive(value):
    assert Parameter("x", ParameterType.FLOAT, minimum=0, maximum=10).check(value) == value


@pytest.mark.parametrize("value", [-0.001, 10.001, math.nan, math.inf])
def test_a_value_out_of_range_is_refused_with_the_range(value):
    with pytest.raises(UsageError, match="x takes a number from 0 to 10, got"):
        Parameter("x", ParameterType.FLOAT, minimum=0, maximum=10).check(value)


def test_a_value_that_is_no_choice_is_refused_with_the_choices():
    with pytest.raises(UsageError, match="method takes one of mean, median, got mode"):
        Parameter("method", choices=("mean", "median")).check("mode")


def test_a_secret_is_masked_where_it_is_refused():
    with pytest.raises(UsageError, match=r"takes a whole number, got '\*\*\*'"):
        Parameter("key", ParameterType.INT, secret=True).parse("hunter2")


def test_a_boolean_is_not_a_number():
    with pytest.raises(UsageError):
        Parameter("n", ParameterType.INT).check(True)


def test_an_unknown_type_names_the_known_ones():
    with pytest.raises(ContractError, match=r"'integr'.*str, int, float"):
        parameter_type("integr")


@given(st.integers(), st.floats(allow_nan=False), st.booleans(), st.text())
def test_what_is_written_is_read_back(number, fraction, truth, text):
    for kind, value in (("int", number), ("float", fraction), ("bool", truth), ("str", text)):
        assert Parameter("x", parameter_type(kind)).parse(format_value(value)) == value
