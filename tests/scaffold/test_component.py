"""What `scaffold` writes runs at once, passes its own test, and says the same thing in every file."""

import json
import sys
from pathlib import Path, PurePath

import pytest
import yaml

from artifactflow import __version__
from artifactflow.contract import EnvironmentKind
from artifactflow.errors import UsageError
from artifactflow.read.environment import read_environment
from artifactflow.read.mlproject import read_component
from artifactflow.read.script import read_script
from artifactflow.read.signature_source import contract_of_script
from artifactflow.scaffold import Design, component_commands, component_texts, design_component, write_files

LIGHT = {
    "parameters": [
        "count:int=3[1..10]",
        "share=0.5[0..1]",
        "method=mean{mean,median}",
        "fast=false",
        "needed:float[..2]",
        'note:str=it\'s $HOME & "so"',
        "where:path",
        "address:uri=https://example.org/a?b=c&d",
    ],
    "inputs": ["settings:config", "page:text", "pages:folder", "seen:plot"],
    "outputs": ["report:metrics", "log:log", "parts:directory"],
}
SETTINGS = [(template, kind) for template in ("step", "argparse") for kind in ("conda", "python")]
SLOW_FORMATS = {
    "table": {"inputs": ["raw:raw_data"], "outputs": ["clean:clean_data"]},
    "figure": {"outputs": ["loss:plot"]},
    "model": {"outputs": ["fitted:model", "scores:scores"]},
}
HEAVY = {
    f"{name}-{template}-{kind}": {**settings, "template": template, "environment": kind}
    for name, settings in SLOW_FORMATS.items()
    for template, kind in SETTINGS
}
HEAVY["given-model"] = {"inputs": ["given:model"], "outputs": ["fitted:model"], "template": "argparse"}

DESIGNS = {
    **{
        f"bare-{one}-{two}": design_component(f"bare-{one}-{two}", template=one, environment=two)
        for one, two in SETTINGS
    },
    **{
        f"light_{one}_{two}": design_component(f"light_{one}_{two}", template=one, environment=two, **LIGHT)
        for one, two in SETTINGS
    },
    **{name: design_component(name, **settings) for name, settings in HEAVY.items()},
}
"""Every template with every environment file and every format; those of the slow libraries each on its own."""

TESTED = ["bare-step-conda", "bare-argparse-python", "light_step_python", "light_argparse_conda"]
TESTED += ["table-step-conda", "given-model"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all the components."""
    folder = tmp_path_factory.mktemp("project")
    for name, design in DESIGNS.items():
        write_files(folder / name, component_texts(design))
    return folder


def command_of(design: Design, program: str) -> str:
    (found,) = (line for line in component_commands(design, PurePath(design.name)) if line.startswith(program))
    return found


# The commands of the one that is left out begin with training a model, as its own test does.
@pytest.mark.parametrize("name", [name for name in DESIGNS if name != "given-model"])
def test_it_runs_under_artifactflow(project: Path, name: str, typed):
    done = typed(f"{command_of(DESIGNS[name], 'artifactflow run-pipeline')} --json", project)
    assert done.returncode == 0, done.stderr
    (step,) = json.loads(done.stdout)["steps"]
    assert list(step["outputs"]) == [output.key for output in DESIGNS[name].contract.outputs]


def test_the_tests_of_many_components_pass_together(project: Path, typed):
    done = typed(f"pytest -q -p no:cacheprovider {' '.join(TESTED)}", project)
    assert f"{len(TESTED)} passed" in done.stdout, done.stdout


@pytest.mark.parametrize("name", ["bare-step-conda", "light_argparse_python"])
def test_it_runs_under_plain_mlflow(project: Path, tmp_path: Path, name: str, typed):
    variables = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db", "GIT_PYTHON_REFRESH": "quiet"}
    done = typed(command_of(DESIGNS[name], "mlflow run"), project, **variables)
    assert done.returncode == 0, done.stderr
    for output in DESIGNS[name].contract.outputs:
        assert (project / name / output.path).exists()


@pytest.mark.parametrize("name", DESIGNS)
def test_manifest_script_and_design_are_one_contract(project: Path, name: str):
    contract = DESIGNS[name].contract
    component = read_component(project / name)
    stated = component.contract()
    assert (stated.parameters, stated.inputs, stated.outputs, stated.description) == (
        contract.parameters,
        contract.inputs,
        contract.outputs,
        contract.description,
    )
    if DESIGNS[name].template == "step":
        assert contract_of_script(project / name / "main.py") == contract
    else:
        line = read_script(project / name / "main.py")
        assert [option.dest for option in line.options if option.dest != "help"] == list(contract.option_names())


@pytest.mark.parametrize("name", [name for name in DESIGNS if DESIGNS[name].template == "argparse"])
def test_the_argparse_template_knows_nothing_of_artifactflow(project: Path, name: str):
    for file in ("main.py", f"test_{name.replace('-', '_')}.py", "conda.yaml", "python_env.yaml"):
        if (project / name / file).exists():
            assert "artifactflow" not in (project / name / file).read_text()


def test_an_argparse_script_refuses_what_its_bounds_forbid(project: Path, typed):
    design = DESIGNS["light_argparse_conda"]
    command = command_of(design, "artifactflow run-pipeline").replace("count=", "").split(" -P ")
    options = [f"--{option}" for option in command[1:]]
    done = typed(f"{sys.executable} {design.name}/main.py {' '.join(options)} --count=11", project)
    assert done.returncode == 2
    assert "--count takes a whole number from 1 to 10" in done.stderr


def test_nothing_said_is_a_small_example_that_needs_no_pandas(project: Path, typed):
    design = DESIGNS["bare-step-conda"]
    script = (project / design.name / "main.py").read_text()
    assert "pandas" not in script
    assert [parameter.name for parameter in design.contract.parameters] == ["samples", "seed"]
    (output,) = design.contract.outputs
    assert (output.name, output.key, output.path) == ("bare-step-conda", "estimate", "estimate.json")
    made = project / "pi.json"
    done = typed(f"{sys.executable} {design.name}/main.py --estimate={made} --samples=20000", project)
    assert abs(json.loads(made.read_text())["pi"] - 3.14) < 0.05, done.stderr


def test_conda_yaml_pins_python_and_what_the_script_imports():
    import importlib.metadata

    design = design_component(
        "use", inputs=["raw:data", "given:model"], outputs=["o:plot"], packages=["numpy", "requests>=2"]
    )
    texts = component_texts(design)
    content = yaml.safe_load(texts["conda.yaml"])
    assert content["name"] == "use"
    assert content["channels"] == ["conda-forge"]
    python, pip, section = content["dependencies"]
    assert (python, pip) == (f"python={sys.version_info.major}.{sys.version_info.minor}", "pip")
    pinned = ["matplotlib", "pandas", "scikit-learn", "skops"]
    assert section["pip"] == [
        f"artifactflow=={__version__}",
        *(f"{name}=={importlib.metadata.version(name)}" for name in pinned),
        f"numpy=={importlib.metadata.version('numpy')}",
        "requests>=2",
    ]


def test_python_env_yaml_says_the_same(tmp_path: Path):
    design = design_component("a", environment="python", python="3.12.1", packages=["not-installed-anywhere"])
    write_files(tmp_path / "a", component_texts(design))
    environment = read_environment(tmp_path / "a" / "python_env.yaml", EnvironmentKind.PYTHON)
    assert environment.python == "3.12.1"
    assert "not-installed-anywhere" in environment.requirements
    assert not (tmp_path / "a" / "conda.yaml").exists()


def test_a_package_that_is_asked_for_goes_before_the_pin_of_its_import():
    design = design_component("a", outputs=["t:table"], packages=["Pandas>=2"])
    dependencies = yaml.safe_load(component_texts(design)["conda.yaml"])["dependencies"]
    assert [text for text in dependencies[2]["pip"] if "andas" in text] == ["Pandas>=2"]


@pytest.mark.parametrize("template", ["step", "argparse"])
def test_a_component_without_outputs_or_inputs_is_one_too(template: str):
    texts = component_texts(design_component("look", inputs=["raw:text"], template=template))
    assert "outputs:" not in texts["MLproject"]
    texts = component_texts(design_component("say", parameters=["word=hello"], template=template))
    assert "MLproject" in texts


def test_the_readme_names_a_sample_for_every_input_but_a_model():
    readme = component_texts(design_component("use", inputs=["raw:data", "given:model"]))["README.md"]
    assert "-P raw=use/sample_raw.csv -P given=model.skops" in readme
    assert "artifactflow train\nartifactflow artifacts get model\n" in readme


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "../x"}, "cannot name a component"),
        ({"template": "stepp"}, "--template takes step or argparse, got 'stepp'"),
        ({"environment": "pip"}, "--env-file takes conda or python, got 'pip'"),
        ({"python": "three"}, "--python takes a version such as 3.11"),
        ({"python": "3.9"}, "--python 3.9 is too old"),
        ({"description": "\x1b[31mred"}, "holds a character that cannot be printed"),
        ({"inputs": ["a:x"], "parameters": ["a=3"]}, "'a' names two things"),
        ({"outputs": ["a-b:x", "a_b:x"]}, "'a_b' names two things"),
    ],
)
def test_what_cannot_be_a_component_is_refused(settings: dict, message: str):
    with pytest.raises(UsageError, match=message):
        design_component(**{"name": "a", **settings})


def test_a_package_that_is_no_requirement_is_refused():
    with pytest.raises(UsageError, match="--package 'a b' is no requirement"):
        component_texts(design_component("a", packages=["a b"]))


def test_an_old_python_will_do_without_artifactflow():
    assert design_component("a", template="argparse", python="3.9").python == "3.9"


def test_a_description_is_one_line():
    assert design_component("a", description=" Keep\n the  rows. ").contract.description == "Keep the rows."
