"""Every error has its exit code, survives pickling, and renders as what happened and what to do."""

import pickle

import pytest

from artifactflow import errors
from artifactflow.errors import ArtifactflowError, ContractError, Place, near_matches

ALL = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, ArtifactflowError) and value is not ArtifactflowError
]


def test_exit_codes_are_those_of_the_documentation():
    assert {kind.__name__: kind.exit_code for kind in ALL} == {
        "UsageError": 2,
        "ContractError": 3,
        "NotFoundError": 4,
        "IntegrityError": 5,
        "StepFailedError": 6,
        "MissingToolError": 7,
        "FindingsError": 8,
        "OutsideError": 9,
        "InterruptedRunError": 130,
    }


@pytest.mark.parametrize("kind", ALL)
def test_errors_survive_pickling(kind):
    error = kind("it broke", hint="mend it", place=Place("MLproject", 3, 7))
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert copy.render() == error.render() == "error: it broke (MLproject:3:7)\nhint: mend it"


def test_the_first_place_that_is_known_is_kept():
    error = ContractError("wrong").at(Place("a", 1)).at(Place("b", 2))
    assert str(error) == "wrong (a:1)"


def test_nothing_near_gives_no_hint():
    assert near_matches("zzz", ["max_iter"]) is None
