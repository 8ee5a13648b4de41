"""Mends replace whole files, keep what they do not mean, and end."""

import pytest

from artifactflow.check import Fix, Rule, Severity
from artifactflow.check.fixes import MOST_ROUNDS, diff_of, fix_all
from artifactflow.errors import ContractError, OutsideError, Place, UsageError

RULE = Rule("M003", "unknown-key", Severity.WARNING, "A key that nobody reads.")


def finding(file, old, new):
    """A finding whose mend puts `new` in the place of the first `old`."""
    fix = Fix(file, f"{old} → {new}", change=lambda text: text.replace(old, new, 1))
    return RULE.at(Place(str(file), 1, 1), old, fix=fix)


def found_in(file, *pairs):
    return lambda: [finding(file, old, new) for old, new in pairs if old in file.read_text()]


def test_mends_of_one_file_add_up_and_one_may_bring_another_to_light(tmp_path):
    file = tmp_path / "MLproject"
    file.write_text("a b")
    done = fix_all(found_in(file, ("a", "x"), ("b", "y"), ("x", "z")))
    assert file.read_text() == "z y"
    assert [fix.summary for fix in done] == ["a → x", "b → y", "x → z"]


def test_a_finding_without_a_mend_stays(tmp_path):
    assert fix_all(lambda: [RULE.at(Place("MLproject"), "…")]) == []


def test_mends_that_undo_each_other_end(tmp_path):
    file = tmp_path / "MLproject"
    file.write_text("a")
    assert len(fix_all(found_in(file, ("a", "b"), ("b", "a")))) == MOST_ROUNDS


def test_a_mend_whose_place_is_gone_is_left_for_the_next_round(tmp_path):
    file = tmp_path / "MLproject"
    file.write_text("a")

    def change(text):
        raise ContractError("there is no such key any more")

    assert fix_all(lambda: [RULE.at(Place(str(file)), "…", fix=Fix(file, "mend", change=change))]) == []
    assert file.read_text() == "a"


def test_line_ends_and_the_mode_of_a_file_are_kept(tmp_path):
    file = tmp_path / "run.sh"
    file.write_bytes(b"a\r\nb\n")
    file.chmod(0o755)
    fix_all(found_in(file, ("a", "x")))
    assert file.read_bytes() == b"x\r\nb\n"
    assert file.stat().st_mode & 0o777 == 0o755
    assert list(tmp_path.iterdir()) == [file], "nothing is left beside it"


def test_a_file_is_renamed_but_never_over_another(tmp_path):
    file = tmp_path / "MLproject.yaml"
    file.write_text("a")
    rename = RULE.at(Place(str(file)), "…", fix=Fix(file, "call it MLproject", rename="MLproject"))
    (tmp_path / "MLproject").write_text("b")
    with pytest.raises(UsageError, match="MLproject exists"):
        fix_all(lambda: [rename])
    (tmp_path / "MLproject").unlink()
    assert [fix.summary for fix in fix_all(lambda: [rename])] == ["call it MLproject"]
    assert (tmp_path / "MLproject").read_text() == "a"


def test_a_file_that_is_gone_is_an_error_of_the_outside(tmp_path):
    with pytest.raises(OutsideError, match="cannot read"):
        fix_all(lambda: [finding(tmp_path / "MLproject", "a", "b")])


def test_the_diff_shows_what_would_be_written_and_writes_nothing(tmp_path):
    file = tmp_path / "MLproject"
    file.write_text("a\nb")
    assert diff_of(found_in(file, ("a", "x"), ("b", "y"))()) == (
        f"--- a/{file}\n+++ b/{file}\n@@ -1,2 +1,2 @@\n-a\n-b\n\\ No newline at end of file\n"
        "+x\n+y\n\\ No newline at end of file\n"
    )
    assert file.read_text() == "a\nb"


def test_the_diff_names_a_rename(tmp_path):
    file = tmp_path / "MLproject.yaml"
    rename = RULE.at(Place(str(file)), "…", fix=Fix(file, "call it MLproject", rename="MLproject"))
    assert diff_of([rename]) == f"rename {file} → MLproject\n"
