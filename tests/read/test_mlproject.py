"""MLproject is read as MLflow reads it, and MLflow itself is the judge."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from artifactflow.contract import EnvironmentKind, Input, Output
from artifactflow.errors import ArtifactflowError, ContractError, NotFoundError, Place
from artifactflow.parameters import REQUIRED, Parameter, ParameterType, format_value
from artifactflow.read.mlproject import find_manifest, read_component, read_manifest

DIALECT = """\
name: clean
entry_points:
  main:
    description: Keep the rows inside the price range.
    parameters:
      raw:       {type: path, artifact: raw_data, description: The table to clean}     # an input
      min_price: {type: float, default: 10, minimum: 0, description: "Lowest price kept, in USD"}
      method:    {type: str, default: mean, choices: [mean, median]}
      clean:     {type: str, default: clean.csv}                                       # the output below
    optional_parameters:
      limit:     {type: int, description: Rows to read}
      verbose:   {flag: true}
      extra:     {type: path, artifact: true}
    outputs:
      clean: {type: clean_data, path: clean.csv, description: The cleaned table}
      plots: {name: "{method}-plots", path: plots/*.png, unwrap: true}
    env: [API_HOST]
    include: [config/*.json]
    cache: false
    command: python main.py --raw={raw} --min_price={min_price} --method={method} --clean={clean}
"""


@pytest.fixture(scope="module")
def load_project():
    from mlflow.projects._project_spec import load_project

    return load_project


def write(folder: Path, text: str, name: str = "MLproject") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def entry_point(text: str) -> str:
    return f"entry_points:\n  main:\n    {text}\n"


def read_main(folder: Path, text: str):
    write(folder, text)
    return read_component(folder).contract()


def read_parameter(folder: Path, stated: str) -> Parameter:
    return read_main(folder, entry_point(f"parameters: {{x: {stated}}}\n    command: a {{x}}")).parameter("x")


def test_the_dialect_is_read_whole(tmp_path: Path):
    contract = read_main(tmp_path, DIALECT)
    assert contract.description == "Keep the rows inside the price range."
    assert contract.inputs == (
        Input("raw", "raw_data", "The table to clean"),
        Input("extra", "", "", optional=True),
    )
    assert contract.parameters == (
        Parameter("min_price", ParameterType.FLOAT, 10.0, description="Lowest price kept, in USD", minimum=0),
        Parameter("method", default="mean", choices=("mean", "median")),
        Parameter("limit", ParameterType.INT, None, optional=True, description="Rows to read"),
        Parameter("verbose", ParameterType.BOOL, None, optional=True, flag=True),
    )
    assert contract.outputs == (
        Output("clean", "clean_data", "The cleaned table", "clean", "clean.csv"),
        Output("{method}-plots", "artifact", "", "plots", "plots/*.png", placeholder=False, unwrap=True),
    )
    assert contract.environment_variables == ("API_HOST",)
    assert contract.include == ("config/*.json",)
    assert contract.cache is False


def test_places_of_what_is_stated_are_kept(tmp_path: Path):
    places = read_main(tmp_path, DIALECT).places
    file = str(tmp_path / "MLproject")
    assert places["entry_point"] == Place(file, 3, 3)
    assert places["parameters.method"] == Place(file, 8, 7)
    assert places["parameters.method.default"] == Place(file, 8, 39)
    assert places["parameters.clean"] == Place(file, 9, 7), "the folded one too: check asks whether it is there"
    assert places["outputs.clean"] == Place(file, 15, 7)
    assert places["command"] == Place(file, 20, 14)


@pytest.mark.parametrize("name", ["MLproject", "MLProject", "mlproject", "MLPROJECT"])
def test_any_name_that_lowercases_to_mlproject_is_a_manifest(tmp_path: Path, name):
    path = write(tmp_path, DIALECT, name)
    assert find_manifest(tmp_path) == path


def test_other_names_are_none(tmp_path: Path):
    write(tmp_path, DIALECT, "MLproject.yaml")
    (tmp_path / "MLproject").mkdir()
    assert find_manifest(tmp_path) is None
    with pytest.raises(NotFoundError, match="no MLproject file"):
        read_component(tmp_path)


@pytest.mark.parametrize(
    ("stated", "kind", "default"),
    [
        ("float", ParameterType.FLOAT, REQUIRED),
        ("string", ParameterType.STR, REQUIRED),
        ("{}", ParameterType.STR, REQUIRED),
        ("{default: x}", ParameterType.STR, "x"),
        ("{type: Boolean, default: yes}", ParameterType.BOOL, True),
        ("{type: int, default: 010}", ParameterType.INT, 8),
        ("{type: integer, default: 1_000}", ParameterType.INT, 1000),
        ("{type: int, default: '5'}", ParameterType.INT, 5),
        ("{type: float, default: 1e-3}", ParameterType.FLOAT, 0.001),
        ("{type: str, default: 1.10}", ParameterType.STR, "1.1"),
        ("{type: str, default: no}", ParameterType.STR, "False"),
        ("{type: str, default: [1, 2]}", ParameterType.STR, "[1, 2]"),
        ("{type: int, default: null}", ParameterType.INT, REQUIRED),
        ("{type: path, default: data}", ParameterType.PATH, "data"),
        ("{type:int}", ParameterType.STR, REQUIRED),
        ("{type str, default: 1}", ParameterType.STR, "1"),
        ("{type: DataFrame}", ParameterType.STR, REQUIRED),
        ("{type: 3}", ParameterType.STR, REQUIRED),
        ("{type: int, default: 0.3}", ParameterType.STR, "0.3"),
        ("{type: bool, default: maybe}", ParameterType.STR, "maybe"),
        ("{type: int, unknown: key}", ParameterType.INT, REQUIRED),
    ],
)
def test_parameters_are_those_of_mlflow(tmp_path: Path, load_project, stated, kind, default):
    parameter = read_parameter(tmp_path, stated)
    assert (parameter.type, parameter.default) == (kind, default)
    theirs = load_project(tmp_path).get_entry_point("main").parameters["x"]
    assert (theirs.default is None) == parameter.required
    if kind is ParameterType.STR and default is not REQUIRED:
        assert format_value(parameter.default) == str(theirs.default)


def test_an_empty_default_of_a_number_is_an_absent_value(tmp_path: Path):
    parameter = read_parameter(tmp_path, "{type: int, default: ''}")
    assert (parameter.type, parameter.default, parameter.optional) == (ParameterType.INT, None, True)


def test_bounds_choices_and_secrets_are_read(tmp_path: Path):
    parameter = read_parameter(tmp_path, "{type: float, minimum: 1e-3, maximum: 2, choices: [1, 2], secret: true}")
    assert parameter == Parameter("x", ParameterType.FLOAT, minimum=0.001, maximum=2, choices=(1.0, 2.0), secret=True)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("", 1, 1),
        ("# only a comment", 1, 1),
        ("- a", 1, 1),
        ("entry_points:\n", 1, 14),
        ("entry_points: [main]\n", 1, 15),
        (entry_point("").rstrip() + "\n", 2, 8),
        (entry_point("command: {a: b}"), 3, 14),
        (entry_point("command: 5"), 3, 14),
        (entry_point("parameters: {}"), 2, 3),
        (entry_point("parameters:\n    command: a"), 3, 16),
        (entry_point("parameters: [x]\n    command: a"), 3, 17),
        (entry_point("parameters: {x: }\n    command: a"), 3, 21),
        (entry_point("parameters: {x: 5}\n    command: a"), 3, 21),
        (entry_point("parameters: {x: [int]}\n    command: a"), 3, 21),
        ("conda_env: a\npython_env: b\n" + entry_point("command: a"), 2, 1),
        ("python_env: 5\n" + entry_point("command: a"), 1, 13),
        ("conda_env: missing.yaml\n" + entry_point("command: a"), 1, 12),
        ("name: {{cookiecutter.name}}\n" + entry_point("command: a"), 1, 8),
        (entry_point("command: a: b: c"), 3, 15),
    ],
)
def test_what_mlflow_stops_at_is_a_contract_error_with_its_place(tmp_path: Path, load_project, text, line, column):
    path = write(tmp_path, text)
    with pytest.raises(Exception):  # noqa: B017 - MLflow crashes in a dozen ways
        load_project(tmp_path).get_entry_point("main").compute_command({}, None)
    with pytest.raises(ContractError) as caught:
        read_component(tmp_path)
    assert caught.value.place == Place(str(path), line, column)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("parameters: {x: int}\n    optional_parameters: {x: int}\n    command: a", "x is stated under parameters and"),
        ("optional_parameters: {x: {type: int, flag: true}}\n    command: a", "flag: true belongs to a bool"),
        ("parameters: {x: {type: int, artifact: table}}\n    command: a", "an input is a path"),
        ("parameters: {x: {type: int, minimum: low}}\n    command: a", "the minimum of x must be a number"),
        ("parameters: {x: {type: int, choices: [1, b]}}\n    command: a", "'b' among the choices of x is no int"),
        ("outputs: {x: {type: model}}\n    command: a", "neither in the command nor has it a path"),
        ("outputs: {x: {pth: model}}\n    command: a", "unknown key 'pth'"),
        ("outputs: {x: 3}\n    command: a", "output x must be a mapping"),
        ("env: HOME\n    command: a", "env must be a list"),
        ("cache: 3\n    command: a", "cache must be true or false"),
    ],
)
def test_keys_of_the_dialect_that_make_no_sense_are_refused(tmp_path: Path, text, words):
    with pytest.raises(ContractError, match=words) as caught:
        read_main(tmp_path, entry_point(text))
    assert caught.value.place is not None


def test_an_output_by_placeholder_takes_its_path_from_the_parameter_of_its_name(tmp_path: Path):
    text = "parameters: {model: {default: m.skops}}\n    outputs: {model: {type: model}}\n    command: a {model}"
    contract = read_main(tmp_path, entry_point(text))
    assert contract.outputs == (Output("model", "model", "", "model", "m.skops"),)
    assert contract.parameters == ()


def test_an_output_by_placeholder_needs_no_parameter(tmp_path: Path):
    contract = read_main(tmp_path, entry_point("outputs: {model: model.skops, log: }\n    command: a {model} {log}"))
    assert [(output.key, output.path, output.placeholder) for output in contract.outputs] == [
        ("model", "model.skops", True),
        ("log", "log", True),
    ]


def test_a_single_entry_point_serves_as_main(tmp_path: Path):
    write(tmp_path, "entry_points: {train: {command: python train.py}}")
    assert read_component(tmp_path).contract().entry_point == "train"


def test_the_folder_names_a_component_that_does_not_name_itself(tmp_path: Path):
    folder = tmp_path / "clean"
    folder.mkdir()
    write(folder, entry_point("command: a"))
    assert read_component(folder).name == "clean"


@pytest.mark.parametrize(
    ("text", "files", "expected"),
    [
        ("conda_env: environment.yml", ["environment.yml", "conda.yaml"], (EnvironmentKind.CONDA, "environment.yml")),
        ("python_env: python.yaml", ["python.yaml"], (EnvironmentKind.PYTHON, "python.yaml")),
        ("", ["python_env.yaml", "conda.yaml"], (EnvironmentKind.PYTHON, "python_env.yaml")),
        ("python_env:", ["conda.yaml"], (EnvironmentKind.CONDA, "conda.yaml")),
        ("docker_env: {image: x}", ["conda.yaml"], None),
        ("", [], None),
    ],
)
def test_the_environment_file_is_the_one_mlflow_takes(tmp_path: Path, load_project, text, files, expected):
    path = write(tmp_path, f"{text}\n{entry_point('command: a')}")
    for file in files:
        (tmp_path / file).write_text("dependencies: [python=3.11]\n")
    found = read_manifest(path).environment_file
    assert (found and (found.kind, found.path.name)) == expected
    theirs = load_project(str(tmp_path)).env_config_path
    assert (theirs and Path(theirs).name) == (expected and expected[1])


def test_the_component_has_its_environment(tmp_path: Path):
    (tmp_path / "conda.yaml").write_text("dependencies: [python=3.11, pip, {pip: [pandas>=2]}]\n")
    write(tmp_path, "conda_env: conda.yaml\n" + entry_point("command: a"))
    environment = read_component(tmp_path).environment
    assert environment is not None
    assert environment.requirements == ("pandas>=2",)


known = ["parameters", "optional_parameters", "outputs", "env", "include", "conda_env", "python_env", "docker_env"]
known += ["name", "entry_points", "main", "command", "x", "type", "default", "artifact", "minimum", "choices", "flag"]
known += ["secret", "path", "cache", "description", "unwrap"]
keys = st.sampled_from(known)
scalars = st.sampled_from(["int", "path", "", "a {x}", "9" * 5000, "{{x}}"]) | st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6), st.dates(), st.binary(max_size=3)
)
manifests = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(keys | st.integers() | st.booleans(), inner, max_size=5)
    ),
    max_leaves=25,
)
entry = st.fixed_dictionaries(
    {"command": st.just("a {x} {y}")},
    optional={
        key: st.dictionaries(keys, st.dictionaries(keys, manifests, max_size=4) | manifests, max_size=3)
        for key in ("parameters", "optional_parameters", "outputs")
    },
)
texts = st.one_of(
    st.text(max_size=60),
    manifests.map(yaml.safe_dump),
    entry.map(lambda main: yaml.safe_dump({"entry_points": {"main": main}})),
)


@settings(max_examples=300, deadline=None)
@given(texts)
def test_any_text_is_a_component_or_an_error_of_ours(tmp_path_factory, text):
    folder = tmp_path_factory.getbasetemp() / "fuzz"
    folder.mkdir(exist_ok=True)
    (folder / "MLproject").write_bytes(text.encode("utf-8", "replace"))
    try:
        component = read_component(folder)
    except ArtifactflowError:
        return
    assert all(contract.command for contract in component.entry_points.values())
