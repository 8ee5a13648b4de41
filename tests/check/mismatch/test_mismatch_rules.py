"""Where the manifest and the script disagree is said at its place, and a stale manifest is written anew."""

import subprocess

import pytest

from artifactflow.check.findings import Severity
from artifactflow.write.mlproject import command_for, write_component_text

SPLIT = '''\
from typing import Annotated, NamedTuple
import pandas as pd
import typer
from artifactflow import Input, Output, run, step

class Parts(NamedTuple):
    train: Annotated[pd.DataFrame, Output("train", type="train_data", description="Rows to learn from")]

@step
def split(
    table: Annotated[pd.DataFrame, Input(type="clean_data", description="The table")],
    test_size: Annotated[float, typer.Option(help="Share", min=0.01)] = 0.2,
    limit: int | None = None,
) -> Parts:
    """Split a table."""

if __name__ == "__main__":
    run(split)
'''
FRESH = """\
name: split
entry_points:
  main:
    description: Split a table.
    parameters:
      table:     {type: path, artifact: clean_data, description: The table}
      test_size: {type: float, default: 0.2, minimum: 0.01, description: Share}  # ours
      train:     {type: str, default: train.csv}
    optional_parameters:
      limit: {type: int}
    outputs:
      train: {type: train_data, path: train.csv, description: Rows to learn from}
    # how it runs
    command: python main.py --table={table} --test_size={test_size} --train={train}
"""


@pytest.fixture(scope="module")
def load_project():
    from mlflow.projects._project_spec import load_project

    return load_project


def argparse_script(*options, uses="args"):
    lines = [f"parser.add_argument({option})" for option in options]
    return "\n".join(
        ["import argparse", "parser = argparse.ArgumentParser()", *lines, "args = parser.parse_args()", uses]
    )


def component(script, parameters, command, optional=""):
    lines = ["entry_points:", "  main:"]
    lines += ["    parameters:", *(f"      {line}" for line in parameters)] if parameters else []
    lines += ["    optional_parameters:", f"      {optional}"] if optional else []
    return {"MLproject": "\n".join([*lines, f"    command: {command}", ""]), "main.py": script}


def test_a_manifest_that_says_what_the_script_says_yields_nothing(check):
    script = argparse_script(
        '"data"',
        '"--size", "-s", type=float, default=0.20, help="Share of the rows."',
        '"--method", choices=["mean", "median"], default="mean"',
        '"--out", default="./out"',
        '"--limit", type=int',
        '"--verbose", action="store_true"',
        uses="print(args.size, args.data)",
    )
    parameters = (
        "data: path",
        'size: {type: float, default: 0.2, description: "share of  the rows"}',
        "method: {type: str, default: mean}",
        "out: {type: string, default: out}",
    )
    command = "python main.py {data} -s {size} --method={method} --out {out}"
    optional = "{limit: int, verbose: {type: bool, flag: true}}"
    files = component(script, parameters, command)
    files["MLproject"] = files["MLproject"].replace("    command", f"    optional_parameters: {optional}\n    command")
    assert check(files, select=("M001", "C", "X")) == []


def test_a_missing_script_is_said_at_its_name(check, said):
    findings = check({"MLproject": "entry_points:\n  main:\n    command: python -u run.py\n", "main.py": ""})
    assert said(findings) == ["X301 MLproject:3:24"]
    assert findings[0].hint == "did you mean main.py?"


def test_a_folder_with_a_main_is_a_script(check):
    assert check({"MLproject": "entry_points:\n  main:\n    command: python app\n", "app/__main__.py": ""}) == []


def test_an_option_that_the_script_rejects(check, said):
    script = argparse_script('"--max_iter", type=int, default=1')
    command = ">-\n      python main.py\n      --max_itr={max_iter}"
    (finding,) = check(component(script, ["max_iter: {type: int, default: 1}"], command))
    assert said([finding]) == ["X302 MLproject:7:7"]
    assert (finding.hint, finding.length) == ("did you mean --max_iter?", len("--max_itr"))


@pytest.mark.parametrize(
    "script",
    [
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--a')\np.parse_known_args()",
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--a')\nextend(p)\np.parse_args()",
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--b-long', default=1)\np.parse_args()",
        "import sys\nprint(sys.argv[1])",
        "import fire\nfire.Fire(print)",
        "print('no command line')",
    ],
    ids=["known only", "unknown parser", "abbreviated", "argv", "fire", "none"],
)
def test_what_cannot_be_known_yields_nothing(check, script):
    assert (
        check(component(script, ["b: {type: str, default: 2}"], "python main.py --b={b}"), select=("X302", "X304"))
        == []
    )


def test_dashes_and_underscores_are_mended_in_the_command(check, said, mend):
    files = component(
        argparse_script('"--max_iter", default="1"'), ["n: {default: 1}"], "python main.py --max-iter {n} # c"
    )
    files["MLproject"] = files["MLproject"].replace(" # c", "  # the command")
    assert said(check(files)) == ["X303 MLproject:5:29"]
    assert mend(files) == files["MLproject"].replace("--max-iter", "--max_iter")


def test_a_positional_argument_that_the_script_does_not_take(check, said):
    files = component(argparse_script('"--data", required=True'), ["data: path"], "python main.py {data}")
    findings = check(files)
    assert sorted(said(findings)) == ["X304 MLproject:5:29", "X306 MLproject:5:21"]
    assert "write --data={data}" in [finding.hint for finding in findings]


def test_a_parameter_whose_value_is_an_option_is_not_stray(check):
    script = argparse_script('"--verbose", action="store_true"')
    assert (
        check(
            component(script, ['extra: {type: str, default: "--verbose"}'], "python main.py {extra}"), select=["X304"]
        )
        == []
    )


def test_an_option_that_no_entry_point_states_is_a_hint_at_the_script(check, said):
    files = component(
        argparse_script('"--a", default="1"', '"--seed", type=int, default=3'),
        ["a: {default: 1}"],
        "python main.py --a {a}",
    )
    (finding,) = check(files)
    assert said([finding])[0].startswith("X305 main.py:4:")
    assert finding.rule.severity is Severity.INFO
    other = "  other:\n    parameters: {seed: {type: int, default: 3}}\n    command: python main.py --seed {seed}\n"
    assert check(files | {"MLproject": files["MLproject"] + other}) == []


def test_what_the_script_requires_and_the_command_does_not_pass(check, said):
    script = "import click\n@click.command()\n@click.option('--data', required=True)\ndef main(data): ...\nmain()"
    (finding,) = check(component(script, [], "python main.py"))
    assert said([finding]) == ["X306 MLproject:3:21"]
    assert "requires --data" in finding.message
    assert check(component(script, ["data: path"], "python main.py --data {data}")) == []


def test_required_here_and_a_default_there_is_a_hint(check, said):
    files = component(argparse_script('"--seed", type=int, default=3'), ["seed: int"], "python main.py --seed {seed}")
    (finding,) = check(files)
    assert said([finding]) == ["X307 MLproject:4:7"]
    assert finding.hint == "write default: 3"


def test_defaults_that_differ_are_said_at_the_manifests(check, said):
    files = component(
        argparse_script('"--size", type=float, default=0.2'),
        ["size: {type: float, default: 0.3}"],
        "python main.py --size {size}",
    )
    (finding,) = check(files)
    assert said([finding]) == ["X308 MLproject:4:36"]
    assert "0.3 here and 0.2 in the script (main.py:3)" in finding.message
    assert (finding.rule.severity, finding.fix) == (Severity.WARNING, None)


@pytest.mark.parametrize(
    ("stated", "option"),
    [
        ("{type: float, default: 10}", "type=float, default=10.0"),
        ("{type: float, default: 1e-3}", "type=float, default='0.001'"),
        ("{type: str, default: a/b}", "default='./a/b'"),
        ("{type: float, default: 1}", "type=float, default=UNKNOWN_NAME"),
        ("{type: float, default: 1}", "type=float, default=None"),
        ("{default: 1 2}", "nargs='+', default=[1, 2]"),
    ],
)
def test_defaults_that_mean_the_same_or_are_unknown(check, stated, option):
    assert check(component(argparse_script(f'"--x", {option}'), [f"x: {stated}"], "python main.py --x {x}")) == []


def test_a_type_is_mended_where_the_default_is_of_it(check, said, mend):
    script = argparse_script('"--n", type=int, default=3', '"--x", type=float, default=1')
    files = component(script, ["n: {type: str, default: 3}   # how many", "x: int"], "python main.py --n {n} --x {x}")
    assert said(check(files, select=["X309"])) == ["X309 MLproject:4:17", "X309 MLproject:5:10"]
    mended = mend(files)
    assert mended == files["MLproject"].replace("type: str", "type: int").replace("x: int", "x: float")


@pytest.mark.parametrize("stated", ["{type: strng, default: 3}", "{default: 3}", "{type: integer, default: 3}"])
def test_a_type_that_is_unknown_or_not_stated_is_not_compared(check, stated):
    files = component(argparse_script('"--n", type=int, default=3'), [f"n: {stated}"], "python main.py --n {n}")
    assert check(files) == []


def test_choices_that_the_script_refuses(check, said):
    script = argparse_script('"--method", choices=["mean", "median"]')
    files = component(
        script, ["method: {type: str, default: middle, choices: [mean, middle]}"], "python main.py --method {method}"
    )
    assert said(check(files)) == ["X310 MLproject:4:36", "X310 MLproject:4:53"]
    narrower = component(
        script, ["method: {type: str, default: mean, choices: [mean]}"], "python main.py --method {method}"
    )
    assert check(narrower) == []


def test_descriptions_that_differ_are_a_hint(check, said):
    files = component(
        argparse_script('"--n", help="how many"'), ["n: {type: str, description: Rows}"], "python main.py --n {n}"
    )
    assert said(check(files, select=["X311"])) == ["X311 MLproject:4:35"]


def test_an_attribute_that_no_option_defines(check, said):
    script = argparse_script('"--max_iter", default="1"', uses="print(args.max_iter, args.max_itr)")
    (finding,) = check(component(script, ["n: {default: 1}"], "python main.py --max_iter {n}"))
    assert said([finding]) == ["X312 main.py:5:22"]
    assert (finding.hint, finding.length) == ("did you mean max_iter?", len("args.max_itr"))


def test_type_bool_of_argparse_and_not_of_click(check, said):
    files = component(
        argparse_script('"--b", type=bool, default=True'), ["b: {type: bool, default: true}"], "python main.py --b {b}"
    )
    (finding,) = check(files)
    assert said([finding])[0].startswith("X313 main.py:3:")
    assert "lambda text" in finding.hint
    click = "import click\n@click.command()\n@click.option('--b', type=bool, default=True)\ndef main(b): ...\nmain()"
    assert check(files | {"main.py": click}) == []


def test_the_proposed_converter_understands_what_mlflow_passes(tmp_path):
    convert = eval('lambda text: text.lower() in ("true", "1", "yes")')
    assert [convert(text) for text in ("True", "true", "False", "false")] == [True, True, False, False]


def test_words_that_stand_for_nothing(check, said):
    files = component(
        argparse_script('"--limit", default="null"'),
        ["limit: {type: str, default: None}"],
        "python main.py --limit {limit}",
    )
    found = said(check(files, select=["X314"]))
    assert found[0] == "X314 MLproject:4:35"
    assert found[1].startswith("X314 main.py:3:")


@pytest.mark.parametrize("command", ["python main.py --fast {fast}", "python main.py --fast={fast}"])
def test_a_value_for_a_flag(check, said, command):
    files = component(argparse_script('"--fast", action="store_true"'), ["fast: {type: bool, default: false}"], command)
    (finding,) = check(files)
    assert said([finding]) == ["X315 MLproject:5:29"]
    assert "optional_parameters: fast: {type: bool, flag: true}" in finding.hint


def test_an_optional_boolean_that_is_no_flag_here_is_one_there(check, said):
    files = component(argparse_script('"--fast", action="store_true"'), [], "python main.py", "fast: bool")
    assert said(check(files)) == ["X315 MLproject:4:7"]
    files["MLproject"] = files["MLproject"].replace("fast: bool", "fast: {type: bool, flag: true}")
    assert check(files) == []


def test_sub_commands(check, said):
    script = (
        "import click\n@click.group()\ndef main(): ...\n@main.command()\n@click.option('--n', type=int, default=1)\n"
        "def fit(n): ...\nmain()"
    )
    parameters = ["n: {type: int, default: 1}"]
    assert check(component(script, parameters, "python main.py fit --n={n}")) == []
    assert said(check(component(script, parameters, "python main.py fti --n={n}"))) == ["X304 MLproject:5:29"]
    assert said(check(component(script, parameters, "python main.py fit --m={n}"))) == ["X302 MLproject:5:33"]


def test_hydra_keys(check, said):
    script = "import hydra\n@hydra.main(config_path='.', config_name='config')\ndef main(config): ...\nmain()"
    files = component(script, ["n: {type: int, default: 2}"], "python main.py model.n={n} modle.n=3 +new=1")
    findings = check({**files, "config.yaml": "model:\n  n: 1\n"})
    assert sorted(said(findings)) == ["X302 MLproject:5:41", "X308 MLproject:4:31"]


def test_a_fresh_manifest_of_a_step_function_yields_nothing(check):
    assert check({"MLproject": FRESH, "main.py": SPLIT}, select=("M001", "C", "X")) == []


def test_what_the_writer_writes_of_a_signature_is_fresh(check):
    from dataclasses import replace

    from artifactflow.read.signature_source import contract_of_source

    contract = contract_of_source(SPLIT, "main.py")
    text = write_component_text("split", [replace(contract, command=command_for(contract, "main.py"))])
    assert check({"MLproject": text, "main.py": SPLIT}, select=("M001", "C", "X")) == []


STALE = [
    ("default: 0.2", "default: 0.3", 7, "default is 0.3 here and 0.2 in the step function"),
    ("minimum: 0.01", "minimum: 0.1", 7, "minimum is 0.1 here and 0.01"),
    ("type: float", "type: int", 7, "type is"),
    ("description: Share", "description: Part", 7, "description is 'Part' here and 'Share'"),
    ("artifact: clean_data", "artifact: raw_data", 6, "type is 'raw_data' here and 'clean_data'"),
    ("type: train_data", "type: test_data", 12, "type is 'test_data' here and 'train_data'"),
    ("limit: {type: int}", "limit: {type: str}", 10, "type is 'str' here and 'int'"),
    ("Split a table.", "Cut it.", 4, "the description is 'Cut it.'"),
]


@pytest.mark.parametrize(("fresh", "stale", "line", "words"), STALE)
def test_each_difference_from_the_signature_is_found_and_written_anew(check, mend, fresh, stale, line, words):
    files = {"MLproject": FRESH.replace(fresh, stale), "main.py": SPLIT}
    assert files["MLproject"] != FRESH
    (finding,) = check(files)
    assert (finding.code, finding.place.line) == ("X316", line)
    assert words in finding.message
    mended = mend(files).splitlines()
    expected = FRESH.splitlines()
    assert [" ".join(one.split()) for one in mended] == [" ".join(one.split()) for one in expected]
    assert [one for number, one in enumerate(mended, 1) if number != line] == (
        [one for number, one in enumerate(expected, 1) if number != line]
    )


def test_parameters_that_came_and_went_are_written_and_passed(check, mend, load_project, tmp_path):
    text = FRESH.replace("      table: ", "      # before\n      old: int  # gone\n      table: ")
    text = text.replace("      test_size: {type: float, default: 0.2, minimum: 0.01, description: Share}  # ours\n", "")
    text = text.replace("--test_size={test_size}", "--old={old}")
    files = {"MLproject": text, "main.py": SPLIT}
    findings = check(files)
    assert sorted(finding.message.partition(" of the")[0] for finding in findings if finding.fix) == (
        ["old is no parameter", "the parameter test_size"]
    )
    mended = mend(files)
    assert "# before" in mended
    assert "# how it runs" in mended
    assert "old" not in mended
    command = load_project(str(tmp_path)).get_entry_point("main").compute_command({"table": "/t.csv"}, None)
    assert command == "python main.py --table=/t.csv --train=train.csv --test_size=0.2"
    assert check(files | {"MLproject": mended}) == []


def test_a_parameter_that_the_command_does_not_pass_to_the_step(check, mend):
    files = {"MLproject": FRESH.replace(" --test_size={test_size}", ""), "main.py": SPLIT}
    (finding,) = check(files)
    assert "does not pass test_size" in finding.message
    assert mend(files) == FRESH.replace(
        " --test_size={test_size} --train={train}", " --train={train} --test_size={test_size}"
    )


def test_an_option_by_a_wrong_name_is_renamed(check, said, mend):
    files = {"MLproject": FRESH.replace("--test_size=", "--size="), "main.py": SPLIT}
    assert said(check(files)) == ["X316 MLproject:14:45"]
    assert mend(files) == FRESH


def test_a_secret_and_dashes_are_no_difference(check):
    text = FRESH.replace("description: Share}", "description: Share, secret: true}").replace(
        "--test_size=", "--test-size "
    )
    assert check({"MLproject": text, "main.py": SPLIT}) == []


def test_a_secret_of_the_signature_is_marked_and_leaves_the_command(check, mend):
    script = SPLIT.replace("    table: ", "    api_key: Annotated[str, typer.Option(hide_input=True)],\n    table: ", 1)
    text = FRESH.replace("      table: ", "      api_key: {type: str}\n      table: ", 1)
    files = {"MLproject": text.replace("--table=", "--api_key={api_key} --table="), "main.py": script}
    (finding,) = check(files)
    assert "secret is false here and true in the step function" in finding.message
    mended = mend(files)
    assert "api_key: {type: str, secret: true}" in mended
    assert "--api_key" not in mended
    assert check(files | {"MLproject": mended}) == []


def test_an_entry_point_may_give_fixed_values(check):
    text = FRESH.replace(
        "      test_size: {type: float, default: 0.2, minimum: 0.01, description: Share}  # ours\n", ""
    )
    assert check({"MLproject": text.replace("{test_size}", "0.5"), "main.py": SPLIT}) == []


def test_the_examples_have_no_error_and_no_warning(repository, own_rules):
    from artifactflow.check import Settings, check_paths

    codes = ("C", *own_rules)
    as_found = "wandb_pipeline"  # has the faults of what it is an example of
    examples = [folder for folder in sorted((repository / "examples").iterdir()) if folder.name != as_found]
    found = check_paths(examples, Settings(select=codes)).findings
    assert [finding for finding in found if finding.rule.severity is not Severity.INFO] == []


def test_the_seeds_iris_says_that_its_defaults_differ(check, said):
    script = "import typer\ndef main(test_size: float = 0.2, random_seed: int = 42): ...\ntyper.run(main)"
    text = (
        "entry_points:\n  train:\n    parameters:\n      test_size: {type: float, default: 0.3}\n"
        "    command: python train_iris.py --test_size {test_size}\n"
    )
    findings = check({"MLproject": text, "train_iris.py": script}, select=["X303", "X308"])
    assert said(findings) == ["X308 MLproject:4:41", "X303 MLproject:5:35"]


def test_a_component_that_runs_is_not_blamed(check, tmp_path):
    """The rules agree with argparse itself."""
    script = argparse_script(
        '"rest", nargs="*"', '"-v", action="count", default=0', '"-n", type=int, default=1', '"--all", nargs=2'
    )
    command = "python main.py -vv -n3 --all 1 2 -- a b"
    files = component(script, [], command)
    assert check(files, select=["X302", "X304", "X306", "X315"]) == []
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True)


def test_a_secret_that_differs_is_not_repeated(check):
    secret = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
    text = (
        "entry_points:\n  main:\n    parameters:\n"
        f"      key: {{type: str, default: {secret}}}\n    command: python main.py --key {{key}}\n"
    )
    script = "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--key', default={!r}{})\n"
    script += "parser.parse_args()\n"
    found = check({"MLproject": text, "main.py": script.format("a", ", choices=['a']")}, select=["X308", "X310"])
    assert [(finding.code, finding.masked) for finding in found] == [("X308", True), ("X310", True)]
    found += check({"MLproject": text.replace(secret, "a"), "main.py": script.format(secret, "")}, select=["X308"])
    found += check(
        {"MLproject": text.replace(f", default: {secret}", ""), "main.py": script.format(secret, "")}, select=["X307"]
    )
    assert [finding.code for finding in found[2:]] == ["X308", "X307"]
    assert not any(secret in finding.message + finding.hint for finding in found)
