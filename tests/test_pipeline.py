"""The order of steps, and the values of parameters."""

from pathlib import Path

import pytest

from artifactflow.errors import ContractError, NotFoundError, Place, UsageError
from artifactflow.parameters import REQUIRED, Parameter, ParameterType, SourceKind
from artifactflow.pipeline import Given, OutputOf, Pipeline, Step, resolve_parameters, variable_name


def pipeline(**upstream: str) -> Pipeline:
    steps = tuple(
        Step(name, "x", bindings={f"in{i}": OutputOf(other, "out") for i, other in enumerate(others.split())})
        for name, others in upstream.items()
    )
    return Pipeline("p", Path(), steps)


def test_steps_come_after_those_they_take_from_and_otherwise_as_written():
    order = pipeline(d="b c", a="", c="a", b="a").order()
    assert [step.name for step in order] == ["a", "b", "c", "d"]


def test_a_cycle_is_spelled_out_in_the_direction_of_the_data():
    with pytest.raises(ContractError, match=r"circle: a → b → c → a|b → c → a → b|c → a → b → c"):
        pipeline(a="c", b="a", c="b").order()


def test_a_step_that_takes_from_itself_is_a_cycle():
    with pytest.raises(ContractError, match=r"circle: a → a"):
        pipeline(a="a").order()


def test_a_reference_to_no_step_names_what_may_be_meant():
    with pytest.raises(ContractError, match="there is no step 'clan'") as caught:
        pipeline(clean="", train="clan").order()
    assert caught.value.hint == "did you mean clean?"


def test_a_chain_of_thousands_is_no_reason_to_fail():
    names = [f"s{i}" for i in range(5000)]
    chain = pipeline(**dict(zip(reversed(names), [*reversed(names[:-1]), ""], strict=True)))
    assert [step.name for step in chain.order()] == names


def test_a_step_is_found_by_name():
    with pytest.raises(NotFoundError, match="no step 'trian'") as caught:
        pipeline(train="").step("trian")
    assert caught.value.hint == "did you mean train?"


SEED = Parameter("seed", ParameterType.INT, default=1, minimum=0)


def resolved(given: Given, parameter: Parameter = SEED, **config: object):
    place = Place("config.yaml", 1)
    values = {name: (value, place) for name, value in config.items()}
    whole = Pipeline("p", Path(), (), parameters=(parameter,), config=values)  # type: ignore[arg-type]
    value, source = resolve_parameters(whole, given)[parameter.name]
    return value, source.kind


def test_an_option_is_stronger_than_a_variable_than_the_config_than_the_default():
    variable = {variable_name("seed"): "3"}
    assert resolved(Given({"seed": "4"}, variable), seed=2) == (4, SourceKind.OPTION)
    assert resolved(Given({}, variable), seed=2) == (3, SourceKind.VARIABLE)
    assert resolved(Given(), seed=2) == (2, SourceKind.CONFIG)
    assert resolved(Given()) == (1, SourceKind.DEFAULT)


def test_a_parameter_that_nothing_gives_says_how_to_give_it():
    with pytest.raises(UsageError, match="seed has no value and no default, it takes a whole number") as caught:
        resolved(Given(), Parameter("seed", ParameterType.INT, default=REQUIRED))
    assert caught.value.hint == "give it: -P seed=…"


def test_a_config_value_that_does_not_fit_is_reported_at_its_line():
    with pytest.raises(UsageError, match="at least 0") as caught:
        resolved(Given(), seed=-1)
    assert str(caught.value.place) == "config.yaml:1"
