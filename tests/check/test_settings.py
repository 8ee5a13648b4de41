"""Which rules count: by code, by the beginning of a code, by name, by file, by line."""

import pytest

from artifactflow.check import Rule, Settings, Severity, read_settings
from artifactflow.check.settings import check_words, is_suppressed
from artifactflow.errors import ContractError, Place, UsageError

UNKNOWN = Rule("M003", "unknown-key", Severity.WARNING, "A key that nobody reads.")
TYPE = Rule("P101", "unknown-type", Severity.WARNING, "A type that is none.")


@pytest.mark.parametrize(
    ("select", "ignore", "wanted"),
    [
        ([], [], ["M003", "P101"]),
        (["M"], [], ["M003"]),
        (["m003"], [], ["M003"]),
        (["unknown-type"], [], ["P101"]),
        (["M", "P1"], ["P101"], ["M003"]),
        ([], ["unknown-key", "P"], []),
    ],
)
def test_ignored_wins_over_selected(select, ignore, wanted):
    settings = Settings(tuple(select), tuple(ignore))
    assert [rule.code for rule in (UNKNOWN, TYPE) if settings.wants(rule)] == wanted


def test_a_word_that_means_no_rule_is_refused_with_what_may_be_meant():
    check_words(["M", "p101", "unknown-key"], [UNKNOWN, TYPE])
    with pytest.raises(UsageError, match="no rule is called 'unknown-tipe'") as caught:
        check_words(["unknown-tipe"], [UNKNOWN, TYPE])
    assert "unknown-type" in caught.value.hint


@pytest.mark.parametrize(
    ("line", "suppressed"),
    [
        ("owner: me", False),
        ("owner: me  # artifactflow: ignore", True),
        ("owner: me  # artifactflow: ignore[M003]", True),
        ("owner: me  #artifactflow:ignore[P101, unknown-key]", True),
        ("owner: me  # artifactflow: ignore[M]", True),
        ("owner: me  # artifactflow: ignore[P101]", False),
        ("owner: me  # artifactflow: ignore[]", False),
        ("owner: me  # we ignore it", False),
    ],
)
def test_a_comment_suppresses_the_findings_of_its_line(line, suppressed):
    assert is_suppressed(UNKNOWN.at(Place("MLproject", 1, 1), "…"), line) is suppressed


def test_settings_come_from_the_nearest_pyproject_that_has_them(tmp_path):
    (tmp_path / "pyproject.toml").write_text(
        '[tool.artifactflow]\nselect = ["M"]\nignore = ["M003"]\nexclude = ["old/*"]\n'
    )
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "pyproject.toml").write_text('[project]\nname = "part"\n')
    assert read_settings(tmp_path / "part") == Settings(("M",), ("M003",), ("old/*",))


def test_without_settings_everything_counts(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.artifactflow]\n")
    assert read_settings(tmp_path) == Settings()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.artifactflow\n", "is not TOML"),
        ('[tool.artifactflow]\nselect = "M"\n', "select must be a list of texts, got 'M'"),
        ("[tool.artifactflow]\nexclude = [1]\n", "exclude must be a list of texts"),
    ],
)
def test_settings_that_cannot_be_read_are_an_error_at_their_file(tmp_path, text, message):
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(ContractError, match=message) as caught:
        read_settings(tmp_path)
    assert caught.value.place.file == str(tmp_path / "pyproject.toml")
