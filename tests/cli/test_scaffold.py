"""`artifactflow scaffold`: a component or a project from a line, and nothing where the line is wrong."""

from pathlib import Path

import pytest


def test_it_tells_what_it_wrote_and_what_to_type_next(cli, tmp_path: Path):
    said = cli("scaffold", "new-step", "--into", "steps", "--input", "raw:raw_data").out
    assert said.splitlines() == [
        "wrote steps/new-step/MLproject",
        "wrote steps/new-step/conda.yaml",
        "wrote steps/new-step/main.py",
        "wrote steps/new-step/test_new_step.py",
        "wrote steps/new-step/sample_raw.csv",
        "wrote steps/new-step/README.md",
        "",
        "run and test it:",
        "  artifactflow run-pipeline steps/new-step -P raw=steps/new-step/sample_raw.csv",
        "  mlflow run steps/new-step --env-manager local -P raw=steps/new-step/sample_raw.csv",
        "  pytest steps/new-step",
    ]
    written = sorted(f"wrote {path.relative_to(tmp_path)}" for path in tmp_path.rglob("*") if path.is_file())
    assert written == sorted(line for line in said.splitlines() if line.startswith("wrote"))


def test_what_it_wrote_runs_with_the_line_that_it_gives(cli):
    commands = cli("scaffold", "new-step", "--param", "count:int=3[1..5]", "--output", "made:json", "--json").json
    assert commands["files"] == ["MLproject", "conda.yaml", "main.py", "test_new_step.py", "README.md"]
    assert (commands["name"], commands["folder"]) == ("new-step", "new-step")
    _, *arguments = commands["commands"][0].split()
    (step,) = cli(*arguments, "--json").json["steps"]
    assert step["outputs"] == {"made": "made:v1"}
    assert "count takes a whole number from 1 to 5" in cli(*arguments, "-P", "count=9", code=2).err


def test_a_folder_with_a_space_is_quoted_in_what_to_type(cli):
    assert "  pytest 'my steps/new-step'" in cli("scaffold", "new-step", "--into", "my steps").out.splitlines()


def test_every_option_reaches_the_files(cli, tmp_path: Path):
    cli(
        *("scaffold", "clean", "--template", "argparse", "--env-file", "python", "--python", "3.12"),
        *("--description", "Keep some rows.", "--package", "requests>=2", "--param", "a=1", "--output", "b:text"),
    )
    folder = tmp_path / "clean"
    assert "import argparse" in (folder / "main.py").read_text()
    assert "python: '3.12'" in (folder / "python_env.yaml").read_text()
    assert "- requests>=2" in (folder / "python_env.yaml").read_text()
    assert "description: Keep some rows." in (folder / "MLproject").read_text()


def test_existing_files_are_named_and_kept_until_force(cli, tmp_path: Path):
    cli("scaffold", "new-step")
    (tmp_path / "new-step" / "main.py").write_text("mine\n")
    refused = cli("scaffold", "new-step", code=2).err
    assert "new-step already has MLproject, conda.yaml, main.py, test_new_step.py, README.md" in refused
    assert "--force" in refused
    assert (tmp_path / "new-step" / "main.py").read_text() == "mine\n"
    cli("scaffold", "new-step", "--force")
    assert "def new_step(" in (tmp_path / "new-step" / "main.py").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["../x"], "'../x' cannot name a component"),
        (["class"], "it is a keyword of Python"),
        (["--pipeline", "A"], "'A' cannot name a project"),
        (["a", "--param", "b:int=x"], "--param 'b:int=x': b takes a whole number"),
        (["a", "--input", "b"], "--input 'b': expected a name and a type"),
        (["a", "--output", "b:c:d"], "--output 'b:c:d': there is no format 'd'"),
        (["a", "--package", "b c"], "--package 'b c' is no requirement"),
        (["a", "--template", "x"], "--template takes step or argparse, got 'x'"),
        (["a", "--pipeline", "--param", "b=1"], "--pipeline starts a project"),
        (["a", "meanmedian"], "got unexpected extra argument"),
    ],
)
def test_a_wrong_line_is_a_usage_error_and_writes_nothing(cli, tmp_path: Path, arguments: list[str], message: str):
    answer = cli("scaffold", *arguments, code=2)
    assert message in answer.err
    assert "hint: " in answer.err
    assert answer.out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_an_error_of_the_world_outside(cli, tmp_path: Path):
    (tmp_path / "file").write_text("")
    assert "cannot write file/a" in cli("scaffold", "a", "--into", "file", code=9).err


def test_a_project_has_a_pipeline_of_one_component(cli, tmp_path: Path):
    said = cli("scaffold", "--pipeline", "flats", "--json").json
    assert said["commands"][:2] == ["artifactflow run-pipeline flats", "mlflow run flats --env-manager local"]
    assert set(said["files"]) > {"pipeline.yaml", "config.yaml", "MLproject", ".gitignore", "README.md"}
    (step,) = cli("run-pipeline", "flats", "--dry-run", "--json").json["steps"]
    assert (step["step"], step["decision"], step["parameters"]) == ("estimate", "RUN", {"samples": 10000, "seed": 42})


def test_the_help_has_the_grammar_and_the_rule_of_formats(cli):
    said = cli("scaffold", "--help").out
    assert "'method:str=mean{mean,median}'  a default and choices" in said
    assert "figure  Figure          figure, plot, chart" in said
    assert "table   pd.DataFrame    any other" in said
