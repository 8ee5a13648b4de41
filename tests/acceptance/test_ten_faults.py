"""Faulty components as they are met in the wild: found at their line, mended, and run as MLflow runs them."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from mlflow.projects._project_spec import load_project

from artifactflow.adopt import adopt, write_adoption
from artifactflow.check import Severity, check_paths
from artifactflow.check.fixes import fix_all
from artifactflow.pipeline import Literal
from artifactflow.read.mlproject import read_component
from artifactflow.read.pipeline import read_pipeline

COMPONENT = {
    "MLproject": """\
name: clean
conda_env: conda.yaml
entry_points:
  main:
    parameters:
      raw:       {type: path, artifact: raw_data, description: The table to clean}
      min_price: {type: float, default: 10, description: Lowest price kept}
      method:    {type: str, default: mean, choices: [mean, "no"]}
      clean:     {type: str, default: clean.csv}
    outputs:
      clean: {type: clean_data, path: clean.csv}
    command: python main.py --raw={raw} --min_price={min_price} --method={method} --clean={clean}
""",
    "main.py": """\
import argparse

import yaml

parser = argparse.ArgumentParser()
parser.add_argument("--raw", required=True, help="The table to clean")
parser.add_argument("--min_price", type=float, default=10, help="Lowest price kept")
parser.add_argument("--method", choices=["mean", "no"], default="mean")
parser.add_argument("--clean", default="clean.csv")
args = parser.parse_args()
with open(args.raw) as raw, open(args.clean, "w") as clean:
    yaml.safe_dump([args.min_price, args.method, raw.read()], clean)
""",
    "conda.yaml": """\
name: clean
channels: [conda-forge]
dependencies:
  - python=3.11
  - pip
  - pip:
      - pyyaml==6.0.2
""",
}


def spoilt(file: str, right: str, wrong: str) -> dict[str, str]:
    """The component with one thing wrong."""
    assert COMPONENT[file].count(right) == 1
    return {**COMPONENT, file: COMPONENT[file].replace(right, wrong)}


MENDED = {
    "a key misspelt": (
        spoilt("MLproject", "conda_env:", "conda env:"),
        ["M002 MLproject:2:1 a manifest has no key 'conda env', so what it says is ignored"],
    ),
    "a file of another name": (
        {"MLproject.yaml" if name == "MLproject" else name: text for name, text in COMPONENT.items()},
        ["M006 MLproject.yaml:1:1 MLflow looks for a file called MLproject, this one is called MLproject.yaml"],
    ),
    "the environment file misnamed": (
        spoilt("MLproject", "conda.yaml", "conda.yml"),
        ["M010 MLproject:2:12 there is no file conda.yml in the component"],
    ),
    "a type lost to a blank that is missing": (
        spoilt("MLproject", "{type: float,", "{type:float,"),
        ["P102 MLproject:7:19 'type:float' is one key without a value to YAML, so min_price loses what it says"],
    ),
    "a word that is a truth value": (
        spoilt("MLproject", 'choices: [mean, "no"]', "choices: [mean, no]"),
        [
            "X310 MLproject:8:54 method may be 'False' here, the script takes one of mean, no (main.py:8)",
            "P105 MLproject:8:61 method allows 'False' for 'no': to YAML 1.1 that is a truth value",
        ],
    ),
    "a command in pieces": (
        spoilt(
            "MLproject",
            "python main.py --raw={raw} --min_price",
            ">-\n      python main.py --raw={raw} \\\n      --min_price",
        ),
        ["C201 MLproject:13:34 bash does not read these lines as one command: plain mlflow run stops or drops options"],
    ),
    "a placeholder in quotes": (
        spoilt("MLproject", "{method}", "'{method}'"),
        ["C207 MLproject:12:75 {method} stands inside quotes or other shell syntax, where its value could run as code"],
    ),
    "an output that MLflow does not know": (
        spoilt("MLproject", "      clean:     {type: str, default: clean.csv}\n", ""),
        [
            "C205 MLproject:11:91 the output clean is no parameter as well: "
            "plain mlflow run stops with KeyError: 'clean'"
        ],
    ),
    "a dash for an underscore": (
        spoilt("MLproject", "--min_price=", "--min-price="),
        ["X303 MLproject:12:41 the command passes --min-price, the script takes --min_price"],
    ),
    "a pip requirement in conda's form": (
        spoilt("conda.yaml", "pyyaml==6.0.2", "pyyaml=6.0.2"),
        ["E405 conda.yaml:7:9 pip does not take 'pyyaml=6.0.2'"],
    ),
}
FOR_PEOPLE = {
    "an attribute that no option defines": (
        spoilt("main.py", "args.method", "args.methods"),
        ["X312 main.py:12:37 no option of the script defines methods, Python stops here with an AttributeError"],
    ),
    "a package that is not declared": (
        spoilt("conda.yaml", "pyyaml==6.0.2", "numpy==2.1.0"),
        ["E401 main.py:3:1 yaml is imported, and conda.yaml does not declare pyyaml"],
    ),
    "an option that the script does not take": (
        spoilt("MLproject", "--min_price=", "--minimum="),
        ["X302 MLproject:12:41 the script takes no option --minimum"],
    ),
    "a default that is another one in the script": (
        spoilt("MLproject", "default: 10,", "default: 30,"),
        ["X308 MLproject:7:41 the default of min_price is 30.0 here and 10 in the script (main.py:7)"],
    ),
    "a secret": (
        spoilt("MLproject", "mean, choices", "ghp_0123456789abcdefghijABCDEFGHIJ012345, choices"),
        [
            "P108 MLproject:8:39 method takes one of mean, no, its default is ***",
            "P110 MLproject:8:39 a value of the form of a secret: the default of method, ***, "
            "can be read by whoever reads the repository",
        ],
    ),
}


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def said(folder: Path) -> list[str]:
    """The findings other than hints, each with its place in the folder."""
    return [
        f"{finding.code} {str(finding.place).removeprefix(f'{folder}/')} {finding.message}"
        for finding in check_paths([folder]).findings
        if finding.rule.severity is not Severity.INFO
    ]


def run_as_mlflow_does(folder: Path) -> str:
    """Run the manifest's command as MLflow builds and starts it; returns what the component wrote."""
    table = write(folder.parent / "data", {"it's raw.csv": "price\n"}) / "it's raw.csv"
    entry_point = load_project(str(folder)).get_entry_point("main")
    command = entry_point.compute_command({"raw": str(table), "min_price": 20}, str(folder))
    subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        check=True,
    )
    return (folder / "clean.csv").read_text()


def test_the_component_without_a_fault_is_told_nothing_and_runs(tmp_path):
    folder = write(tmp_path / "clean", COMPONENT)
    assert said(folder) == []
    assert run_as_mlflow_does(folder) == "- 20.0\n- mean\n- 'price\n\n  '\n"


@pytest.mark.parametrize(("files", "found"), MENDED.values(), ids=MENDED.keys())
def test_a_fault_is_found_mended_and_what_is_mended_runs(tmp_path, files, found):
    folder = write(tmp_path / "clean", files)
    assert said(folder) == found
    assert fix_all(lambda: check_paths([folder]).findings)
    assert said(folder) == []
    assert load_project(str(folder)).env_config_path == str(folder / "conda.yaml")
    assert run_as_mlflow_does(folder) == "- 20.0\n- mean\n- 'price\n\n  '\n"


@pytest.mark.parametrize(("files", "found"), FOR_PEOPLE.values(), ids=FOR_PEOPLE.keys())
def test_a_fault_whose_mend_is_for_people_to_choose_is_found_and_left(tmp_path, files, found):
    folder = write(tmp_path / "clean", files)
    assert [line for line in said(folder) if line in found] == found
    assert not any("ghp_" in line for line in said(folder))
    fix_all(lambda: check_paths([folder]).findings)
    assert {name: (folder / name).read_text() for name in files} == files


ARGPARSE = """\
import argparse
from pathlib import Path

parser = argparse.ArgumentParser(description="Count the lines")
parser.add_argument("--table", type=Path, required=True, help="The table to count")
parser.add_argument("--at-least", type=int, default=1)
parser.add_argument("--label")
parser.add_argument("--loud", action="store_true")
parser.add_argument("--count", default="count.txt")
args = parser.parse_args()
lines = len(args.table.read_text().splitlines())
with open(args.count, "w") as count:
    count.write(f"{lines >= args.at_least} {args.label} {args.loud}")
"""
CLICK = """\
import click


@click.command()
@click.option("--word", default="it's", show_default=True, help="What to write")
@click.option("--times", type=click.IntRange(1, 9), default=2)
@click.option("--mode", type=click.Choice(["plain", "loud"]), default="plain")
@click.option("--words", type=click.Path(), default="words.txt")
def write(word, times, mode, words):
    '''Write a word.'''
    with open(words, "w") as file:
        file.write((word.upper() if mode == "loud" else word) * times)


if __name__ == "__main__":
    write()
"""


def stored(folder: Path) -> dict[str, str]:
    """The text of every artifact in the store of a folder, by its bytes' place."""
    return {file.name: file.read_text() for file in folder.glob(".artifactflow/objects/sha256/*/*")}


def test_an_argparse_script_is_adopted_checked_and_run(artifactflow, tmp_path):
    folder = write(tmp_path / "count", {"count.py": ARGPARSE})
    table = write(tmp_path / "data", {"table.csv": "a\n1\n2\n"}) / "table.csv"
    assert artifactflow("adopt", folder).returncode == 0
    contract = read_component(folder).contract()
    assert [item.name for item in contract.inputs] == ["table"]
    assert {p.name: (p.type.value, p.optional) for p in contract.parameters} == {
        "at_least": ("int", False),
        "label": ("str", True),
        "loud": ("bool", True),
    }
    assert artifactflow("check", folder, "--strict").returncode == 0
    done = artifactflow("run-pipeline", folder, "-P", f"table={table}", "-P", "label=a b", "-P", "loud=true")
    assert done.returncode == 0, done.stderr
    assert "True a b True" in stored(tmp_path).values()


def test_a_click_script_is_adopted_checked_and_run(artifactflow, tmp_path):
    folder = write(tmp_path / "words", {"words.py": CLICK})
    assert artifactflow("adopt", folder).returncode == 0
    parameters = {p.name: p for p in read_component(folder).contract().parameters}
    assert parameters["times"].default == 2
    assert parameters["mode"].choices == ("plain", "loud")
    assert artifactflow("check", folder, "--strict").returncode == 0
    done = artifactflow("run-pipeline", folder, "-P", "mode=loud")
    assert done.returncode == 0, done.stderr
    assert "IT'SIT'S" in stored(tmp_path).values()


ROOT = """\
import os

import hydra
import mlflow


@hydra.main(config_path=".", config_name="config", version_base=None)
def go(config):
    root = hydra.utils.get_original_cwd()
    active_steps = config["main"]["steps"].split(",")
    if "download" in active_steps:
        _ = mlflow.run(
            os.path.join(root, "src", "download"),
            "main",
            parameters={"file_url": config["etl"]["file_url"], "output_artifact": "sample.csv"},
            env_manager="local",
        )
    if "clean" in active_steps:
        _ = mlflow.run(
            os.path.join(root, "src", "clean"),
            "main",
            parameters={
                "input_artifact": "sample.csv:latest",
                "output_artifact": "clean.csv",
                "min_price": config["etl"]["min_price"],
            },
            env_manager="local",
        )
    if "train" in active_steps:
        _ = mlflow.run(
            os.path.join(root, "src", "train"),
            "main",
            parameters={"input_artifact": "clean.csv:latest", "output_artifact": "model"},
            env_manager="local",
        )


if __name__ == "__main__":
    go()
"""
CONFIG = """\
main:
  steps: download,clean,train
etl:
  file_url: https://example.org/sample.csv
  min_price: 10
"""
STEP = """\
import argparse
import shutil
import urllib.request

import wandb

parser = argparse.ArgumentParser()
{options}args = parser.parse_args()
with wandb.init(job_type="{name}") as run:
    {fetch}
    artifact = wandb.Artifact(args.output_artifact, type="{kind}")
    artifact.add_file("{file}")
    run.log_artifact(artifact)
"""
DOWNLOADING = 'urllib.request.urlretrieve(args.file_url, "{file}")'
TAKING = 'shutil.copy(run.use_artifact(args.input_artifact).file(), "{file}")'


def step(name: str, fetch: str, file: str, kind: str, *options: str) -> dict[str, str]:
    """A script that fetches a file, by address or by its name in W&B, and logs it as an artifact."""
    lines = "".join(f"parser.add_argument({option}, required=True)\n" for option in options)
    text = STEP.format(name=name, fetch=fetch.format(file=file), file=file, kind=kind, options=lines)
    return {f"src/{name}/run.py": text}


def test_a_hydra_root_with_wandb_hand_offs_is_adopted_step_by_step(artifactflow, tmp_path):
    output = '"--output_artifact"'
    taken = '"--input_artifact"'
    folder = write(
        tmp_path / "flats",
        {
            "main.py": ROOT,
            "config.yaml": CONFIG,
            **step("download", DOWNLOADING, "sample.csv", "raw_data", '"--file_url"', output),
            **step("clean", TAKING, "clean.csv", "clean_data", taken, output, '"--min_price", type=float'),
            **step("train", TAKING, "model.txt", "model", taken, output),
        },
    )
    before = (folder / "main.py").read_text()
    for name in ("download", "clean", "train"):
        write_adoption(adopt(folder / "src" / name))
    adoption = adopt(folder)
    write_adoption(adoption)

    pipeline = read_pipeline(folder / "pipeline.yaml")
    assert [(one.name, one.component) for one in pipeline.steps] == [
        (name, f"src/{name}") for name in ("download", "clean", "train")
    ]
    assert pipeline.step("clean").bindings["output_artifact"] == Literal("clean.csv")
    text = (folder / "pipeline.yaml").read_text()
    assert "# takes sample.csv from download by its name in W&B\n  clean:\n" in text
    assert "# takes clean.csv from clean by its name in W&B\n  train:\n" in text
    outputs = read_component(folder / "src" / "clean").contract().outputs
    assert [(output.name, output.type, output.path) for output in outputs] == [
        ("{output_artifact}", "clean_data", "clean.csv")
    ]

    found = [finding for finding in check_paths([folder]).findings if finding.rule.severity is not Severity.INFO]
    assert [(finding.code, finding.message) for finding in found] == [("L511", "no step uses the parameter main.steps")]
    plan = artifactflow("run-pipeline", folder, "--dry-run")
    assert plan.returncode == 0, plan.stderr
    assert plan.stdout.endswith("3 to run, 0 to reuse\n")
    assert (folder / "main.py").read_text() == before
