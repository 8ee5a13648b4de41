"""A call of `mlflow.run` becomes a step whose values are those that MLflow would pass."""

import textwrap
from pathlib import Path

import pytest

from artifactflow.errors import NotFoundError, UsageError
from artifactflow.runner.nested.binding import argument_texts, bind_call, called_component, named_files, step_name
from artifactflow.runner.secrets import shown_value


@pytest.fixture
def component(tmp_path: Path) -> Path:
    folder = tmp_path / "clean"
    folder.mkdir()
    (folder / "MLproject").write_text(
        textwrap.dedent("""\
            name: clean
            entry_points:
              main:
                parameters:
                  low: {type: float, default: 10}
                  depth: {type: int, default: 3}
                  strict: {type: bool, default: false}
                  source: {type: string, default: ''}
                  table: {type: path, default: ''}
                command: python main.py {low} {depth} {strict} {source} {table}
              check: {command: python check.py}
            """)
    )
    (folder / "main.py").write_text("print(1)\n")
    return folder


def bound(folder: Path, caller: Path, entry_point: str = "main", **given: str):
    component, contract = called_component(folder, entry_point, given)
    return bind_call("root/clean", component, contract, given, caller, None)


def test_values_have_the_types_of_the_manifest_and_say_who_gave_them(component, tmp_path):
    step = bound(component, tmp_path, low="12.5")
    assert (step.parameters["low"], str(step.sources["low"])) == (12.5, "mlflow.run")
    assert (step.parameters["depth"], str(step.sources["depth"])) == (3, "default")


def test_a_text_that_a_type_cannot_hold_is_passed_on_as_mlflow_would(component, tmp_path):
    assert bound(component, tmp_path, depth="None").parameters["depth"] == "None"


def test_words_for_true_and_false_stay_as_they_were_given(component, tmp_path):
    assert bound(component, tmp_path, strict="false").parameters["strict"] == "false"
    assert bound(component, tmp_path, strict="True").parameters["strict"] is True


def test_what_the_manifest_does_not_know_is_appended_to_the_command(component, tmp_path):
    step = bound(component, tmp_path, seed="7")
    assert step.parameters["seed"] == "7"
    assert step.contract.parameter("seed").optional


def test_a_relative_path_means_the_callers_folder(component, tmp_path):
    assert bound(component, tmp_path / "here", table="data.csv").parameters["table"] == str(tmp_path / "here/data.csv")


def test_a_file_address_is_a_path(component, tmp_path):
    assert bound(component, tmp_path, table="file:///a%20b.csv").parameters["table"] == "/a b.csv"


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_of_a_text_that_names_a_file_the_content_counts(component, tmp_path, form):
    file = tmp_path / "settings.json"
    file.write_text("{}")
    assert named_files(bound(component, tmp_path, source=form.format(file))) == {"source": file}


def test_a_file_beside_the_script_is_found_from_there(component, tmp_path):
    (component / "rows.csv").write_text("1")
    assert named_files(bound(component, tmp_path, source="rows.csv")) == {"source": component / "rows.csv"}


@pytest.mark.parametrize("text", ["sample.csv:latest", "x" * 5000, "a\0b", "."])
def test_other_texts_name_nothing(component, tmp_path, text):
    assert named_files(bound(component, tmp_path, source=text)) == {}


def test_a_folder_around_the_component_does_not_count_by_its_content(component, tmp_path):
    assert named_files(bound(component, tmp_path, source=str(tmp_path))) == {}


def test_a_script_is_an_entry_point_that_needs_no_manifest(tmp_path):
    (tmp_path / "train.py").write_text("")
    step = bound(tmp_path, tmp_path, "train.py", alpha="0.5")
    assert step.contract.command == "python train.py"
    assert step.parameters == {"alpha": "0.5"}


def test_an_entry_point_that_does_not_exist_is_said(component, tmp_path):
    with pytest.raises(NotFoundError, match="no entry point 'clen'"):
        bound(component, tmp_path, "clen")


def test_a_caller_cannot_say_where_an_output_goes(tmp_path):
    (tmp_path / "MLproject").write_text(
        "entry_points: {main: {command: 'python main.py {out}', outputs: {out: {type: data, path: out.csv}}}}"
    )
    with pytest.raises(UsageError, match="out is an output"):
        bound(tmp_path, tmp_path, out="there.csv")


def test_a_step_is_named_after_who_calls_what(component, tmp_path):
    root = bound(component, tmp_path)
    called, _ = called_component(component, "main", {})
    assert step_name(root, called, "main") == "root/clean/clean"
    assert step_name(root, called, "check") == "root/clean/check"


def test_mlflow_is_told_values_as_they_were_given_and_no_secrets(component, tmp_path):
    given = {"low": "1e1", "api_key": "hidden"}
    step = bound(component, tmp_path, **given)
    shown = {one.name: shown_value(one, step.parameters[one.name]) for one in step.contract.parameters}
    texts = argument_texts(step, shown, given)
    assert (texts["low"], texts["depth"], texts["api_key"]) == ("1e1", "3", "***")
