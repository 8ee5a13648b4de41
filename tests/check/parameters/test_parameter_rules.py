"""What is wrong with a parameter is found at the word that is meant, and the mend is what its author meant."""

import pytest
from mlflow.projects._project_spec import load_project

HEAD = "entry_points:\n  main:\n    command: python main.py --x={x}\n    parameters:\n"


def parameter(stated):
    """A manifest whose one parameter `x` is stated on line 5, from column 10 on."""
    return f"{HEAD}      x: {stated}\n"


@pytest.mark.parametrize(
    "stated",
    [
        "str",
        "string",
        "{type: Float, default: 0.1}",
        "{type: float, default: 1}",
        "{type: float, default: 1.10}",
        "{type: float, default: 1_000.5}",
        "{type: float, default: .inf}",
        "{type: int, default: 1_000}",
        "{type: int, default: 0x1F}",
        '{type: int, default: "42"}',
        "{type: bool, default: no}",
        '{type: bool, default: "yes"}',
        "{type: bool, default: 1}",
        '{type: str, default: "1.10"}',
        "{type: str, default: 2024-01-01}",
        "{type: str, default: 1e-3}",
        "{type: str, default: 1.1}",
        "{type: str, default: True}",
        '{type: str, default: ""}',
        "{default: 1.10}",
        "{default: true}",
        '{type: int, default: ""}',
        "{type: path}",
        "{type: path, default: /data/x.csv}",
        "{type: path, default: s3://bucket/x.csv}",
        "{type: uri, default: https://example.org/x.csv}",
        "{type: float, default: 0.5, minimum: 0, maximum: 1, choices: [0.5, 1]}",
        "{type: str, default: mean, choices: [mean, median]}",
    ],
)
def test_a_correct_parameter_yields_nothing(check, stated):
    assert check(MLproject=parameter(stated)) == []


def test_an_unknown_type_is_mended_where_one_type_is_near(check, said, mend):
    text = parameter("{type: flaot, default: 0.1}  # rate")
    (found,) = check(MLproject=text)
    assert said([found]) == ["P101 MLproject:5:17"]
    assert (found.length, found.hint) == (5, "write float")
    assert mend(MLproject=text) == text.replace("flaot", "float")
    assert mend(MLproject=parameter("stirng")) == parameter("string")


@pytest.mark.parametrize(
    "stated", ["{type: list, default: a}", "{type: intt, default: abc}", "{type: [str]}", "{type: }"]
)
def test_an_unknown_type_is_not_mended_on_a_guess(check, stated):
    (found,) = check(MLproject=parameter(stated))
    assert (found.code, found.fix) == ("P101", None)


@pytest.mark.parametrize(
    ("stated", "column", "mended"),
    [
        ("{type str, default: 1}", 11, "{type: str, default: 1}"),
        ("{type:int}", 11, "{type: int}"),
        ("{type=int}", 11, "{type: int}"),
        ("{type: int, default:1}", 22, "{type: int, default: 1}"),
        ("type:int", 10, "{type: int}"),
    ],
)
def test_key_and_value_run_together_are_told_apart(check, said, mend, tmp_path, stated, column, mended):
    found = check(MLproject=parameter(stated))
    assert said(found) == [f"P102 MLproject:5:{column}"]
    assert mend(MLproject=parameter(stated)) == parameter(mended)
    assert load_project(tmp_path).get_entry_point("main").parameters["x"].type in ("int", "str")


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ("{type: int, default: none}", "x takes a whole number, its default is 'none'"),
        ("{type: int, default: 0.5}", "x takes a whole number, its default is 0.5"),
        ("{type: int, default: true}", "x takes a whole number, its default is True"),
        ("{type: float, default: 2024-01-01}", "x takes a number, its default is datetime.date(2024, 1, 1)"),
        ("{type: bool, default: maybe}", "x takes true or false, its default is 'maybe'"),
        ("{type: int, secret: true, default: hunter-two}", "x takes a whole number, its default is ***"),
    ],
)
def test_a_default_that_contradicts_its_type(check, stated, message):
    found = [finding for finding in check(MLproject=parameter(stated)) if finding.code == "P103"]
    assert [finding.message for finding in found] == [message]


@pytest.mark.parametrize(
    ("written", "mended"), [("100.0", "100"), ("1e3", "1000"), ('"1e3"', "1000"), ("1e30", None), ("1.5e+3", "1500")]
)
def test_a_whole_number_written_as_a_fraction(check, said, mend, written, mended):
    text = parameter(f"{{type: int, default: {written}}}")
    (found,) = check(MLproject=text)
    assert said([found]) == ["P104 MLproject:5:31"]
    assert mend(MLproject=text) == (text.replace(written, mended) if mended else text)


@pytest.mark.parametrize(
    "source", ["1.10", "010", "no", "On", "1_000", "1:30", "+1", "0x1F", "1.5e+3", "2024-01-01T10:00:00Z"]
)
def test_a_text_that_yaml_reads_as_something_else_is_quoted(check, said, mend, tmp_path, source):
    text = parameter(f"{{type: str, default: {source}}}  # as written")
    (found,) = check(MLproject=text)
    assert said([found]) == ["P105 MLproject:5:31"]
    assert found.length == len(source)
    assert mend(MLproject=text) == text.replace(source, f'"{source}"')
    assert load_project(tmp_path).get_entry_point("main").parameters["x"].default == source


def test_the_message_says_what_the_step_gets_and_why(check):
    (found,) = check(MLproject=parameter("{type: str, default: no}"))
    assert found.message == "x gets 'False' for 'no': to YAML 1.1 that is a truth value"
    assert found.hint == 'put it in quotes: "no"'


def test_true_for_a_text_is_left_to_its_author(check):
    (found,) = check(MLproject=parameter("{type: str, default: true}"))
    assert (found.code, found.fix) == ("P105", None)
    assert found.hint == 'write type: bool, or the text that is meant in quotes: "true" or "True"'


@pytest.mark.parametrize(
    ("kind", "source", "base"), [("int", "010", 8), ("int", "1:30", 60), ("float", "010", 8), ("float", "1:30.5", 60)]
)
def test_a_number_in_another_base_is_not_what_was_meant(check, kind, source, base):
    (found,) = check(MLproject=parameter(f"{{type: {kind}, default: {source}}}"))
    assert (found.code, found.fix) == ("P105", None)
    assert found.message.endswith(f"a number in base {base}")


def test_choices_are_quoted_together_with_the_default(check, said, mend):
    text = parameter("{type: str, default: no, choices: [yes, no, auto]}")
    assert said(check(MLproject=text)) == ["P105 MLproject:5:31", "P105 MLproject:5:45", "P105 MLproject:5:50"]
    assert mend(MLproject=text) == parameter('{type: str, default: "no", choices: ["yes", "no", auto]}')


@pytest.mark.parametrize("stated", ["[a, b]", "{a: 1}"])
def test_a_list_or_mapping_becomes_its_python_text(check, said, stated):
    (found,) = check(MLproject=parameter(f"{{type: str, default: {stated}}}"))
    assert said([found]) == ["P105 MLproject:5:31"]
    assert "gets the text" in found.message


@pytest.mark.parametrize("written", ["null", "~", ""])
def test_a_default_of_null_is_found_unless_mlflow_does_not_see_it(check, written):
    text = parameter(f"{{type: int, default: {written}}}")
    assert [finding.code for finding in check(MLproject=text)] == ["P106"]
    assert check(MLproject=text.replace("parameters:", "optional_parameters:")) == []


def test_an_exponent_without_a_dot_is_a_hint(check, said):
    (found,) = check(MLproject=parameter("{type: float, default: 1e-3}"))
    assert said([found]) == ["P107 MLproject:5:33"]
    assert found.rule.severity == "info"
    assert found.hint == "write 1.0e-3 for a number"


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ("{type: int, default: 20, minimum: 0, maximum: 1}", "x takes a whole number from 0 to 1, its default is 20"),
        ("{type: float, default: -1, minimum: 0}", "x takes a number of at least 0, its default is -1"),
        ("{type: str, default: mode, choices: [mean]}", "x takes one of mean, its default is 'mode'"),
    ],
)
def test_a_default_that_is_not_allowed(check, stated, message):
    (found,) = check(MLproject=parameter(stated))
    assert (found.code, found.message) == ("P108", message)


def test_bounds_that_allow_nothing(check, said):
    (found,) = check(MLproject=parameter("{type: float, default: 3, minimum: 5, maximum: 1}"))
    assert said([found]) == ["P109 MLproject:5:45"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("api_key", "3f1c9a77"),
        ("wandb_api_key", "local-0123456789abcdef"),
        ("dbPassword", "hunter2"),
        ("token", "t0ps3cr3t"),
        ("key", "0a1b2c3d4e5f60718293"),
        ("anything", "AKIAIOSFODNN7EXAMPLE"),
        ("source", "https://user:hunter2@example.org/x.csv"),
    ],
)
def test_a_secret_is_found_and_not_repeated(check, name, value):
    text = parameter(f"{{type: str, default: {value!r}}}").replace("x: ", f"{name}: ")
    (found,) = check(MLproject=text)
    assert found.code == "P110"
    assert found.masked
    assert value not in found.message + found.hint
    assert "***" in found.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("api_key", ""),
        ("api_key", "your-api-key"),
        ("api_key", "<API KEY>"),
        ("password", "changeme"),
        ("token", "$TOKEN"),
        ("token", "env:TOKEN"),
        ("pad_token", "0"),
        ("max_tokens", "100"),
        ("tokenizer", "bert-base-uncased"),
        ("key", "customer_id"),
        ("sort_key", "price"),
        ("secret_name", "prod/database"),
        ("password_file", "/run/secrets/password"),
        ("source", "https://example.org/a@b"),
        ("source", "https://user:${PASSWORD}@example.org/"),
    ],
)
def test_what_only_looks_like_a_secret_is_left_alone(check, name, value):
    assert check(MLproject=parameter(f'{{type: str, default: "{value}"}}').replace("x: ", f"{name}: ")) == []


def test_a_parameter_marked_secret_has_no_default(check):
    assert [finding.code for finding in check(MLproject=parameter("{type: str, secret: true, default: s3}"))] == [
        "P110"
    ]


def test_a_relative_path_is_looked_for_in_the_callers_folder(check, said):
    (found,) = check(MLproject=parameter("{type: path, default: data/x.csv}"))
    assert said([found]) == ["P111 MLproject:5:32"]
    assert "caller" in found.message


def test_the_placeholder_of_an_output_is_a_text(check, said, mend):
    outputs = "    outputs:\n      x: {type: table}\n"
    assert check(MLproject=parameter("{type: str, default: x.csv}") + outputs) == []
    text = parameter("{type: path, default: x.csv}") + outputs
    assert said(check(MLproject=text)) == ["P112 MLproject:5:17"]
    assert mend(MLproject=text) == text.replace("path", "str")


def test_a_local_path_is_no_uri(check, said):
    (found,) = check(MLproject=parameter("{type: uri, default: data/x.csv}"))
    assert said([found]) == ["P113 MLproject:5:31"]


@pytest.mark.parametrize(
    ("stated", "codes"),
    [("{type: bool, flag: true}", ["P114"]), ("{type: int, default: 3}", ["P114"]), ("{type: int}", [])],
)
def test_what_plain_mlflow_cannot_express_is_a_hint(check, stated, codes):
    text = parameter(stated).replace("parameters:", "optional_parameters:")
    found = check(MLproject=text)
    assert [finding.code for finding in found] == codes
    assert all(finding.rule.severity == "info" for finding in found)


def test_parameters_that_an_alias_repeats_are_judged_once(check, said):
    text = parameter("{type: int, default: abc}").replace("  main:", "  train: &train") + "  main: *train\n"
    assert said(check(MLproject=text)) == ["P103 MLproject:5:31"]


@pytest.mark.parametrize("stated", ["{type:& path}", "{type:#str}", "{type:!path}", "{minimum:&0.01, type: float}"])
def test_a_key_and_value_run_together_that_make_no_yaml_apart_are_found_and_left(check, stated):
    (found,) = [finding for finding in check(MLproject=parameter(stated)) if finding.code == "P102"]
    assert found.fix is None
