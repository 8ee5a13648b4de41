"""Checking runs every rule, says every error once, and leaves out what was asked to be left out."""

import re

import pytest

from artifactflow.check import ALL_RULES, Severity, check_paths
from artifactflow.check.rules import MODULES
from artifactflow.check.run import source_line
from artifactflow.errors import NotFoundError, Place, UsageError

BROKEN = "name: [\n"


def test_codes_and_names_are_unique_and_every_rule_explains_itself():
    assert len({rule.code for rule in ALL_RULES}) == len({rule.name for rule in ALL_RULES}) == len(ALL_RULES)
    for rule in ALL_RULES:
        assert re.fullmatch(r"[A-Z][0-9]{3}", rule.code)
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.name), rule.code
        assert rule.summary.endswith("."), rule.code
        assert rule.explanation, rule.code


def test_every_module_of_rules_has_its_own_letter():
    letters = [{rule.code[0] for rule in module.RULES} for module in MODULES]
    assert all(len(own) <= 1 for own in letters)
    assert len(set().union(*letters)) == sum(map(len, letters))


@pytest.mark.parametrize("name", ["MLproject", "pipeline.yaml"])
def test_a_file_that_cannot_be_read_is_one_finding_with_its_place(check, said, name):
    (found,) = check({name: BROKEN})
    assert said([found]) == [f"M001 {name}:2:1"]
    assert found.rule.severity is Severity.ERROR
    assert found.hint


def test_what_a_rule_says_better_is_not_said_again(check):
    files = {"MLproject": "entry_points:\n  main: {}\n"}
    assert [finding.code for finding in check(files) if finding.rule.severity is Severity.ERROR] == ["M022"]


def test_a_script_that_is_not_python_is_one_finding_however_many_readers_stop_at_it(check, said):
    files = {"MLproject": "entry_points: {main: {command: python main.py}}\n", "main.py": "import wandb\nx = (1,, 2)\n"}
    (found,) = [finding for finding in check(files) if finding.code == "M001"]
    assert said([found]) == ["M001 main.py:2:8"]


def test_findings_come_in_the_order_of_files_and_lines(check, said):
    manifest = "b: 1\na: 2\nentry_points: {main: {command: 'true'}}\n"
    found = said(check({"x/MLproject": manifest, "a/MLproject": manifest}, select=["M003"]))
    assert found == ["M003 a/MLproject:1:1", "M003 a/MLproject:2:1", "M003 x/MLproject:1:1", "M003 x/MLproject:2:1"]


def test_a_comment_on_the_line_suppresses_a_finding(check, said):
    manifest = "a: 1  # artifactflow: ignore[M003]\nb: 2\nentry_points: {main: {command: 'true'}}\n"
    assert said(check(MLproject=manifest, select=["M003"])) == ["M003 MLproject:2:1"]


def test_the_report_counts_what_was_looked_at(write):
    folder = write({"a/MLproject": "a: 1\nentry_points: {main: {command: 'true'}}\n", "pipeline.yaml": "steps: {}\n"})
    report = check_paths([folder])
    assert (report.components, report.pipelines) == (1, 1)
    assert report.count(Severity.WARNING) == sum(finding.rule.severity == "warning" for finding in report.findings) > 0


def test_no_code_of_the_user_is_run(check, tmp_path):
    script = f"import pathlib\npathlib.Path({str(tmp_path / 'ran')!r}).touch()\n"
    check({"MLproject": "entry_points: {main: {command: python main.py}}\n", "main.py": script})
    assert not (tmp_path / "ran").exists()


def test_a_wrong_path_or_word_is_the_callers_error(check, tmp_path):
    with pytest.raises(NotFoundError):
        check_paths([tmp_path / "nowhere"])
    with pytest.raises(UsageError, match="no rule is called 'Q'"):
        check(select=["Q"])


def test_the_examples_have_no_error_and_no_warning(repository):
    as_found = "wandb_pipeline"  # has the faults of what it is an example of
    examples = [folder for folder in sorted((repository / "examples").iterdir()) if folder.name != as_found]
    findings = check_paths(examples).findings
    assert [str(finding.place) for finding in findings if finding.rule.severity is not Severity.INFO] == []


def test_a_line_is_shown_where_there_is_one(tmp_path):
    file = tmp_path / "MLproject"
    file.write_text("a\nb\n")
    assert source_line(Place(str(file), 2, 1)) == "b"
    assert source_line(Place(str(file), 9)) == source_line(Place(str(tmp_path / "none"), 1)) == ""


def test_a_name_longer_than_any_files_is_that_of_a_file_that_does_not_exist(check):
    long = "x" * 5000
    manifest = (
        f"conda_env: {long}.yaml\nentry_points:\n  main: {{command: python {long}.py}}\n  b: {{command: ./{long}}}\n"
    )
    steps = f"name: p\nsteps:\n  a: {{component: {long}}}\n"
    found = check({"MLproject": manifest, "p/pipeline.yaml": steps})
    assert {"M010", "X301", "C212", "L501"} <= {finding.code for finding in found}
