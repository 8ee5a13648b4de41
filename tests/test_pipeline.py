"""The order of steps, and the values of parameters."""

from pathlib import Path

import pytest

from artifactflow.errors import ContractError, NotFoundError, Place, UsageError
from artifactflow.parameters import REQUIRED, Parameter, ParameterType, SourceKind
from artifactflow.pipeline import (
    Given,
    Interpolation,
    Literal,
    OutputOf,
    ParameterName,
    Pipeline,
    Step,
    cell_name,
    resolve,
    resolve_parameters,
    variable_name,
)


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


def test_a_reference_to_no_step_is_reported_where_it_stands_or_else_at_its_step():
    at_step, at_binding = Place("pipeline.yaml", 3), Place("pipeline.yaml", 4, 9)
    for places, place in (({"data": at_binding}, at_binding), ({}, at_step)):
        step = Step("train", "x", bindings={"data": OutputOf("clan", "out")}, place=at_step, places=places)
        with pytest.raises(ContractError, match=r"step train: data refers to \$\{clan\.out\}") as caught:
            Pipeline("p", Path(), (step,)).order()
        assert caught.value.place == place


def test_a_step_may_come_after_another_of_which_it_takes_nothing():
    late, early = Step("late", "x", after=("early",)), Step("early", "x")
    assert Pipeline("p", Path(), (late, early)).order() == (early, late)


def test_what_a_step_comes_after_has_to_exist():
    step = Step("late", "x", after=("erly",), place=Place("pipeline.yaml", 3))
    with pytest.raises(ContractError, match="step late comes after 'erly', but there is no such step") as caught:
        Pipeline("p", Path(), (step, Step("early", "x"))).order()
    assert (caught.value.hint, caught.value.place) == ("did you mean early?", step.place)


def test_the_steps_above_another_are_named_once_in_the_order_of_its_words():
    bindings = {"a": OutputOf("two", "x"), "b": Literal(1), "c": OutputOf("one", "x"), "d": OutputOf("two", "y")}
    assert Step("s", "x", bindings=bindings, after=("three", "one")).upstream() == ["two", "one", "three"]


def test_a_cycle_is_found_among_steps_that_are_in_order():
    with pytest.raises(ContractError, match=r"circle: (b → c → b|c → b → c)$") as caught:
        pipeline(a="", b="a c", c="a b e", d="c", e="").order()
    assert "cut the circle" in str(caught.value.hint)


def test_the_cells_of_a_matrix_are_all_combinations_the_last_parameter_changing_fastest():
    cells = Step("fit", "x", matrix={"depth": (1, 2), "seed": (7, 8)}).cells()
    assert [cell_name("fit", cell) for cell in cells] == [
        "fit[depth=1,seed=7]",
        "fit[depth=1,seed=8]",
        "fit[depth=2,seed=7]",
        "fit[depth=2,seed=8]",
    ]
    assert Step("fit", "x").cells() == [{}]
    assert cell_name("fit", {}) == "fit"


def test_a_step_of_which_nothing_is_said_is_cached_tried_once_and_may_take_its_time():
    step = Step("fit", "x")
    assert (step.entry_point, step.cache, step.retries, step.timeout, step.env) == ("main", True, 0, None, None)


def test_an_interpolation_names_the_parameters_that_it_uses():
    parts = ("from ", ParameterName("first"), " to ", ParameterName("last"))
    assert Interpolation(parts).names == ["first", "last"]


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


def test_each_value_says_where_it_came_from():
    def source(given: Given, **config: object) -> str:
        values = {name: (value, Place("config.yaml", 1)) for name, value in config.items()}
        return str(resolve_parameters(Pipeline("p", Path(), (), (SEED,), values), given)["seed"][1])

    variable = {variable_name("seed"): "3"}
    assert [source(Given({"seed": "4"})), source(Given({}, variable)), source(Given(), seed=2), source(Given())] == [
        "-P seed", "ARTIFACTFLOW_P_SEED", "config.yaml:1", "default",
    ]  # fmt: skip


def test_a_parameter_of_a_step_is_given_under_both_names():
    whole = Pipeline("p", Path(), ())
    assert variable_name("train.max-iter") == "ARTIFACTFLOW_P_TRAIN_MAX_ITER"
    for given in (Given({"train.seed": "4"}), Given({}, {"ARTIFACTFLOW_P_TRAIN_SEED": "4"})):
        assert resolve(SEED, whole, given, "train.seed")[0] == 4
    assert resolve(SEED, whole, Given({"seed": "4"}), "train.seed")[0] == 1


def test_an_optional_parameter_that_nothing_gives_is_absent():
    assert resolved(Given(), Parameter("seed", ParameterType.INT, optional=True)) == (None, SourceKind.DEFAULT)


def test_a_default_has_to_fit_as_well():
    with pytest.raises(UsageError, match="seed takes a whole number of at least 0, got -1"):
        resolved(Given(), Parameter("seed", ParameterType.INT, default=-1, minimum=0))


def test_a_parameter_that_nothing_gives_says_how_to_give_it():
    with pytest.raises(UsageError, match="seed has no value and no default, it takes a whole number") as caught:
        resolved(Given(), Parameter("seed", ParameterType.INT, default=REQUIRED))
    assert caught.value.hint == "give it: -P seed=…"


def test_a_config_value_that_does_not_fit_is_reported_at_its_line():
    with pytest.raises(UsageError, match="at least 0") as caught:
        resolved(Given(), seed=-1)
    assert str(caught.value.place) == "config.yaml:1"
