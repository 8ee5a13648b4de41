import datetime
import json
from pathlib import Path

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactflow.errors import IntegrityError, StepFailedError
from artifactflow.formats import structured

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(plain, max_size=4) | st.dictionaries(st.text(), plain, max_size=4))
def test_what_json_has_comes_back_as_it_was(tmp_path_factory, value):
    file = tmp_path_factory.mktemp("json") / "value.json"
    structured.write(value, file)
    back = structured.read(file)
    assert back == value
    assert json.dumps(back) == json.dumps(value)  # the order of keys too


def test_python_things_become_the_nearest_json(tmp_path):
    file = tmp_path / "value.json"
    structured.write(
        {
            "naïve": numpy.float32(0.5),
            "count": numpy.int64(3),
            "flag": numpy.bool_(True),
            "matrix": numpy.array([[1, 2], [3, 4]]),
            "missing": [float("nan"), numpy.nan, float("inf")],
            "when": datetime.date(2024, 2, 29),
            "where": Path("a/b"),
            "pair": (1, 2),
            numpy.int64(7): None,
        },
        file,
    )
    assert "naïve" in file.read_text(encoding="utf-8")
    assert structured.read(file) == {
        "naïve": 0.5,
        "count": 3,
        "flag": True,
        "matrix": [[1, 2], [3, 4]],
        "missing": [None, None, None],
        "when": "2024-02-29",
        "where": "a/b",
        "pair": [1, 2],
        "7": None,
    }


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": [1, {"b": {2, 3}}]}, r"\['a'\]\[1\]\['b'\] is a set"),
        ({(1, 2): 3}, "key of type tuple"),
        ({1: "a", "1": "b"}, "two keys"),
        (None, "gave a NoneType, expected a dict"),
        ("text", "gave a str"),
        ({"a": "\ud800"}, "UTF-8"),
    ],
)
def test_what_json_cannot_hold_is_refused_with_its_place_and_nothing_is_written(tmp_path, value, words):
    with pytest.raises(StepFailedError, match=words):
        structured.write(value, tmp_path / "value.json")
    assert not list(tmp_path.iterdir())


def test_broken_json_is_refused_with_line_and_column(tmp_path):
    (tmp_path / "bad.json").write_text('{\n  "a": ,\n}')
    with pytest.raises(IntegrityError) as caught:
        structured.read(tmp_path / "bad.json")
    assert (caught.value.place.line, caught.value.place.column) == (2, 8)


def test_json_in_another_encoding_is_refused(tmp_path):
    (tmp_path / "latin.json").write_bytes('["é"]'.encode("latin-1"))
    with pytest.raises(IntegrityError, match="not UTF-8"):
        structured.read(tmp_path / "latin.json")
