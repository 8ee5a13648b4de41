"""A new project runs as a whole, under artifactflow and under plain mlflow, and takes its values from its config."""

import json
from pathlib import Path, PurePath

import pytest
import yaml

from artifactflow.read.component import load_pipeline
from artifactflow.read.mlproject import read_component
from artifactflow.scaffold import component_texts, design_component, project_commands, project_texts, write_files


@pytest.fixture
def flats(tmp_path: Path) -> Path:
    folder = tmp_path / "flats"
    write_files(folder, project_texts("flats", design_component("estimate"), "What flats cost."))
    return folder


def test_its_first_two_commands_run_the_whole_pipeline(flats: Path, tmp_path: Path, typed):
    run, mlflow_run, *_ = project_commands(PurePath("flats"))
    done = typed(f"{run} --json", tmp_path)
    (step,) = json.loads(done.stdout)["steps"]
    assert (step["step"], step["decision"], step["outputs"]) == ("estimate", "RUN", {"estimate": "estimate:v1"})
    variables = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db", "GIT_PYTHON_REFRESH": "quiet"}
    done = typed(mlflow_run, tmp_path, **variables)
    assert done.returncode == 0, done.stderr
    assert "0 run, 1 reused" in done.stdout
    assert (flats / ".artifactflow").is_dir()


def test_its_components_are_tested_together_with_those_that_are_added(flats: Path, typed):
    write_files(flats / "components" / "other", component_texts(design_component("other")))
    done = typed("pytest -q -p no:cacheprovider .", flats)
    assert "2 passed" in done.stdout, done.stdout


def test_the_values_of_its_parameters_are_stated_once_in_the_config(flats: Path):
    pipeline = load_pipeline(flats)
    assert {name: value for name, (value, _) in pipeline.config.items()} == {"samples": 10000, "seed": 42}
    assert all(parameter.required for parameter in pipeline.parameters)
    assert [parameter.minimum for parameter in pipeline.parameters] == [1, 0]


def test_its_manifest_hands_the_config_on(flats: Path):
    contract = read_component(flats).contract()
    assert contract.command == "python -m artifactflow run-pipeline pipeline.yaml --config={config}"
    assert contract.parameter("config").default == "config.yaml"


def test_its_environment_has_artifactflow_and_what_its_component_needs(tmp_path: Path):
    design = design_component("estimate", template="argparse", environment="python", python="3.12")
    texts = project_texts("flats", design)
    environment = yaml.safe_load(texts["python_env.yaml"])
    assert environment["python"] == "3.12"
    assert [text.partition("==")[0] for text in environment["dependencies"]] == ["artifactflow"]
    assert "artifactflow" not in texts["components/estimate/python_env.yaml"]


def test_its_workflow_installs_checks_tests_and_runs_with_the_store_kept(flats: Path):
    workflow = yaml.safe_load((flats / ".github" / "workflows" / "pipeline.yml").read_text())
    steps = workflow["jobs"]["pipeline"]["steps"]
    commands = [step["run"] for step in steps if "run" in step]
    assert commands[0].startswith("pip install artifactflow==")
    assert commands[1:] == ["artifactflow check", "pytest components", "artifactflow run-pipeline"]
    (cache,) = (step["with"] for step in steps if step.get("uses", "").startswith("actions/cache@"))
    assert cache["path"] == ".artifactflow"
    assert cache["key"] == "artifactflow-${{ github.run_id }}-${{ github.run_attempt }}"
    assert cache["restore-keys"] == "artifactflow-"


def test_its_store_stays_out_of_git(flats: Path):
    assert ".artifactflow/" in (flats / ".gitignore").read_text().splitlines()


def test_a_description_heads_the_readme(flats: Path):
    assert (flats / "README.md").read_text().startswith("# flats\n\nWhat flats cost.\n")
