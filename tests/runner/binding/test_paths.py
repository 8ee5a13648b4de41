"""A relative path starts from the folder of whoever gave it, and a local address is a path."""

from pathlib import Path

import pytest

from artifactflow.errors import UsageError
from artifactflow.parameters import Parameter, ParameterType, Source, SourceKind
from artifactflow.runner.binding.paths import absolute_value, base_of

PATH = Parameter("data", ParameterType.PATH)
URI = Parameter("data", ParameterType.URI)
BASE = Path("/project")


@pytest.mark.parametrize("kind", SourceKind)
def test_what_was_typed_starts_where_it_was_typed_and_all_else_in_the_folder_of_its_file(kind):
    typed = kind in (SourceKind.OPTION, SourceKind.VARIABLE)
    assert base_of(Source(kind), Path("/project"), Path("/caller")) == Path("/caller" if typed else "/project")


@pytest.mark.parametrize(
    ("parameter", "value", "absolute"),
    [
        (PATH, "data/iris.csv", "/project/data/iris.csv"),
        (PATH, "/data/iris.csv", "/data/iris.csv"),
        (PATH, "file:///data/a%20b.csv", "/data/a b.csv"),
        (URI, "data/iris.csv", "/project/data/iris.csv"),
        (URI, "file:///data/a%20b.csv", "/data/a b.csv"),
        (URI, "file://localhost/data/iris.csv", "/data/iris.csv"),
    ],
)
def test_paths_and_local_addresses_are_made_absolute(parameter, value, absolute):
    assert absolute_value(parameter, value, BASE) == absolute


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        (URI, "https://host/iris.csv"),
        (URI, "s3://bucket/iris.csv"),
        (URI, "pkg:package/iris.csv"),
        (PATH, "artifactflow:/iris/latest"),
        (URI, "artifactflow:/iris/latest"),
        (Parameter("text"), "data/iris.csv"),
        (PATH, ""),
        (PATH, None),
    ],
)
def test_everything_else_stays_as_it_is(parameter, value):
    assert absolute_value(parameter, value, BASE) == value


def test_a_home_is_found_and_one_of_nobody_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert absolute_value(PATH, "~/iris.csv", BASE) == str(tmp_path / "iris.csv")
    with pytest.raises(UsageError, match="no such user's home"):
        absolute_value(PATH, "~nobody-of-that-name/iris.csv", BASE)


def test_the_address_of_a_file_on_another_machine_is_refused():
    with pytest.raises(UsageError, match="on another machine"):
        absolute_value(URI, "file://server/data.csv", BASE)


def test_an_input_may_be_given_by_the_address_of_a_local_file(project):
    (project.folder / "a text.txt").write_text("words")
    project.pipeline("steps: {shout: {component: shout}}")
    project.run(shout__text=(project.folder / "a text.txt").as_uri())
    assert project.text("loud") == "WORDS"


def test_an_input_in_the_home_of_nobody_is_refused_in_words(project):
    project.pipeline("steps: {shout: {component: shout, with: {text: ~nobody-of-that-name/words.txt}}}")
    assert "no such user's home" in project.fails().message
