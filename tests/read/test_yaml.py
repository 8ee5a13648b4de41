"""YAML is read as MLflow reads it, every value knows its place, and no text hurts."""

from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from artifactflow.errors import ContractError, NotFoundError, Place
from artifactflow.read.yaml import MANIFEST_BOUNDS, PIPELINE_BOUNDS, read_yaml, read_yaml_file
from artifactflow.read.yaml_node import Node


def read(text: str) -> Node:
    return read_yaml(text, "MLproject")


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1.10", 1.1),
        ("010", 8),
        ("no", False),
        ("on", True),
        ("1e-3", "1e-3"),
        ("1:30", 90),
        ("~", None),
        ("'no'", "no"),
        ("[1, b]", [1, "b"]),
        ("{type:int}", {"type:int": None}),
        ("2024-01-02", yaml.safe_load("2024-01-02")),
    ],
)
def test_values_are_those_of_yaml_1_1_and_the_source_is_kept(written, value):
    node = read(f"key: {written}").items["key"]
    assert node.value == value
    assert type(node.value) is type(value)
    if not isinstance(value, (list, dict)):
        assert node.text == written


def test_every_key_and_value_knows_its_line_and_column():
    node = read("é: '𝒳𝒳'  # note\nentry_points:\n  main: {a: [x, yy]}\n")
    main = node.items["entry_points"].items["main"]
    assert node.items["é"].place == Place("MLproject", 1, 4)
    assert node.items["entry_points"].key_places["main"] == Place("MLproject", 3, 3)
    assert main.items["a"].elements[1].place == Place("MLproject", 3, 17)
    assert node.key_place("absent") == node.place


def test_a_scalar_knows_how_it_was_written():
    node = read("a: x\nb: 'x'\nc: \"x\"\nd: |\n  x\ne: >-\n  x\n")
    assert [node.items[key].style for key in "abcde"] == ["plain", "'", '"', "|", ">"]
    assert node.items["e"].text == ">-\n  x"


def test_the_last_of_two_equal_keys_counts_and_its_place_is_kept():
    node = read("a: 1\nb: 2\na: 3")
    assert node.value == {"a": 3, "b": 2}
    assert node.duplicates == (Place("MLproject", 3, 1),)


def test_merged_keys_are_no_duplicates():
    node = read("base: &base {a: 1, b: 2}\nown: {<<: *base, b: 3}")
    assert node.items["own"].value == {"a": 1, "b": 3}
    assert node.items["own"].duplicates == ()


@pytest.mark.parametrize(
    ("text", "line", "column", "words", "hint"),
    [
        ("a: b: c", 1, 5, "mapping values", "quotes"),
        ("a:\n\t- b", 2, 1, "cannot start any token", "tabs"),
        ("name: {{cookiecutter.name}}", 1, 8, "cannot be a key", "template"),
        ("a: {% if x %}", 1, 5, "cannot start", "template"),
        ("a: [1, 2\nb: 3", 2, 2, "expected ',' or ']'", "close the bracket"),
        ("a: 'x", 1, 6, "unexpected end", "close"),
        ("a: *b", 1, 4, "undefined alias", "quoted"),
        ("a: 1\n---\nb: 2", 2, 1, "another document", None),
        ("a: x\x07", 1, 5, "U+0007", "escape"),
        ("a: 2024-13-45", 1, 4, "timestamp", "quotes"),
        ("a: !!python/object/apply:os.system [x]", 1, 4, "no plain data", "tag"),
        ("a: !!set {x}", 1, 4, "no plain data", "tag"),
        ("&a [*a]", 1, 5, "inside itself", None),
    ],
)
def test_what_is_not_yaml_is_said_with_its_place(text, line, column, words, hint):
    with pytest.raises(ContractError) as caught:
        read(text)
    assert caught.value.place == Place("MLproject", line, column)
    assert words in caught.value.message
    assert hint is None or hint in (caught.value.hint or "")


LAUGHS = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{i + 1}: &a{i + 1} [{','.join([f'*a{i}'] * 9)}]\n" for i in range(9)
)
DEEP_BY_ALIASES = "a0: &a0 [" + "".join(f"\n a{i}: &b{i} [*b{i - 1}]," if i else "&b0 [x]," for i in range(99)) + "]"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "- " * 100_000,
        "{a: " * 100_000,
        "? " * 50_000,
        LAUGHS,
        DEEP_BY_ALIASES,
        "[" + "1," * (MANIFEST_BOUNDS.nodes + 1) + "]",
        "x: 1" + ":1" * 200_000,
        "x: 0x" + "f" * 900_000,
        "#" * 2_000_000,
    ],
    ids=["flow", "block", "mappings", "keys", "laughs", "aliases", "many", "base60", "hexadecimal", "long"],
)
def test_hostile_texts_are_refused(text):
    with pytest.raises(ContractError):
        read(text)


def test_a_pipeline_may_be_larger_than_a_manifest_but_not_boundless():
    text = "".join(f"s{i}: {{component: write, with: {{number: {i}}}}}\n" for i in range(10_000))
    with pytest.raises(ContractError, match="more than 40000 values"):
        read(text)
    assert len(read_yaml(text, "pipeline.yaml", PIPELINE_BOUNDS).items) == 10_000
    with pytest.raises(ContractError, match="more than 250000 values"):
        read_yaml(LAUGHS, "pipeline.yaml", PIPELINE_BOUNDS)


def test_a_large_honest_file_is_read():
    text = "\n".join(f"p{i}: {{type: int, default: {i}}}" for i in range(2000))
    assert read(text).value == yaml.load(text, yaml.CSafeLoader)


yaml_like = st.text(alphabet="ab01:-,[]{}#&*!|>'\"% \n?.~<=_e+", max_size=40)


@settings(max_examples=300, deadline=None)
@given(st.one_of(yaml_like, st.text(max_size=30)))
@example("<<: {a: 1}\na: 2")
@example("=: 1")
@example("!!int ")
@example("a: !!float x")
def test_a_text_is_read_as_safe_load_reads_it_or_refused(text):
    try:
        node = read(text)
    except ContractError as error:
        assert error.place is not None
        return
    loaded = yaml.load(text.removeprefix("\ufeff"), yaml.CSafeLoader)
    assert repr(node.value) == repr(loaded)


data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@given(data, st.booleans())
def test_dumped_data_comes_back(value, flow):
    assert read(yaml.safe_dump(value, default_flow_style=flow)).value == value


def test_an_empty_file_holds_nothing(tmp_path: Path):
    path = tmp_path / "MLproject"
    path.write_text("# nothing yet\n")
    assert read_yaml_file(path).value is None


def test_line_ends_and_byte_order_marks_of_other_systems_are_read(tmp_path: Path):
    path = tmp_path / "MLproject"
    path.write_bytes(b"\xef\xbb\xbfa: |\r\n  x\r\n  y\r\n")
    assert read_yaml_file(path).value == {"a": "x\ny\n"}


def test_a_missing_file_is_not_found(tmp_path: Path):
    with pytest.raises(NotFoundError, match="no file"):
        read_yaml_file(tmp_path / "MLproject")


@pytest.mark.parametrize(("content", "words"), [(b"a: 1\nb: \xff", "UTF-8"), (b"\xff" * 1_100_000, "larger")])
def test_bytes_that_no_manifest_has_are_refused(tmp_path: Path, content, words):
    path = tmp_path / "MLproject"
    path.write_bytes(content)
    with pytest.raises(ContractError, match=words):
        read_yaml_file(path)


def test_asking_for_the_wrong_kind_says_what_was_expected_and_got():
    node = read("steps: [1]\nname: 3\ncache: maybe\nmany: 1e-3\nshare: true")
    with pytest.raises(ContractError, match=r"steps must be a mapping .*, got a list \(MLproject:1:8\)"):
        node.items["steps"].mapping("steps")
    with pytest.raises(ContractError, match="the name must be a text, got 3") as caught:
        node.items["name"].string("the name")
    assert caught.value.hint == 'put it in quotes: "3"'
    with pytest.raises(ContractError, match="each of the steps must be a text"):
        node.items["steps"].strings("the steps")
    with pytest.raises(ContractError, match="true or false, got 'maybe'"):
        node.items["cache"].boolean("cache")
    with pytest.raises(ContractError, match="a number, got True"):
        node.items["share"].number("share")
    assert node.items["many"].number("many") == 0.001


def test_an_unknown_key_is_refused_with_what_may_be_meant():
    with pytest.raises(ContractError, match="unknown key 'setps'") as caught:
        read("name: x\nsetps: {}").refuse_unknown_keys(["name", "steps"], "a pipeline")
    assert caught.value.hint == "did you mean steps?"
    assert caught.value.place == Place("MLproject", 2, 1)
