"""What plain `mlflow run` would make of a command is said at its place, and mended where the meaning is certain."""

import subprocess

import pytest

from artifactflow.check.command.command_text import joined
from artifactflow.check.findings import Severity

SEED_TRAIN = (
    "name: iris-classifier\n"
    "entry_points:\n"
    "  train:\n"
    "    parameters:\n"
    "      test_size: {type: float, default: 0.3}  # ours\n"
    "      random_seed: {type: int, default: 42}\n"
    "      max_iter: {type: int, default: 200}\n"
    "    command: >-\n"
    "      python train_iris.py --test_size {test_size}\\ \n"
    "        --random_seed {random_seed}\\ \n"
    "        --max_iter {max_iter}\n"
    "# the end\n"
)
SEED_DOWNLOAD = (
    "name: download_data\n"
    "entry_points:\n"
    "  main:\n"
    "    parameters:\n"
    "      file_url: {type: str}\n"
    "      artifact_name: {type: str}\n"
    "      artifact_type: {type: str, default: raw_data}\n"
    "    command: >-\n"
    "      python main.py --file_url {file_url}\\\n"
    "        --artifact_name {artifact_name}\\\n"
    "        --artifact_type {artifact_type}\n"
)


@pytest.fixture(scope="module")
def load_project():
    from mlflow.projects._project_spec import load_project

    return load_project


@pytest.fixture
def arguments(load_project, tmp_path):
    """What bash hands to Python for the command that MLflow builds."""

    def built(values, entry_point="main"):
        command = load_project(str(tmp_path)).get_entry_point(entry_point).compute_command(values, None)
        dump = "python() { printf '%s\\0' \"$@\"; }; "
        found = subprocess.run(["bash", "-c", dump + command], capture_output=True, check=True)
        assert found.stderr == b""
        return found.stdout.decode().split("\0")[:-1]

    return built


def manifest(command, parameters="{a: {type: str, default: x}, b: {type: str, default: y}}", more=""):
    return f"entry_points:\n  main:\n    parameters: {parameters}\n{more}    command: {command}\n"


def test_the_seeds_train_is_found_at_its_backslash_and_runs_under_mlflow_once_mended(check, said, mend, arguments):
    (finding,) = check({"MLproject": SEED_TRAIN})
    assert said([finding]) == ["C201 MLproject:9:51"]
    assert finding.rule.severity is Severity.ERROR
    assert "one line: python train_iris.py --test_size {test_size} --random_seed {random_seed}" in finding.hint
    mended = mend({"MLproject": SEED_TRAIN})
    head, _, _ = SEED_TRAIN.partition("      python train_iris.py")
    one_line = "python train_iris.py --test_size {test_size} --random_seed {random_seed} --max_iter {max_iter}"
    assert mended == f"{head}      {one_line}\n# the end\n"
    assert arguments({}, "train") == (
        ["train_iris.py", "--test_size", "0.3", "--random_seed", "42", "--max_iter", "200"]
    )


def test_the_seeds_download_joins_its_lines_and_is_left_alone(check, mend, arguments):
    assert check({"MLproject": SEED_DOWNLOAD}) == []
    assert mend({"MLproject": SEED_DOWNLOAD}) == SEED_DOWNLOAD
    values = {"file_url": "u", "artifact_name": "raw data"}
    assert arguments(values)[-4:] == ["--artifact_name", "raw data", "--artifact_type", "raw_data"]


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (">-\n      python main.py --a {a}\n        --b {b}", 5),
        ("|\n      python main.py --a {a}\n      --b {b}", 5),
        ("|\n      python main.py --a {a}\\\n      --b {b}", 5),
        ('"python main.py --a {a} --b {b} \\\\"', 4),
        ("|\n      cd . && python main.py --a {a}\n        --b {b}", 5),
    ],
    ids=["folded deeper", "literal", "glued", "trailing", "in a shell"],
)
def test_lines_that_bash_does_not_join_are_one_line_after_the_mend(check, mend, arguments, command, line):
    text = manifest(command, more="    # keep me\n")
    (finding,) = check({"MLproject": text})
    assert (finding.code, finding.place.line) == ("C201", line + 1)
    mended = mend({"MLproject": text})
    assert "    # keep me\n" in mended
    assert arguments({"a": "1 2"}) == ["main.py", "--a", "1 2", "--b", "y"]


@pytest.mark.parametrize(
    "command",
    [
        "python main.py --a {a} --b {b}",
        ">-\n      python main.py --a {a}\n      --b {b}",
        "|\n      python main.py \\\n        --a {a} \\\n        --b {b}",
        "|\n      echo {a} &&\n      python main.py --b {b}",
        "|\n      python main.py --a {a}\n      python other.py --b {b}",
        "python main.py {a} {b} -c 'print({{}})' > log.txt 2>&1",
        "python main.py --a={a} --b={b} --text '<a> -> b>=2'",
    ],
)
def test_commands_that_bash_reads_as_meant_yield_nothing(check, command):
    assert check({"MLproject": manifest(command)}) == []


def test_a_quote_that_is_never_closed(check, said):
    (finding,) = check({"MLproject": manifest("python main.py {a} {b} --note it's")}, select=("C", "M001"))
    assert said([finding]) == ["C202 MLproject:4:46"]


def test_angle_brackets_around_a_name_and_comparisons_are_redirections(check, said, mend, arguments):
    text = manifest("python main.py --a <a> --b {b}")
    (finding, unused) = sorted(check({"MLproject": text}), key=lambda each: each.code)
    assert said([finding]) == ["C203 MLproject:4:33"]
    assert unused.code == "C206"
    assert "--a {a} --b {b}" in mend({"MLproject": text})
    assert arguments({}) == ["main.py", "--a", "x", "--b", "y"]


def test_a_pin_without_quotes_writes_a_file(check, said):
    findings = check({"MLproject": manifest("pip install pandas>=2 && python main.py {a} {b}")})
    assert said(findings) == ["C203 MLproject:4:31"]


def test_a_placeholder_that_is_no_parameter_says_what_may_be_meant(check, said):
    findings = check({"MLproject": manifest("python main.py --a {a} --x {bb} --b {b}", "{a: str, b: str, bbb: str}")})
    undeclared = next(each for each in findings if each.code == "C204")
    assert said([undeclared]) == ["C204 MLproject:4:41"]
    assert "KeyError: 'bb'" in undeclared.message
    assert undeclared.hint.startswith("did you mean")


def test_an_optional_parameter_in_the_command_is_unknown_to_mlflow(check):
    more = "    optional_parameters: {c: {type: int}}\n"
    (finding,) = check({"MLproject": manifest("python main.py {a} {b} --c={c}", more=more)})
    assert finding.code == "C204"
    assert "optional_parameters" in finding.message


OUTPUT = """\
entry_points:
  main:
    parameters:
      raw: path        # what comes in

    # what goes out
    outputs:
      clean: {path: clean.csv}
    command: python main.py --raw={raw} --clean={clean}
"""


def test_an_output_is_declared_as_a_parameter_too_and_no_other_line_changes(check, said, mend, arguments):
    (finding,) = check({"MLproject": OUTPUT})
    assert said([finding]) == ["C205 MLproject:9:49"]
    added = "      clean: {type: str, default: clean.csv}\n"
    lines = OUTPUT.splitlines(keepends=True)
    assert mend({"MLproject": OUTPUT}) == "".join([*lines[:4], added, *lines[4:]])
    assert arguments({"raw": "/data.csv"}) == ["main.py", "--raw=/data.csv", "--clean=clean.csv"]


def test_an_output_of_an_entry_point_without_parameters_gets_a_section(mend, arguments):
    text = "entry_points:\n  main:\n    outputs: {m: m.csv}\n    command: python main.py {m}  # run\n"
    assert "    command: python main.py {m}  # run\n" in mend({"MLproject": text})
    assert arguments({}) == ["main.py", "m.csv"]


def test_a_parameter_that_the_command_never_uses(check, said):
    (finding,) = check({"MLproject": manifest("python main.py {a}")})
    assert said([finding]) == ["C206 MLproject:3:46"]
    assert finding.rule.severity is Severity.WARNING


def test_parameters_used_elsewhere_are_used(check):
    parameters = "{a: str, b: str, key: {type: str, secret: true}}"
    more = "    outputs: {m: {path: m.csv, name: '{b}'}}\n    optional_parameters: {c: int}\n"
    assert check({"MLproject": manifest("python main.py {a}", parameters, more)}) == []


def test_a_placeholder_in_quotes_is_bare_after_the_mend(check, said, mend, arguments):
    text = manifest("python main.py --a '{a}' --b=\"{b}\"")
    assert said(check({"MLproject": text})) == ["C207 MLproject:4:34", "C207 MLproject:4:44"]
    assert "command: python main.py --a {a} --b={b}\n" in mend({"MLproject": text})
    value = "it's $(id); `id`"
    assert arguments({"a": value, "b": value}) == ["main.py", "--a", value, f"--b={value}"]


@pytest.mark.parametrize(
    "command", ["python main.py 'x {a}' {b}", "bash -c 'echo {a}' && echo {b}", "true; echo `echo {a}` {b}"]
)
def test_a_placeholder_among_other_quoted_text_is_reported_and_not_touched(check, command):
    (finding,) = check({"MLproject": manifest(command)}, select=("C", "M001"))
    assert finding.code == "C207"
    assert finding.fix is None
    assert manifest(command).splitlines()[3][finding.place.column - 1 :].startswith("{a}")


def test_a_refused_command_over_several_lines_is_said_once_at_the_placeholder(check, said):
    text = manifest("|\n      echo {b} |\n      cat 'x {a}'")
    assert said(check({"MLproject": text}, select=("C", "M001"))) == ["C207 MLproject:6:14"]


def test_braces_of_the_shell_are_doubled(check, said, mend, load_project, tmp_path):
    text = manifest('"python main.py --home ${HOME} {1:2} {a} {b}"')
    assert said(check({"MLproject": text}, select=("C", "M001"))) == ["C208 MLproject:4:37", "C208 MLproject:4:45"]
    assert '"python main.py --home ${{HOME}} {{1:2}} {a} {b}"' in mend({"MLproject": text})
    command = load_project(str(tmp_path)).get_entry_point("main").compute_command({}, None)
    assert command == "python main.py --home ${HOME} {1:2} x y"


@pytest.mark.parametrize("brace", ["{a.b}", "${a}", "{a!r}", "}"])
def test_braces_of_unclear_meaning_are_reported_and_not_touched(check, brace):
    (finding,) = check({"MLproject": manifest(f'"python main.py {{a}} {{b}} {brace}"')}, select=("C", "M001"))
    assert (finding.code, finding.fix) == ("C208", None)


def test_an_echo_of_one_value_is_mended_and_one_of_several_is_not(check, said, mend, arguments):
    text = manifest("python main.py --a $(echo {a}) $(echo {b})")
    findings = check({"MLproject": text})
    assert said(findings) == ["C209 MLproject:4:33", "C209 MLproject:4:45"]
    assert [finding.fix is None for finding in findings] == [False, True]
    assert "--a {a} $(echo {b})" in mend({"MLproject": text})
    assert arguments({"a": "1 *", "b": "--b 2"}) == ["main.py", "--a", "1 *", "--b", "2"]


@pytest.mark.parametrize(
    ("program", "found"),
    [("python3.8", 1), ("/usr/bin/python", 1), ("python2", 1), ("python", 0), ("python3", 0), ("pytest", 0)],
)
def test_a_program_that_pins_python(check, program, found):
    findings = check({"MLproject": manifest(f"{program} main.py {{a}} {{b}}")})
    assert [finding.code for finding in findings] == ["C210"] * found
    assert all(finding.rule.severity is Severity.INFO for finding in findings)


def test_a_command_that_leaves_the_folder(check, said):
    assert said(check({"MLproject": manifest("cd src && python main.py {a} {b}")})) == ["C211 MLproject:4:14"]
    assert check({"MLproject": manifest("cd . && python main.py {a} {b}")}) == []


def test_a_script_by_its_bare_name_is_run_by_its_interpreter(check, said, mend, arguments):
    files = {"MLproject": manifest("main.py {a} {b}"), "main.py": ""}
    assert said(check(files)) == ["C212 MLproject:4:14"]
    assert "command: python main.py {a} {b}\n" in mend(files)
    assert arguments({}) == ["main.py", "x", "y"]


def test_a_shell_script_that_does_not_exist(check, said):
    command = manifest("bash run.sh {a} {b}")
    assert said(check({"MLproject": command})) == ["C212 MLproject:4:19"]
    assert check({"MLproject": command, "run.sh": ""}) == []


@pytest.mark.parametrize(
    ("template", "line"),
    [
        ("a 'x \\\n --y' \\\n  --b", "a 'x \\\n --y' --b"),
        ("a \\' \\\n  --b", "a \\' --b"),
        ('a "\\"\n --b" \\ ', 'a "\\"\n --b"'),
    ],
)
def test_quoted_lines_are_not_joined(template, line):
    assert joined(template) == line


def test_quotes_inside_quotes_stay(check):
    (finding,) = check({"MLproject": manifest("|\n      echo \"$(echo '{a}')\" {b}")})
    assert (finding.code, finding.fix) == ("C207", None)


def test_line_ends_of_another_system_are_kept(mend):
    text = OUTPUT.replace("\n", "\r\n")
    mended = mend({"MLproject": text})
    assert mended.count("\n") == mended.count("\r\n") == text.count("\n") + 1


def test_findings_of_a_manifest_without_commands(check):
    assert check({"MLproject": "name: x\n"}) == []
    assert check({"MLproject": "entry_points: {main: {}}\n"}) == []
