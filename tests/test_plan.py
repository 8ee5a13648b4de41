"""The cache key: what it is computed of, that it stays what it was; and what is said of two that differ."""

import dataclasses
import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifactflow.plan import CACHE_KEY_VERSION, Ingredients, InputIdentity, differences

texts = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4)


@settings(max_examples=50)
@given(code=texts, environment=texts, variables=texts)
def test_the_key_is_the_digest_of_sorted_json(code, environment, variables):
    ingredients = Ingredients(
        "fit",
        "main",
        "python main.py",
        parameters={"number": 1, "text": "1"},
        inputs={"data": InputIdentity("sha256:ab", "data:v1")},
        code=code,
        environment=environment,
        variables=variables,
        outputs={"model": "model (model)"},
    )
    content = {
        "version": CACHE_KEY_VERSION,
        "component": "fit",
        "entry_point": "main",
        "command": "python main.py",
        "parameters": {"number": ["int", "1"], "text": ["str", "1"]},
        "inputs": {"data": "sha256:ab"},
        "code": code,
        "environment": environment,
        "variables": variables,
        "outputs": {"model": "model (model)"},
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    assert ingredients.cache_key() == hashlib.sha256(canonical.encode()).hexdigest()


def test_the_order_in_which_packages_are_found_does_not_matter():
    one = Ingredients("fit", "main", "", environment={"numpy": "2", "pandas": "3"})
    other = Ingredients("fit", "main", "", environment={"pandas": "3", "numpy": "2"})
    assert one.cache_key() == other.cache_key()


FIT = Ingredients(
    "fit",
    "main",
    "python main.py {rate}",
    parameters={"rate": 0.1, "limit": None},
    inputs={"data": InputIdentity("sha256:" + "ab" * 32, "clean:v1")},
    code={"main.py": "c0de"},
    environment={"numpy": "2.0"},
    variables={"SEED": "d1"},
    outputs={"model": "model (model)"},
)


def test_the_key_of_the_same_step_is_the_same_in_every_version_of_artifactflow():
    """A change here makes every step of every user run again: raise CACHE_KEY_VERSION, and say so in the changelog."""
    assert FIT.cache_key() == "573a4af5247904508e46439ededc0b3e16d5d6ab6eef6eac693dfc1d8151d705"


def test_what_things_are_called_for_people_does_not_count():
    renamed = dataclasses.replace(FIT, inputs={"data": InputIdentity("sha256:" + "ab" * 32, "other:v7")})
    assert renamed.cache_key() == FIT.cache_key()
    assert differences(FIT, renamed) == []


def test_values_of_other_types_are_other_values():
    keys = {
        dataclasses.replace(FIT, parameters={"rate": value}).cache_key() for value in (1, 1.0, True, "1", "true", None)
    }
    assert len(keys) == 6


def test_ingredients_are_read_back_from_the_record_of_a_run():
    assert Ingredients.from_json(json.loads(json.dumps(FIT.to_json()))) == FIT


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"parameters": {"rate": 0.5, "limit": None}}, ["parameter rate 0.1 → 0.5"]),
        ({"parameters": {"rate": 0.1, "limit": 7}}, ["parameter limit (none) → 7"]),
        ({"parameters": {"limit": None}}, ["parameter rate 0.1 → (none)"]),
        ({"inputs": {"data": InputIdentity("sha256:cd", "clean:v2")}}, ["input data: clean:v1 → clean:v2"]),
        ({"inputs": {"data": InputIdentity("sha256:" + "cd" * 32)}}, ["input data: clean:v1 → sha256:cdcdcdcdcdcd"]),
        ({"inputs": {}}, ["input data: clean:v1 → (none)"]),
        ({"code": {"main.py": "ed17"}}, ["code changed: main.py"]),
        ({"code": {"main.py": "c0de", "more.py": ""}}, ["code added: more.py"]),
        ({"code": {}}, ["code removed: main.py"]),
        ({"environment": {"numpy": "2.1"}}, ["environment: numpy 2.0 → 2.1"]),
        ({"environment": {"numpy": "2.0", "scipy": "1"}}, ["environment: scipy (none) → 1"]),
        ({"environment": {}}, ["environment: numpy 2.0 → (none)"]),
        ({"variables": {"SEED": "d2"}}, ["environment variable SEED changed"]),
        ({"outputs": {"model": "best (model)"}}, ["output changed: model"]),
        ({"outputs": {}}, ["output removed: model"]),
        ({"command": "python main.py"}, ["command changed"]),
        ({"entry_point": "fit"}, ["component fit:main → fit:fit"]),
        ({"component": "train"}, ["component fit:main → train:main"]),
    ],
)
def test_each_thing_that_changes_the_key_is_said_in_a_few_words(change, said):
    changed = dataclasses.replace(FIT, **change)
    assert changed.cache_key() != FIT.cache_key()
    assert differences(FIT, changed) == said


def test_what_tells_most_is_said_first():
    changed = Ingredients("train", "main", "")
    kinds = [text.split()[0].rstrip(":") for text in differences(FIT, changed)]
    assert kinds == [
        "parameter", "parameter", "input", "code", "environment", "environment", "output", "command", "component",
    ]  # fmt: skip


def test_ingredients_that_are_equal_have_no_difference():
    assert differences(FIT, dataclasses.replace(FIT)) == []
