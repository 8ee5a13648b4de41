"""One table of one pyproject.toml: the nearest that speaks of artifactflow."""

import pytest

from artifactflow.errors import ContractError
from artifactflow.settings import ProjectSettings, project_settings


def test_the_nearest_file_with_the_table_counts(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.artifactflow]\nenv = "uv"\nignore = ["M003", "P"]\n')
    part = tmp_path / "part" / "deep"
    part.mkdir(parents=True)
    (tmp_path / "part" / "pyproject.toml").write_text('[project]\ndependencies = ["artifactflow"]\n')
    found = project_settings(part)
    assert found.file == tmp_path / "pyproject.toml"
    assert (found.text("env"), found.texts("ignore")) == ("uv", ("M003", "P"))
    assert (found.text("keep_warm"), found.texts("select")) == (None, ())


def test_a_file_that_does_not_speak_of_us_is_not_even_parsed(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[this is no TOML")
    assert project_settings(tmp_path) == ProjectSettings()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.artifactflow", "pyproject.toml is not TOML"),
        ("[tool.artifactflow]\nenv = 1", r"\[tool.artifactflow\] env must be a text, got 1"),
        ('[tool.artifactflow]\nselect = ["a", 1]', r"select must be a list of texts, got \['a', 1\]"),
        ("tool.artifactflow = 7", r"\[tool.artifactflow\] must be a table, got 7"),
    ],
)
def test_what_cannot_be_read_is_an_error_at_its_file(tmp_path, text, message):
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(ContractError, match=message) as caught:
        found = project_settings(tmp_path)
        found.text("env")
        found.texts("select")
    assert caught.value.place.file == str(tmp_path / "pyproject.toml")
