"""`artifactflow check`: what it prints in each format, what it mends, and how it ends."""

import json
import signal

import pytest
import yaml

from artifactflow.check import ALL_RULES
from artifactflow.cli.app import main

FAULTY = """\
name: x
owner: me
python_env: python_env.yaml
entry_points:
  train:
    parameters:
      rate: {type: flaot, default: 0.1}  # as before
      api_key: {type: str, default: hunter2-hunter2}
    command: python main.py {rate} {api_key}
"""


@pytest.fixture
def faulty(tmp_path):
    """A component with errors and warnings, two of which can be mended."""
    folder = tmp_path / "train"
    folder.mkdir()
    (folder / "MLproject").write_text(FAULTY)
    (folder / "python_env.yaml").write_text('python: "3.11"\ndependencies: []\n')
    (folder / "main.py").write_text("import sys\nprint(sys.argv[1:])\n")
    return folder


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """`artifactflow check …` in `tmp_path`: its exit code, what it printed and what it said beside that."""
    monkeypatch.chdir(tmp_path)
    on_termination = signal.getsignal(signal.SIGTERM)

    def called(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["check", *map(str, arguments)])
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    yield called
    signal.signal(signal.SIGTERM, on_termination)


RULES = ("--select", "M,P")


def test_nothing_wrong_is_one_line_and_exit_code_0(call):
    assert call() == (0, "nothing wrong in 0 components, 0 pipelines\n", "")


def test_text_shows_the_line_a_caret_and_the_mend(call, faulty):
    code, out, _ = call(faulty.name, *RULES)
    assert code == 8
    assert (
        "train/MLproject:7:20: warning[P101] the type 'flaot' of rate means none of str, int, float, bool, path, uri: "
        "it is taken for a text\n"
        "    |\n"
        "  7 |       rate: {type: flaot, default: 0.1}  # as before\n"
        "    |                    ^^^^^\n"
        "  help: write float\n"
    ) in out
    assert out.endswith("1 error, 3 warnings in 1 component, 0 pipelines; 2 can be mended: artifactflow check --fix\n")


@pytest.mark.parametrize("form", ["text", "json", "github", "sarif"])
def test_no_format_shows_a_secret(call, faulty, form):
    code, out, _ = call(faulty.name, "--format", form)
    assert code == 8
    assert "P110" in out
    assert "hunter2" not in out


def test_json_is_one_document_for_machines(call, faulty):
    code, out, err = call(faulty.name, *RULES, "--format", "json")
    content = json.loads(out)
    assert (code, err) == (8, "")
    assert content["counts"] == {"error": 1, "warning": 3, "info": 0}
    assert content["findings"][0] == {
        "code": "M003",
        "name": "unknown-key",
        "severity": "warning",
        "file": "train/MLproject",
        "line": 2,
        "column": 1,
        "message": "a manifest has no key 'owner': nothing reads it",
        "hint": "known are name, entry_points, python_env, conda_env, docker_env, databricks_spark_job",
        "fixable": False,
    }


def test_github_shows_findings_beside_their_lines(call, faulty):
    _, out, _ = call(faulty.name, "--select", "M003", "--format", "github")
    assert out == (
        "::warning file=train/MLproject,line=2,col=1,title=M003 unknown-key::a manifest has no key 'owner': nothing "
        "reads it. known are name, entry_points, python_env, conda_env, docker_env, databricks_spark_job\n"
    )


def test_github_escapes_what_would_end_a_command(call, tmp_path):
    folder = tmp_path / "a,b: 100%"
    folder.mkdir()
    (folder / "MLproject").write_text("'a%b': 1\nentry_points: {main: {command: 'true'}}\n")
    _, out, _ = call("--select", "M003", "--format", "github")
    assert out.startswith("::warning file=a%2Cb%3A 100%25/MLproject,line=1,col=1,title=M003 unknown-key::")
    assert "no key 'a%25b'" in out


def test_sarif_states_every_rule_and_where_each_finding_is(call, faulty):
    _, out, _ = call(faulty.name, *RULES, "--format", "sarif")
    (run,) = json.loads(out)["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [rule.code for rule in ALL_RULES]
    result = run["results"][0]
    assert (result["ruleId"], result["level"]) == ("M003", "warning")
    location = result["locations"][0]["physicalLocation"]
    assert location["artifactLocation"] == {"uri": "train/MLproject"}
    assert location["region"] == {"startLine": 2, "startColumn": 1}


def test_an_unknown_format_is_a_usage_error(call):
    code, out, err = call("--format", "jsn")
    assert (code, out) == (2, "")
    assert "did you mean json?" in err


def test_warnings_count_only_when_strict_and_hints_never(call, tmp_path):
    (tmp_path / "MLproject").write_text("owner: me\nentry_points: {main: {command: 'true'}}\n")
    assert call("--select", "M003")[0] == 0
    assert call("--select", "M003", "--strict")[0] == 8
    assert call("--select", "M014", "--strict")[0] == 0


def test_select_and_ignore_take_codes_and_names(call, faulty):
    def codes(*options):
        return [finding["code"] for finding in json.loads(call("--format", "json", *options)[1])["findings"]]

    assert codes("--select", "unknown-key,P101") == ["M003", "P101"]
    assert codes("--select", "M", "--select", "P1", "--ignore", "P110", "--ignore", "no-main") == ["M003", "P101"]
    code, _, err = call("--select", "P999")
    assert code == 2
    assert "no rule is called 'P999'" in err


def test_settings_of_the_project_hold_and_options_come_on_top(call, faulty, tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.artifactflow]\nselect = ["M", "P"]\nignore = ["P110"]\n')
    codes = [finding["code"] for finding in json.loads(call("--format", "json")[1])["findings"]]
    assert codes == ["M003", "M021", "P101"]
    codes = [finding["code"] for finding in json.loads(call("--format", "json", "--ignore", "M")[1])["findings"]]
    assert codes == ["P101"]
    (tmp_path / "pyproject.toml").write_text('[tool.artifactflow]\nexclude = ["train"]\n')
    assert call()[1] == "nothing wrong in 0 components, 0 pipelines\n"


def test_fix_mends_what_is_safe_and_keeps_the_rest(call, faulty):
    code, out, err = call("--fix", *RULES)
    assert code == 8, "the secret is still there"
    assert err == "mended train/MLproject: main is train\nmended train/MLproject: flaot → float\n"
    assert "can be mended" not in out
    text = (faulty / "MLproject").read_text()
    assert text == FAULTY.replace("flaot", "float").replace("  train:", "  train: &train") + "  main: *train\n"
    assert yaml.safe_load(text)["entry_points"]["main"]["command"] == "python main.py {rate} {api_key}"


def test_diff_shows_the_mends_and_writes_nothing(call, faulty):
    code, out, err = call("--diff", "--fix", "--select", "P101")
    assert (code, err) == (0, "")
    assert "-      rate: {type: flaot, default: 0.1}  # as before\n" in out
    assert "+      rate: {type: float, default: 0.1}  # as before\n" in out
    assert (faulty / "MLproject").read_text() == FAULTY


def test_explain_prints_why_with_a_wrong_and_a_right_example(call):
    code, out, _ = call("--explain", "p101")
    assert code == 0
    assert out.startswith("P101 unknown-type (warning)\n")
    assert "Wrong:" in out
    assert "Right:" in out
    assert call("--explain", "unknown-type")[1] == out
    code, _, err = call("--explain", "unknown-typ")
    assert code == 2
    assert "unknown-type" in err


def test_rules_lists_every_rule(call):
    code, out, _ = call("--rules")
    assert code == 0
    assert all(rule.code in out for rule in ALL_RULES)


def test_a_path_that_does_not_exist_is_exit_code_4(call):
    code, _, err = call("nowhere")
    assert code == 4
    assert err.startswith("error: there is no nowhere")
