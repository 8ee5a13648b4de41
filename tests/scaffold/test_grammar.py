"""What `--param`, `--input` and `--output` mean, and what they refuse."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifactflow.contract import Input, Output
from artifactflow.errors import UsageError
from artifactflow.parameters import REQUIRED, Parameter, ParameterType
from artifactflow.scaffold.grammar import (
    ARTIFACT_GRAMMAR,
    PARAMETER_GRAMMAR,
    check_component_name,
    read_input,
    read_output,
    read_parameter,
)

INT, FLOAT, STR, BOOL = ParameterType.INT, ParameterType.FLOAT, ParameterType.STR, ParameterType.BOOL


@pytest.mark.parametrize(
    ("text", "parameter"),
    [
        ("count:int=3[1..10]", Parameter("count", INT, 3, minimum=1, maximum=10)),
        ("count:int=3 [ 1 .. 10 ]", Parameter("count", INT, 3, minimum=1, maximum=10)),
        ("share:float=0.5[0..]", Parameter("share", FLOAT, 0.5, minimum=0)),
        ("share:float=0.5[..0.5]", Parameter("share", FLOAT, 0.5, maximum=0.5)),
        ("low:int=-3[-5..-1]", Parameter("low", INT, -3, minimum=-5, maximum=-1)),
        ("method:str=mean{mean,median}", Parameter("method", STR, "mean", choices=("mean", "median"))),
        ("size:int=2{1, 2, 4}", Parameter("size", INT, 2, choices=(1, 2, 4))),
        ("flag:bool=false", Parameter("flag", BOOL, False)),
        ("limit:int", Parameter("limit", INT, REQUIRED)),
        ("limit:int[1..]", Parameter("limit", INT, REQUIRED, minimum=1)),
        ("method:str{a,b}", Parameter("method", STR, REQUIRED, choices=("a", "b"))),
        ("where:path", Parameter("where", ParameterType.PATH, REQUIRED)),
        ("address:uri=https://example.org/x", Parameter("address", ParameterType.URI, "https://example.org/x")),
        ("note:str=", Parameter("note", STR, "")),
        ("note:str= a=b:c ", Parameter("note", STR, " a=b:c ")),
        ("note:str=a[1..2]", Parameter("note", STR, "a[1..2]")),
        ("max-iter:integer=3", Parameter("max_iter", INT, 3)),
    ],
)
def test_a_parameter_has_a_type_a_default_and_bounds_or_choices(text: str, parameter: Parameter):
    assert read_parameter(text) == parameter


@pytest.mark.parametrize(
    ("text", "kind", "default"),
    [
        ("a=3", INT, 3),
        ("a=0.5", FLOAT, 0.5),
        ("a=1e-3", FLOAT, 0.001),
        ("a=true", BOOL, True),
        ("a=1", INT, 1),
        ("a=yes", STR, "yes"),
        ("a=nan", STR, "nan"),
        ("a=3[1..9]", INT, 3),
        ("a=1{1,0.5}", FLOAT, 1.0),
        ("a=x{x,y}", STR, "x"),
        ("a=", STR, ""),
    ],
)
def test_a_type_that_is_left_out_is_the_narrowest_that_fits(text: str, kind: ParameterType, default: object):
    found = read_parameter(text)
    assert (found.type, found.default) == (kind, default)
    assert type(found.default) is type(default)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "neither a type nor a default"),
        ("", "the name is missing"),
        (":int=3", "the name is missing"),
        ("a:int=x", "a takes a whole number, got 'x'"),
        ("a:int=3[5..1]", "the bounds of a leave nothing: 5 is more than 1"),
        ("a:int=3[4..9]", "a takes a whole number from 4 to 9, got 3"),
        ("a:int=3[1-9]", r"'\[1-9\]' is no range"),
        ("a:int=3[..]", "the bounds say nothing"),
        ("a:int=3[0.5..]", "a takes a whole number, got '0.5'"),
        ("a:strr=3", "the type 'strr', expected one of str, int"),
        ("a:int 3", "the type 'int 3', expected one of"),
        ("a:int[1..9]3", "no range|stands behind the type"),
        ("a:str=x{y,z}", "a takes one of y, z, got x"),
        ("a:str=x{x,x}", "a choice of a is stated twice"),
        ("a:str=x{}", "a choice is empty"),
        ("a:bool=maybe", "a takes true or false"),
        ("a:bool=true{true,false}", "only a str, an int or a float can have choices"),
        ("a:str[1..2]", "only an int or a float has bounds"),
        ("a:float=inf", "a takes a finite number"),
        ("a:path=data.csv", "a is a path, which has no default"),
        ("a:uri=data.csv", "MLflow takes addresses with :// only"),
        ("a:str=\x1b[0m", "cannot be printed"),
        ("lambda=3", "it is a keyword of Python"),
        ("help=3", "--help shows the help"),
        ("print=3", "the script needs that name itself"),
        ("1st=3", "is no name"),
        ("a b=3", "is no name"),
        ("../a=3", "is no name"),
        ("é=3", "is no name"),
    ],
)
def test_a_wrong_parameter_is_shown_with_what_would_be_right(text: str, message: str):
    with pytest.raises(UsageError, match=message) as caught:
        read_parameter(text)
    assert caught.value.message.startswith(f"--param {text!r}: ")
    assert caught.value.hint


def test_the_grammar_is_the_hint():
    with pytest.raises(UsageError) as caught:
        read_parameter("a:int=x")
    assert caught.value.hint == PARAMETER_GRAMMAR
    with pytest.raises(UsageError) as caught:
        read_input("raw")
    assert caught.value.hint == ARTIFACT_GRAMMAR


@settings(max_examples=300)
@given(st.text(max_size=30) | st.from_regex(r"[ab]:?(int|str|float)?=?[0-9x]?[\[{][0-9.,x]*[\]}]", fullmatch=True))
def test_any_text_is_a_parameter_or_a_usage_error(text: str):
    try:
        found = read_parameter(text)
    except UsageError:
        return
    if not found.required:
        assert found.check(found.default) == found.default


@pytest.mark.parametrize(
    ("text", "name", "kind", "chosen"),
    [
        ("raw:raw_data", "raw", "raw_data", "table"),
        ("raw-data:raw_data:file", "raw_data", "raw_data", "file"),
        ("m:model", "m", "model", "model"),
        ("m:test-metrics", "m", "test-metrics", "json"),
        ("m:images", "m", "images", "folder"),
        ("C:text", "C", "text", "file"),
    ],
)
def test_an_artifact_has_a_type_and_a_format_that_follows_from_it(text: str, name: str, kind: str, chosen: str):
    assert read_input(text) == (Input(name, kind), chosen)
    output, found = read_output(text)
    assert (output.name, output.key, output.type, found) == (name, name, kind, chosen)


def test_an_output_is_written_to_a_file_of_its_name_with_the_ending_of_its_format():
    assert [read_output(f"made:{kind}")[0].path for kind in ("data", "model", "json", "plot", "file", "folder")] == [
        "made.csv",
        "made.skops",
        "made.json",
        "made.png",
        "made.txt",
        "made",
    ]
    assert read_output("made:plot")[0] == Output("made", "plot", key="made", path="made.png")


def test_a_picture_is_read_as_a_file():
    assert read_input("seen:plot") == (Input("seen", "plot"), "file")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("raw", "expected a name and a type"),
        ("raw:", "cannot be an artifact type"),
        ("raw:/etc", "cannot be an artifact type"),
        (":data", "the name is missing"),
        ("raw:data:tabel", "there is no format 'tabel'"),
        ("raw:a:b:c", "too many ':'"),
        ("class:data", "a keyword of Python"),
        ("../raw:data", "is no name"),
    ],
)
@pytest.mark.parametrize(("read", "option"), [(read_input, "--input"), (read_output, "--output")])
def test_a_wrong_artifact_is_shown_with_what_would_be_right(read, option: str, text: str, message: str):
    with pytest.raises(UsageError, match=message) as caught:
        read(text)
    assert caught.value.message.startswith(f"{option} {text!r}: ")
    assert caught.value.hint


@pytest.mark.parametrize("name", ["a", "new-step", "new_step", "step2", "match", "x" * 64])
def test_kebab_and_snake_name_a_component(name: str):
    assert check_component_name(name) == name


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("NewStep", "for example: new-step"),
        ("new step", "for example: new-step"),
        ("../x", "for example: x"),
        ("a/b", "for example: a-b"),
        ("/", "for example: new-step"),
        ("..", "for example: new-step"),
        (".", "for example: new-step"),
        ("", "for example: new-step"),
        ("1a", "for example: a"),
        ("a--b", "for example: a-b"),
        ("-a", "for example: a"),
        ("a-", "for example: a"),
        ("class", "for example: class-step"),
        ("a\n", "for example: a"),
        ("x" * 65, "for example: " + "x" * 64),
    ],
)
def test_other_names_are_refused_with_one_that_would_do(name: str, hint: str):
    with pytest.raises(UsageError, match="cannot name a component") as caught:
        check_component_name(name)
    assert caught.value.hint == hint
    check_component_name(hint.removeprefix("for example: "))
