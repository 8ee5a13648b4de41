"""An orchestrated root becomes a pipeline: steps, values, and the edges that can be stated."""

import textwrap

import pytest

from artifactflow.adopt import adopt, write_adoption
from artifactflow.errors import ContractError
from artifactflow.parameters import REQUIRED, ParameterType
from artifactflow.pipeline import Interpolation, Literal, OutputOf, ParameterName
from artifactflow.read.pipeline import read_pipeline

ROOT = """
import json
import os
import hydra
import mlflow

@hydra.main(config_path=".", config_name="config", version_base=None)
def go(config):
    root = hydra.utils.get_original_cwd()
    steps = config["main"]["steps"].split(",")
    if "download" in steps:
        mlflow.run(os.path.join(root, "src", "download"), "main",
                   parameters={"url": config["etl"]["url"], "artifact_name": "sample.csv"})
    if "clean" in steps:
        mlflow.run(os.path.join(root, "src", "clean"), "main",
                   parameters={"input_artifact": "sample.csv:latest", "output_artifact": "clean.csv",
                               "min_price": config["etl"]["min_price"], "title": f"{config['main']['project']}-x"})
    if "train" in steps:
        path = os.path.abspath("forest.json")
        with open(path, "w") as file:
            json.dump(config["forest"], file)
        mlflow.run(os.path.join(root, "src", "train"), "main",
                   parameters={"data": "clean.csv:latest", "forest": path, "stamp": compute()})

def compute():
    return open("stamp").read()

if __name__ == "__main__":
    go()
"""
CONFIG = """
main:
  project: flats
  steps: download,clean,train
etl:
  url: https://example.org/sample.csv
  min_price: 10
forest:
  depth: 3
"""
DOWNLOAD = """
name: download
entry_points:
  main:
    parameters:
      url: {type: str, description: Where the table is}
      artifact_name: str
    outputs:
      sample: {name: "{artifact_name}", path: sample.csv}
    command: python main.py {url} {artifact_name}
"""
CLEAN = """
name: clean
entry_points:
  main:
    parameters:
      input_artifact: %s
      output_artifact: str
      min_price: {type: float, minimum: 0}
      title: str
    command: python main.py {input_artifact} {output_artifact} {min_price} {title}
"""
TRAIN = """
name: train
entry_points:
  main:
    parameters: {data: str, forest: str}
    command: python main.py {data} {forest}
"""


@pytest.fixture
def project(script):
    """A Hydra root with three components that hand artifacts on by their names in W&B."""

    def write(*, clean_input="str", config=CONFIG):
        file = script(ROOT, "flats/main.py")
        script(config, "flats/config.yaml")
        for name, text in (("download", DOWNLOAD), ("clean", CLEAN % clean_input), ("train", TRAIN)):
            script(text, f"flats/src/{name}/MLproject")
        return file.parent

    return write


def adopted(folder):
    adoption = adopt(folder)
    write_adoption(adoption)
    return read_pipeline(folder / "pipeline.yaml"), [str(remark) for remark in adoption.remarks]


def test_steps_components_and_values(project):
    pipeline, _ = adopted(project())
    assert pipeline.name == "flats"
    assert [(step.name, step.component) for step in pipeline.steps] == [
        ("download", "src/download"),
        ("clean", "src/clean"),
        ("train", "src/train"),
    ]
    clean = pipeline.step("clean").bindings
    assert clean["min_price"] == Interpolation((ParameterName("etl.min_price"),))
    assert clean["title"] == Interpolation((ParameterName("main.project"), "-x"))
    assert clean["output_artifact"] == Literal("clean.csv")


def test_config_keys_become_parameters_that_the_config_file_still_sets(project):
    pipeline, remarks = adopted(project())
    parameters = {parameter.name: parameter for parameter in pipeline.parameters}
    price = parameters["etl.min_price"]
    assert (price.type, price.minimum, price.default) == (ParameterType.FLOAT, 0, REQUIRED)
    assert parameters["etl.url"].description == "Where the table is"
    assert pipeline.config["etl.min_price"][0] == 10
    assert (
        "config.yaml:1: no step takes main.steps, forest.depth: declared because the config file sets them" in remarks
    )


def test_a_config_that_is_more_than_values_becomes_defaults(project):
    pipeline, remarks = adopted(project(config=CONFIG + "list: [1, 2]\n"))
    assert pipeline.config == {}
    assert {p.name: p.default for p in pipeline.parameters}["etl.min_price"] == 10
    assert any("is no plain mapping of values" in remark for remark in remarks)


def test_an_artifact_handed_on_by_name_is_an_edge_where_no_input_is_declared(project):
    folder = project()
    pipeline, remarks = adopted(folder)
    text = (folder / "pipeline.yaml").read_text()
    assert "  # takes sample.csv from download by its name in W&B\n  clean:\n" in text
    assert "  # takes clean.csv from clean by its name in W&B\n  train:\n" in text
    assert {step.name: step.after for step in pipeline.steps if step.after} == {
        "clean": ("download",),
        "train": ("clean",),
    }
    assert pipeline.step("clean").bindings["input_artifact"] == Literal("sample.csv:latest")
    assert any("clean takes sample.csv from download by its name in W&B" in remark for remark in remarks)


def test_it_is_an_edge_where_output_and_input_are_declared(project):
    pipeline, _ = adopted(project(clean_input="{type: path, artifact: raw_data}"))
    assert pipeline.step("clean").bindings["input_artifact"] == OutputOf("download", "sample")
    assert [step.name for step in pipeline.order()] == ["download", "clean", "train"]


def test_a_path_handed_on_is_an_edge(script):
    for name, parameters, outputs in (
        ("a", "{out: str}", "{out: {path: x}}"),
        ("b", "{data: {type: path, artifact: true}}", "{}"),
    ):
        placeholder = "{out}" if name == "a" else "{data}"
        script(
            f"name: {name}\nentry_points:\n  main:\n    parameters: {parameters}\n    outputs: {outputs}\n"
            f"    command: python m.py {placeholder}\n",
            f"flats/{name}/MLproject",
        )
    root = script(
        'import mlflow\nmlflow.run("a", parameters={"out": "data/x.csv"})\n'
        'mlflow.run("b", parameters={"data": "data/x.csv"})\n',
        "flats/main.py",
    )
    pipeline, _ = adopted(root.parent)
    assert pipeline.step("a").bindings == {}
    assert pipeline.step("b").bindings == {"data": OutputOf("a", "out")}


def test_what_cannot_run_yet_is_said(project):
    folder = project()
    (folder / "src" / "train" / "MLproject").unlink()
    _, remarks = adopted(folder)
    for expected in (
        "train cannot run yet: there is no MLproject in src/train",
        "forest is a file that the script writes from forest of its config: write it yourself",
        "stamp is only known when the script runs: left open",
        "chooses among the steps download, clean, train: in the pipeline each of them runs",
    ):
        assert any(expected in remark for remark in remarks), (expected, remarks)


def test_a_parameter_that_the_component_does_not_declare_is_said(project):
    _, remarks = adopted(project())
    assert any("train cannot run yet: it does not declare stamp" in remark for remark in remarks)


def test_options_of_the_root_become_parameters(script):
    root = script(
        """
        import click, mlflow
        @click.command()
        @click.option("--rows", type=int, default=5, help="Rows to keep")
        @click.option("--name")
        def main(rows, name):
            mlflow.run("clean", parameters={"rows": rows, "name": name})
            mlflow.run("clean", parameters={"rows": rows})
        main()
        """
    )
    pipeline, _ = adopted(root.parent)
    rows, name = pipeline.parameters
    assert (rows.name, rows.type, rows.default, rows.description) == ("rows", ParameterType.INT, 5, "Rows to keep")
    assert name.optional
    assert [step.name for step in pipeline.steps] == ["clean", "clean-2"]


def test_entry_points_of_the_root_itself(script):
    script(
        "name: flats\nentry_points: {main: {command: python main.py}, load: {command: python l.py}}", "flats/MLproject"
    )
    root = script('import mlflow\nmlflow.run(".", entry_point="load")\n', "flats/main.py")
    pipeline, _ = adopted(root.parent)
    (step,) = pipeline.steps
    assert (step.name, step.component, step.entry_point) == ("load", ".", "load")


def test_a_shell_script_that_runs_components(script):
    root = script("mlflow run clean -P rows=3 --env-manager local\n", "flats/run.sh")
    pipeline, _ = adopted(root.parent)
    assert pipeline.step("clean").bindings == {"rows": Literal("3")}


def test_a_component_that_is_not_known_is_left_out(script):
    text = textwrap.dedent(
        """
        import mlflow, sys
        mlflow.run(sys.argv[1])
        mlflow.run("clean")
        """
    )
    pipeline, remarks = adopted(script(text, "flats/main.py").parent)
    assert [step.name for step in pipeline.steps] == ["clean"]
    assert "main.py:3: which component runs here is not known: the step is left out" in remarks
    with pytest.raises(ContractError, match="only known when it runs"):
        adopt(script("import mlflow, sys\nmlflow.run(sys.argv[1])\n", "other/main.py"))


def test_the_pipeline_runs_under_its_own_edges(script, artifactflow):
    for name, parameters, outputs, body in (
        ("make", "{word: str, out: str}", "{out: {path: w.txt}}", "open(sys.argv[2], 'w').write(sys.argv[1])"),
        ("show", "{data: {type: path, artifact: true}}", "{}", "print(open(sys.argv[1]).read() * 2)"),
    ):
        options = "{word} {out}" if name == "make" else "{data}"
        script(f"import sys\n{body}\n", f"flats/{name}/main.py")
        script(
            f"name: {name}\nentry_points:\n  main:\n    parameters: {parameters}\n    outputs: {outputs}\n"
            f"    command: python main.py {options}\n",
            f"flats/{name}/MLproject",
        )
    root = script(
        'import mlflow\nmlflow.run("make", parameters={"word": "hey", "out": "w.txt"})\n'
        'mlflow.run("show", parameters={"data": "w.txt"})\n',
        "flats/main.py",
    )
    adopted(root.parent)
    done = artifactflow("run-pipeline", root.parent)
    assert done.returncode == 0, done.stderr
    (logs,) = root.parent.glob(".artifactflow/runs/*/logs")
    assert "heyhey\n" in logs.read_text().splitlines(keepends=True)
