"""What a root hands to its components against what they take: small cases, and two trees as they are written."""

from collections.abc import Callable
from textwrap import dedent

import pytest

from artifactflow.check import Finding, Severity

CHILD = """\
name: clean
conda_env: conda.yaml
entry_points:
  main:
    parameters:
      input_artifact: {type: str}
      output_artifact: {type: str}
      min_price: {type: float, default: 0}
    command: python run.py --input_artifact {input_artifact} --output_artifact {output_artifact} --min_price {min_price}
"""
SCRIPT = """\
import argparse
import wandb

parser = argparse.ArgumentParser()
parser.add_argument("--input_artifact")
parser.add_argument("--output_artifact")
parser.add_argument("--min_price", type=float)
parser.add_argument("--max_price", type=float, default=1)
args = parser.parse_args()
with wandb.init() as run:
    path = run.use_artifact(args.input_artifact).file()
    artifact = wandb.Artifact(args.output_artifact, type="data")
    artifact.add_file("clean.csv")
    run.log_artifact(artifact)
"""
COMPONENT = {
    "src/clean/MLproject": CHILD,
    "src/clean/run.py": SCRIPT,
    "src/clean/conda.yaml": "dependencies: [python]\n",
}


@pytest.fixture
def root(check: Callable[..., list[Finding]]) -> Callable[..., list[Finding]]:
    """What is found in a root whose calls these are, beside one component."""

    def find(calls: str, *codes: str, **files: str) -> list[Finding]:
        text = "import os\nimport mlflow\nhere = os.path.dirname(os.path.abspath(__file__))\n" + dedent(calls)
        return check({**COMPONENT, **files, "main.py": text}, select=codes or None)

    return find


def call(target: str = "src/clean", entry_point: str = "main", env: bool = True, **parameters: object) -> str:
    given = {"input_artifact": "raw.csv:v1", "output_artifact": "clean.csv", **parameters}
    text = ", ".join(f'"{name}": {value!r}' for name, value in given.items() if value is not None)
    manager = ', env_manager="local"' if env else ""
    return f'mlflow.run("{target}", "{entry_point}", parameters={{{text}}}{manager})\n'


STRUCTURE = ("O601", "O602", "O603", "O604", "O605", "O608", "O610")


def test_a_root_that_hands_over_what_its_component_takes_has_no_finding(root) -> None:
    assert root(call(min_price=10), *STRUCTURE) == []


def test_a_component_that_is_not_there_is_found_at_the_call(root, said) -> None:
    found = root(call("src/claen"), *STRUCTURE)
    assert said(found) == ["O601 main.py:4:1"]
    assert found[0].message == "the root runs the component src/claen, and there is no such folder"
    assert found[0].hint == "did you mean clean?"


def test_a_folder_without_manifest_is_no_component(root) -> None:
    found = root(call("src"), *STRUCTURE)
    assert found[0].message == "the root runs the component src, and it has no MLproject file"


@pytest.mark.parametrize("target", ["https://git.example.org/team/steps#clean", "git@example.org:team/steps", "/opt/x"])
def test_a_component_elsewhere_is_not_looked_for(root, target: str) -> None:
    assert root(call(target), *STRUCTURE) == []


def test_a_target_that_is_not_known_is_not_judged(root) -> None:
    assert root('mlflow.run(os.environ["STEP"], parameters={"x": 1}, env_manager="local")\n', *STRUCTURE) == []


def test_a_root_below_the_folder_where_it_is_started_finds_its_components(check: Callable[..., list[Finding]]) -> None:
    files = {**COMPONENT, "scripts/all.py": "import mlflow\n" + call()}
    assert check(files, select=STRUCTURE) == []


def test_an_entry_point_that_is_not_there_is_found(root, said) -> None:
    found = root(call(entry_point="mian"), *STRUCTURE)
    assert said(found) == ["O602 main.py:4:1"]
    assert found[0].hint == "did you mean main?"
    assert root(call(entry_point="run.py"), *STRUCTURE) == []


def test_a_parameter_that_the_script_refuses_is_an_error(root, said) -> None:
    found = root(call(min_prize=10), *STRUCTURE)
    assert [finding.code for finding in found] == ["O603"]
    assert found[0].message == (
        "clean does not declare the parameter min_prize, and its script has no option --min_prize"
    )
    assert found[0].hint == "did you mean min_price?"


def test_a_parameter_that_only_the_script_knows_works_and_is_a_hint(root) -> None:
    found = root(call(max_price=10), *STRUCTURE)
    assert [(finding.code, finding.rule.severity) for finding in found] == [("O604", Severity.INFO)]


def test_a_required_parameter_that_is_not_passed_is_an_error(root, said) -> None:
    found = root(call(input_artifact=None), *STRUCTURE)
    assert said(found) == ["O605 main.py:4:1"]
    assert found[0].message == "clean requires input_artifact, and the root does not pass it"


def test_parameters_that_are_not_all_known_are_not_missed(root) -> None:
    calls = """
        given = {"output_artifact": "clean.csv", **os.environ}
        mlflow.run("src/clean", "main", parameters=given, env_manager="local")
        mlflow.run("src/clean", "main", parameters=make(), env_manager="local")
    """
    assert root(calls, *STRUCTURE) == []


def test_an_input_with_a_default_is_not_missed(root) -> None:
    manifest = CHILD.replace(
        "input_artifact: {type: str}", "input_artifact: {type: str, artifact: true, default: a:v0}"
    )
    assert root(call(input_artifact=None), *STRUCTURE, **{"src/clean/MLproject": manifest}) == []


def test_calls_that_do_not_say_how_environments_are_made_are_one_warning(root, said) -> None:
    found = root(call(env=False) + call() + call(env=False), *STRUCTURE)
    assert said(found) == ["O608 main.py:4:1"]
    assert found[0].message == "2 calls do not say env_manager, so MLflow builds an environment for each component"


def test_a_component_without_environment_file_gets_an_environment_too(root) -> None:
    files = {"src/clean/MLproject": CHILD.replace("conda_env: conda.yaml\n", ""), "src/clean/conda.yaml": ""}
    assert [finding.code for finding in root(call(env=False), *STRUCTURE, **files)] == ["O608"]


# Artifacts


def chain(*names: tuple[str, str]) -> str:
    return "".join(call(input_artifact=used, output_artifact=made) for used, made in names)


def test_an_artifact_that_nobody_produces_is_a_warning(root, said) -> None:
    calls = chain(("first.csv:latest", "raw.csv"), ("raw.csv:latest", "clean.csv"), ("cleaned.csv:latest", "train.csv"))
    found = [finding for finding in root(calls, "O606") if "first" not in finding.message]
    assert [finding.hint.partition(" ")[0] for finding in found] == ["did"]
    assert found[0].message == "clean uses cleaned.csv:latest, which no component of the root produces"


def test_where_one_component_is_not_known_nothing_is_said_of_artifacts(root) -> None:
    calls = chain(("cleaned.csv:latest", "train.csv"))
    assert root(calls + 'mlflow.run("https://git.example.org/steps#get", parameters={})\n', "O606", "O607") == []
    assert root(calls + 'mlflow.run("src/clean", parameters=make())\n', "O606", "O607") == []


def test_an_artifact_of_another_project_is_not_looked_for(root) -> None:
    assert root(chain(("exercise_6/cleaned.csv:latest", "train.csv")), "O606", "O607") == []


def test_a_root_whose_components_produce_nothing_takes_its_data_from_elsewhere(root) -> None:
    files = {"src/clean/run.py": SCRIPT.partition("    artifact =")[0]}
    assert root(call(output_artifact=None, input_artifact="raw.csv:latest"), "O606", **files) == []


@pytest.mark.parametrize(
    "helper",
    [
        "from wandb_utils.log_artifact import log_artifact\nlog_artifact('x.csv')\n",
        "import helper\nhelper.save('x.csv')\n",
        "def log_artifact(name):\n    tracker().log_artifact(name)\n",
    ],
)
def test_a_script_that_logs_out_of_sight_may_produce_anything(root, helper: str) -> None:
    files = {"src/clean/run.py": SCRIPT + helper, "src/clean/helper.py": "import wandb\n"}
    assert root(chain(("cleaned.csv:latest", "train.csv")), "O606", **files) == []


def test_an_artifact_that_only_a_later_component_produces_is_a_warning(root, said) -> None:
    found = root(chain(("b.csv:latest", "a.csv"), ("c.csv:v1", "b.csv"), ("a.csv:v0", "c.csv")), "O607")
    assert said(found)[0].startswith("O607 main.py:4:")
    assert found[0].message == "clean uses b.csv:latest, which only clean produces, later"
    assert root(chain(("a.csv:latest", "a.csv"), ("a.csv:latest", "b.csv")), "O607") == []


def test_two_components_that_wait_for_each_other_are_a_circle(root) -> None:
    found = root(chain(("b.csv:latest", "a.csv"), ("a.csv:latest", "b.csv")), "O607")
    assert [finding.message for finding in found] == [
        "clean uses b.csv:latest, which only clean produces, later; clean in turn uses a.csv of it"
    ]


def test_hand_offs_by_latest_are_one_hint_that_names_them(root, said) -> None:
    found = root(chain(("a.csv:latest", "b.csv"), ("team/b.csv:latest", "c.csv"), ("c.csv:v3", "d.csv")), "O609")
    assert [finding.rule.severity for finding in found] == [Severity.INFO]
    assert found[0].message == ("2 artifacts are handed on by ':latest', which another run may move: a.csv, b.csv")


# Two trees as teams write them


CONFIG = """\
main:
  project_name: rentals
  steps: "{steps}"
etl:
  sample: sample1.csv
  min_price: 10
  max_price: 350
modeling:
  test_size: 0.2
  random_forest: {{n_estimators: 100, max_depth: 15}}
"""

ROOT = """\
import json
import os

import hydra
import mlflow

_steps = ["download", "basic_cleaning", "data_check", "data_split", "train_random_forest"]


@hydra.main(config_name="config")
def go(config):
    os.environ["WANDB_PROJECT"] = config["main"]["project_name"]
    chosen = config["main"]["steps"]
    active_steps = chosen.split(",") if chosen != "all" else _steps
    root = hydra.utils.get_original_cwd()
    if "download" in active_steps:
        _ = mlflow.run(
            os.path.join(root, "components", "get_data"),
            "main",
            parameters={
                "sample": config["etl"]["sample"],
                "artifact_name": "sample.csv",
                "artifact_type": "raw_data",
            },
        )
    if "basic_cleaning" in active_steps:
        _ = mlflow.run(
            os.path.join(root, "src", "basic_cleaning"),
            "main",
            parameters={
                "input_artifact": "sample.csv:latest",
                "output_artifact": "clean_sample.csv",
                "min_price": config["etl"]["min_price"],
                "max_price": config["etl"]["max_price"],
            },
        )
    if "data_check" in active_steps:
        _ = mlflow.run(
            os.path.join(root, "src", "data_check"),
            "main",
            parameters={"csv": "clean_sample.csv:latest", "ref": "clean_sample.csv:reference"},
        )
    if "data_split" in active_steps:
        _ = mlflow.run(
            os.path.join(root, "components", "split"),
            "main",
            parameters={"input": "clean_sample.csv:latest", "test_size": config["modeling"]["test_size"]},
        )
    if "train_random_forest" in active_steps:
        rf_config = os.path.abspath("rf_config.json")
        with open(rf_config, "w+") as fp:
            json.dump(dict(config["modeling"]["random_forest"].items()), fp)
        _ = mlflow.run(
            os.path.join(root, "src", "train_random_forest"),
            "main",
            parameters={
                "trainval_artifact": "trainval_data.csv:latest",
                "rf_config": rf_config,
                "output_artifact": "random_forest_export",
            },
        )
    if "test_model" in active_steps:
        _ = mlflow.run(
            os.path.join(root, "components", "test_model"),
            "main",
            parameters={"mlflow_model": "random_forest_export:prod", "test_dataset": "test_data.csv:latest"},
        )


if __name__ == "__main__":
    go()
"""


def component(folder: str, logs: str, *parameters: str) -> dict[str, str]:
    """A component that takes these parameters by argparse, and logs the artifacts that `logs` names."""
    options = "".join(f'parser.add_argument("--{name}", required=True)\n' for name in parameters)
    declared = "".join(f"      {name}: {{type: str}}\n" for name in parameters)
    flags = " ".join(f"--{name} {{{name}}}" for name in parameters)
    logging = "".join(
        f'artifact = wandb.Artifact({name}, type="data")\nartifact.add_file("x.csv")\nrun.log_artifact(artifact)\n'
        for name in logs.split()
    )
    return {
        f"{folder}/MLproject": f"name: x\nconda_env: conda.yaml\nentry_points:\n  main:\n    parameters:\n{declared}"
        f"    command: python run.py {flags}\n",
        f"{folder}/conda.yaml": "name: x\ndependencies: [python=3.11, pip, pip: [wandb==0.21.3]]\n",
        f"{folder}/run.py": "import argparse\nimport wandb\nparser = argparse.ArgumentParser()\n"
        f"{options}args = parser.parse_args()\nrun = wandb.init()\n{logging}run.finish()\n",
    }


def course(steps: str = "all") -> dict[str, str]:
    return {
        "MLproject": "name: rentals\nconda_env: conda.yaml\nentry_points:\n  main:\n    parameters:\n"
        "      steps: {type: str, default: all}\n    command: python main.py main.steps={steps}\n",
        "conda.yaml": "name: root\ndependencies: [python=3.11, pip, pip: [mlflow==3.1.0, hydra-core==1.3.2]]\n",
        "config.yaml": CONFIG.format(steps=steps),
        "main.py": ROOT,
        **component("components/get_data", "args.artifact_name", "sample", "artifact_name", "artifact_type"),
        **component("src/basic_cleaning", "args.output_artifact", "input_artifact", "output_artifact", "min_price"),
        **component("src/data_check", "", "csv", "ref"),
        **component("components/split", '"trainval_data.csv" "test_data.csv"', "input", "test_size"),
        **component(
            "src/train_random_forest", "args.output_artifact", "trainval_artifact", "rf_config", "output_artifact"
        ),
        **component("components/test_model", "", "mlflow_model", "test_dataset"),
    }


def test_a_course_project_of_six_components_is_told_what_is_wrong_and_no_more(check, said) -> None:
    found = check(course())
    assert said(found) == ["O608 main.py:17:13", "O609 main.py:31:17", "O603 main.py:34:17"]
    refused = next(finding for finding in found if finding.code == "O603")
    assert refused.message == (
        "basic_cleaning does not declare the parameter max_price, and its script has no option --max_price"
    )
    assert "sample.csv, clean_sample.csv, trainval_data.csv, test_data.csv" in next(
        finding.message for finding in found if finding.code == "O609"
    )


def test_the_same_project_mended_has_hints_only(check) -> None:
    files = course() | component(
        "src/basic_cleaning", "args.output_artifact", "input_artifact", "output_artifact", "min_price", "max_price"
    )
    files["main.py"] = ROOT.replace('"main",\n', '"main",\n            env_manager="local",\n')
    assert [finding.code for finding in check(files)] == ["O609"]


def test_a_step_that_the_config_misspells_is_found_in_the_config(check, said) -> None:
    found = check(course("download,basic_claening,test_model"), select=["O610"])
    assert said(found) == ["O610 config.yaml:3:10"]
    assert found[0].hint == "did you mean basic_cleaning?"
    assert check(course("download, data_check"), select=["O610"]) == []


def test_a_renamed_artifact_is_found_across_the_whole_project(check, said) -> None:
    files = course() | component("components/split", '"train_data.csv" "test_data.csv"', "input", "test_size")
    found = check(files, select=["O606", "O607"])
    assert [finding.message for finding in found] == [
        "train_random_forest uses trainval_data.csv:latest, which no component of the root produces"
    ]
    assert found[0].hint.startswith("did you mean train_data.csv")


CLICK_ROOT = """\
import click
import mlflow
from mlflow.tracking import MlflowClient


@click.command()
@click.option("--alpha", default=0.5)
@click.option("--local/--remote", default=True)
def workflow(alpha, local):
    with mlflow.start_run():
        loaded = mlflow.run(".", "load", parameters={}, env_manager="local")
        client = MlflowClient()
        raw = client.get_run(loaded.run_id).info.artifact_uri + "/raw"
        prepared = mlflow.run(".", "prepare", parameters={"raw": raw, "row_limit": 100}, env_manager="local")
        uri = client.get_run(prepared.run_id).info.artifact_uri
        mlflow.run(".", "train", parameters={"data": uri, "alpha": alpha}, env_manager="local")
        mlflow.run(".", "evaluate", parameters={"data": uri}, env_manager="local")


if __name__ == "__main__":
    workflow()
"""
CLICK_MANIFEST = """\
name: multistep
python_env: python_env.yaml
entry_points:
  load:
    command: python load.py
  prepare:
    parameters:
      raw: path
      max_row_limit: {type: int, default: 1000}
    command: python prepare.py --raw {raw} --max-row-limit {max_row_limit}
  train:
    parameters:
      data: path
      alpha: {type: float, default: 0.1}
      seed: int
    command: python train.py --data {data} --alpha {alpha} --seed {seed}
  main:
    parameters:
      alpha: {type: float, default: 0.5}
    command: python main.py --alpha {alpha}
"""


def test_a_project_of_one_folder_with_several_entry_points(check, said) -> None:
    click_option = (
        'import click\n\n\n@click.command()\n@click.option("--{0}")\n@click.option("--{1}")\ndef go(**given): ...\n'
    )
    found = check(
        {
            "MLproject": CLICK_MANIFEST,
            "python_env.yaml": 'python: "3.11"\ndependencies: [mlflow==3.1.0, click==8.1.7]\n',
            "main.py": CLICK_ROOT,
            "load.py": "",
            "prepare.py": click_option.format("raw", "max-row-limit"),
            "train.py": click_option.format("data", "alpha"),
        }
    )
    assert [(finding.code, finding.place.line) for finding in found] == [("O603", 14), ("O605", 16), ("O602", 17)]
    assert found[1].message == "train requires seed, and the root does not pass it"
    assert (
        found[2].message == "the component multistep has no entry point 'evaluate', it has load, prepare, train, main"
    )


def test_a_shell_script_is_a_root_too(check, said) -> None:
    files = {**COMPONENT, "all.sh": "#!/bin/sh\nmlflow run src/clean -P input_artifact=raw.csv:latest -P min_price=1\n"}
    found = check(files, select=STRUCTURE)
    assert [(finding.code, finding.place.line) for finding in found] == [("O605", 2)]
    assert found[0].message == "clean requires output_artifact, and the root does not pass it"
