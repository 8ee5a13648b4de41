"""Parameters: text becomes the value that it stands for, or is refused in words."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactflow.errors import ContractError, UsageError
from artifactflow.parameters import (
    LONGEST_NUMBER,
    Parameter,
    ParameterType,
    format_value,
    names_a_secret,
    parameter_type,
)


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


def test_a_number_is_read_up_to_the_thousand_characters_that_python_reads():
    number = Parameter("x", ParameterType.INT)
    assert number.parse("9" * LONGEST_NUMBER) == int("9" * LONGEST_NUMBER)
    with pytest.raises(UsageError):
        number.parse("9" * (LONGEST_NUMBER + 1))
    assert number.parse("+1_000") == 1000


def test_a_whole_number_may_be_larger_than_any_float_and_a_number_may_not():
    large = 10**400
    assert Parameter("x", ParameterType.INT, minimum=0).check(large) == large
    with pytest.raises(UsageError, match=r"x takes a whole number of at most 9"):
        Parameter("x", ParameterType.INT, maximum=9).check(large)
    with pytest.raises(UsageError, match="x takes a number, got 1000"):
        Parameter("x", ParameterType.FLOAT).check(large)


@pytest.mark.parametrize("words", [("true", "1", "yes", "y", "on", "t"), ("false", "0", "no", "n", "off", "f")])
def test_every_usual_word_for_true_and_false_is_read_in_any_case(words):
    truth = Parameter("x", ParameterType.BOOL)
    assert {truth.parse(spelling) for word in words for spelling in (word, word.upper(), f" {word} ")} == {
        words[0] == "true"
    }


def test_the_empty_text_is_an_absent_value_of_an_optional_parameter():
    assert Parameter("limit", ParameterType.INT, optional=True).parse("") is None


def test_only_an_optional_parameter_may_be_absent():
    assert Parameter("x", optional=True).check(None) is None
    for kind in ParameterType:
        with pytest.raises(UsageError, match=r"x takes .*, got None"):
            Parameter("x", kind).check(None)


def test_a_value_is_required_where_there_is_no_default_and_none_is_not_allowed():
    assert Parameter("x").required
    assert not Parameter("x", default="").required
    assert not Parameter("x", optional=True).required


@pytest.mark.parametrize(
    ("kind", "value", "held"),
    [
        ("int", 3.0, 3),
        ("int", "1e3", 1000),
        ("float", 3, 3.0),
        ("float", "1e-3", 0.001),
        ("bool", "yes", True),
        ("str", 3, "3"),
        ("str", 1.5, "1.5"),
        ("str", True, "true"),
        ("str", "yes", "yes"),
        ("path", "a/b", "a/b"),
        ("uri", "s3://a/b", "s3://a/b"),
    ],
)
def test_a_value_out_of_yaml_becomes_what_the_type_says(kind, value, held):
    checked = Parameter("x", parameter_type(kind)).check(value)
    assert checked == held
    assert type(checked) is type(held)


@pytest.mark.parametrize(
    ("kind", "value"), [("int", 3.5), ("int", "x"), ("float", "x"), ("bool", 1), ("bool", "2"), ("str", ["a"])]
)
def test_a_value_of_another_type_is_refused(kind, value):
    with pytest.raises(UsageError, match="x takes"):
        Parameter("x", parameter_type(kind)).check(value)


@pytest.mark.parametrize("value", [0, 10, 5.5])
def test_bounds_are_inclusive(value):
    assert Parameter("x", ParameterType.FLOAT, minimum=0, maximum=10).check(value) == value


@pytest.mark.parametrize("value", [-0.001, 10.001, math.nan, math.inf])
def test_a_value_out_of_range_is_refused_with_the_range(value):
    with pytest.raises(UsageError, match="x takes a number from 0 to 10, got"):
        Parameter("x", ParameterType.FLOAT, minimum=0, maximum=10).check(value)


def test_one_bound_is_enough():
    for bound, inside, outside in (("minimum", 1, 0), ("maximum", 1, 2)):
        parameter = Parameter("x", ParameterType.INT, **{bound: 1})
        assert parameter.check(inside) == inside
        for value in (outside, math.nan):
            with pytest.raises(UsageError):
                parameter.check(value)


def test_without_bounds_every_number_will_do_and_what_is_no_number_too():
    assert math.isnan(Parameter("x", ParameterType.FLOAT).check(math.nan))


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"type": ParameterType.INT}, "a whole number"),
        ({"type": ParameterType.FLOAT}, "a number"),
        ({"type": ParameterType.BOOL}, "true or false"),
        ({"type": ParameterType.PATH}, "a path"),
        ({"type": ParameterType.URI}, "a URI"),
        ({}, "a text"),
        ({"type": ParameterType.INT, "minimum": 0, "maximum": 9}, "a whole number from 0 to 9"),
        ({"type": ParameterType.INT, "minimum": 0}, "a whole number of at least 0"),
        ({"type": ParameterType.FLOAT, "maximum": 0.5}, "a number of at most 0.5"),
        ({"type": ParameterType.BOOL, "choices": (True,)}, "one of true"),
    ],
)
def test_what_it_takes_is_said_in_words(facts, words):
    assert Parameter("x", **facts).expects() == words


def test_a_value_that_is_no_choice_is_refused_with_the_choices():
    with pytest.raises(UsageError, match="method takes one of mean, median, got mode"):
        Parameter("method", choices=("mean", "median")).check("mode")


def test_a_secret_is_masked_where_it_is_refused():
    with pytest.raises(UsageError, match=r"takes a whole number, got '\*\*\*'"):
        Parameter("key", ParameterType.INT, secret=True).parse("hunter2")


def test_that_a_secret_is_absent_is_no_secret():
    assert Parameter("key", secret=True).shown(None) is None
    assert Parameter("key", secret=True).shown("") == "***"
    assert Parameter("key").shown("plain") == "plain"


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "DB_PASSWORD",
        "userPwd",
        "hf-token",
        "token",
        "apiKey",
        "AWS_SECRET",
        "aws_secret_access_key",
        "creds.credentials",
    ],
)
def test_a_name_that_says_secret_is_one(name):
    assert names_a_secret(name)


@pytest.mark.parametrize(
    "name",
    ["", "key", "sort_key", "primary-key", "max_token", "padToken", "tokens", "tokenizer", "secretary", "keyboard"],
)
def test_a_name_that_only_looks_like_it_is_none(name):
    assert not names_a_secret(name)


def test_a_boolean_is_not_a_number():
    for kind in (ParameterType.INT, ParameterType.FLOAT):
        with pytest.raises(UsageError, match=r"n takes a (whole )?number, got True"):
            Parameter("n", kind).check(True)


def test_an_unknown_type_names_the_known_ones():
    with pytest.raises(ContractError, match=r"'integr'.*str, int, float"):
        parameter_type("integr")


@given(st.integers(), st.floats(allow_nan=False), st.booleans(), st.text())
def test_what_is_written_is_read_back(number, fraction, truth, text):
    for kind, value in (("int", number), ("float", fraction), ("bool", truth), ("str", text)):
        assert Parameter("x", parameter_type(kind)).parse(format_value(value)) == value
