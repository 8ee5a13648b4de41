"""Contracts and components: what is found by name, and what templates and file names stand for."""

from pathlib import Path

import pytest

from artifactflow.contract import Component, Contract, Input, Output, fill_template, stem, step, template_names
from artifactflow.errors import ContractError, NotFoundError
from artifactflow.parameters import Parameter

CONTRACT = Contract(
    inputs=(Input("raw"),),
    parameters=(Parameter("min_price"), Parameter("method")),
    outputs=(Output(key="clean"), Output(key="logs", path="*.log", placeholder=False)),
)


def component(*entry_points: str, manifest: Path | None = None, reference: str = "") -> Component:
    points = {name: Contract(entry_point=name) for name in entry_points}
    return Component("clean", Path(), points, manifest=manifest, reference=reference)


def test_a_marked_function_stays_the_function_that_it_was():
    def clean(raw: str) -> str:
        return raw.upper()

    assert step(clean) is clean
    assert clean("a") == "A"


def test_parameters_and_outputs_are_found_by_name():
    assert CONTRACT.parameter("method").name == "method"
    assert CONTRACT.output("logs").path == "*.log"


def test_what_is_not_found_names_what_may_have_been_meant():
    with pytest.raises(NotFoundError, match="no parameter is called 'metod'") as caught:
        CONTRACT.parameter("metod")
    assert caught.value.hint == "did you mean method?"
    with pytest.raises(NotFoundError, match="there is no output 'clear'") as caught:
        CONTRACT.output("clear")
    assert caught.value.hint == "did you mean clean?"


def test_callers_give_inputs_and_parameters_and_the_command_line_knows_outputs_by_placeholder_too():
    assert CONTRACT.names() == ["raw", "min_price", "method"]
    assert list(CONTRACT.option_names()) == ["raw", "min_price", "method", "clean"]


def test_a_single_entry_point_serves_as_main():
    assert component("train").contract().entry_point == "train"
    assert component("train", "main").contract().entry_point == "main"


def test_a_single_entry_point_serves_under_no_other_name_than_its_own_and_main():
    with pytest.raises(NotFoundError, match="component clean has no entry point 'score', it has train"):
        component("train").contract("score")


def test_of_several_entry_points_none_is_taken_for_main():
    with pytest.raises(NotFoundError, match="has no entry point 'main', it has train, score") as caught:
        component("train", "score", manifest=Path("clean/MLproject")).contract()
    assert str(caught.value.place) == "clean/MLproject"
    with pytest.raises(NotFoundError, match="it has none") as caught:
        component().contract()
    assert caught.value.place is None


def test_built_in_is_what_ships_with_artifactflow():
    assert component("main", reference="artifactflow:download").built_in
    assert not component("main").built_in


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain", "plain"),
        ("{n} of {word}", "3 of a"),
        ("{ none | word }", "a"),
        ("{none}", ""),
        ("{none|none}x", "x"),
        ("{url:stem}", "housing"),
        ("{none|url:stem}", "housing"),
    ],
)
def test_a_template_takes_the_first_value_that_is_not_empty(template, text):
    values = {"n": 3, "word": "a", "none": None, "url": "https://host/housing.tgz"}
    assert fill_template(template, values) == text


def test_a_template_over_what_is_no_parameter_is_refused_with_what_may_be_meant():
    with pytest.raises(ContractError, match="uses 'wrod', which is no parameter") as caught:
        fill_template("{wrod}", {"word": "a"})
    assert caught.value.hint == "did you mean word?"


def test_a_template_knows_no_filter_but_stem():
    with pytest.raises(ContractError, match="uses 'upper', the only filter is 'stem'"):
        fill_template("{word:upper}", {"word": "a"})


def test_the_names_of_a_template_are_all_that_it_may_use_in_order():
    assert template_names("{b} {a | c:stem}") == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("housing.tar.gz", "housing"),
        ("data/raw housing.csv", "raw-housing"),
        ("https://host/a/b.json.gz?token=1#x", "b"),
        ("https://host/folder/", "folder"),
        ("https://host/a%2Fb%20c.CSV", "b-c"),
        ("v1.2", "v1.2"),
        (".csv", "csv"),
        ("/", ""),
    ],
)
def test_the_stem_of_an_address_can_name_an_artifact(address, name):
    assert stem(address) == name
