"""What is written reads back as the same contract, and the real MLflow hands every value over byte for byte."""

import keyword
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from artifactflow.contract import Contract, EnvironmentKind, Input, Output
from artifactflow.errors import ContractError
from artifactflow.parameters import Parameter, ParameterType
from artifactflow.read.command import parse_command
from artifactflow.read.mlproject import read_component, read_manifest
from artifactflow.write.mlproject import command_for, edit_manifest, write_component_text

CLEAN = Contract(
    description="Keep the rows inside the price range.",
    inputs=(Input("raw", "raw_data", "The table to clean"),),
    parameters=(
        Parameter("min_price", ParameterType.FLOAT, 10.0, description="Lowest price kept, in USD", minimum=0),
        Parameter("method", default="mean", choices=("mean", "median")),
        Parameter("limit", ParameterType.INT, None, optional=True, description="Rows to read"),
    ),
    outputs=(Output("clean", "clean_data", "The cleaned table", "clean", "clean.csv"),),
)

CLEAN_TEXT = """\
name: clean
conda_env: conda.yaml
entry_points:
  main:
    description: Keep the rows inside the price range.
    parameters:
      raw:       {type: path, artifact: raw_data, description: The table to clean}
      min_price: {type: float, default: 10, minimum: 0, description: "Lowest price kept, in USD"}
      method:    {type: str, default: mean, choices: [mean, median]}
      clean:     {type: str, default: clean.csv}
    optional_parameters:
      limit: {type: int, description: Rows to read}
    outputs:
      clean: {type: clean_data, path: clean.csv, description: The cleaned table}
    command: python main.py --raw={raw} --min_price={min_price} --method={method} --clean={clean}
"""


@pytest.fixture(scope="module")
def load_project():
    from mlflow.projects._project_spec import load_project

    return load_project


def with_command(contract: Contract) -> Contract:
    return replace(contract, command=command_for(contract, "main.py"))


def read_back(folder: Path, text: str) -> Contract:
    (folder / "MLproject").write_text(text, encoding="utf-8")
    (found,) = read_manifest(folder / "MLproject").component.entry_points.values()
    return found


def test_the_written_text_is_the_dialect():
    assert write_component_text("clean", [with_command(CLEAN)], (EnvironmentKind.CONDA, "conda.yaml")) == CLEAN_TEXT


def test_what_is_empty_is_left_out_because_mlflow_stops_at_an_empty_section():
    text = write_component_text("a", [Contract(command="python main.py")], (EnvironmentKind.REQUIREMENTS, "r.txt"))
    assert text == "name: a\nentry_points:\n  main:\n    command: python main.py\n"


def test_a_component_keeps_its_entry_points_in_order(tmp_path: Path):
    contracts = [Contract(entry_point=name, command=f"python {name}.py") for name in ("main", "no", "a b")]
    (tmp_path / "MLproject").write_text(write_component_text("x", contracts))
    assert list(read_component(tmp_path).entry_points.values()) == contracts


def test_a_secret_never_stands_in_the_command():
    contract = Contract(parameters=(Parameter("token", secret=True), Parameter("seed")))
    assert command_for(contract, "main.py") == "python main.py --seed={seed}"


def test_a_number_that_may_be_absent_is_the_empty_text_to_a_command_that_names_it(tmp_path: Path, load_project):
    parameter = Parameter("limit", ParameterType.INT, None, optional=True)
    contract = Contract(parameters=(parameter,), command="python main.py {limit}")
    assert read_back(tmp_path, write_component_text("x", [contract])) == contract
    assert load_project(tmp_path).get_entry_point("main").compute_command({}, None) == "python main.py ''"


# Names that argparse and str.format take; texts that UTF-8 and a command line can carry.
names = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True) | st.sampled_from(["no", "y", "null", "on", "é", "a-b"])
names = names.filter(lambda name: name.isascii() and not keyword.iskeyword(name))
texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
    st.sampled_from(
        [
            "no",
            "1.10",
            "010",
            "1e-3",
            "~",
            "null",
            "{x}",
            "a: b",
            "a #b",
            " a ",
            "a\nb",
            "'",
            '"',
            "$(id)",
            "`id`",
            "-x",
        ]
    ),
    st.sampled_from(
        ["", "\\", "é𝒳", "\x85\u2028\ufeff\x07\x7f", "=", "<<", "2024-01-02", "1_000", "0x1", "---", "..."]
    ),
)
lines = texts.map(str.strip)
numbers = {
    ParameterType.INT: st.integers(),
    ParameterType.FLOAT: st.floats(allow_nan=False),
    ParameterType.BOOL: st.booleans(),
}


@st.composite
def parameters(draw, name: str) -> Parameter:
    kind = draw(st.sampled_from(list(ParameterType)))
    values = numbers.get(kind, texts)
    optional = draw(st.booleans())
    required = Parameter(name).default
    bounded = kind in (ParameterType.INT, ParameterType.FLOAT)
    return Parameter(
        name=name,
        type=kind,
        default=draw(values | st.just(None if optional else required)),
        optional=optional,
        description=draw(texts),
        minimum=draw(st.none() | st.floats(allow_nan=False)) if bounded else None,
        maximum=draw(st.none() | st.integers()) if bounded else None,
        choices=tuple(draw(st.lists(values, max_size=3))),
        secret=draw(st.booleans()),
        flag=draw(st.booleans()) if kind is ParameterType.BOOL else False,
    )


@st.composite
def contracts(draw) -> Contract:
    chosen = draw(st.lists(names, unique=True, max_size=6))
    inputs, scalars, outputs = [], [], []
    for name in chosen:
        match draw(st.sampled_from(["input", "parameter", "parameter", "output"])):
            case "input":
                inputs.append(Input(name, draw(texts), draw(texts), optional=draw(st.booleans())))
            case "parameter":
                scalars.append(draw(parameters(name)))
            case "output":
                filled = texts.filter(bool)
                outputs.append(
                    Output(
                        draw(filled),
                        draw(filled),
                        draw(texts),
                        name,
                        draw(filled),
                        draw(st.booleans()),
                        draw(st.booleans()),
                    )
                )
    # Inputs that may be absent stand in a section below the others.
    inputs.sort(key=lambda item: item.optional)
    scalars.sort(key=lambda item: item.optional)
    contract = Contract(
        entry_point=draw(texts),
        description=draw(texts),
        parameters=tuple(scalars),
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        environment_variables=tuple(draw(st.lists(texts, max_size=2))),
        include=tuple(draw(st.lists(texts, max_size=2))),
        cache=draw(st.booleans()),
    )
    return replace(contract, command=command_for(contract, draw(texts.map(lambda text: text.replace("{", "")))))


@settings(max_examples=200, deadline=None)
@given(contracts(), texts)
def test_a_contract_comes_back_as_it_was(tmp_path_factory, contract, name):
    folder = tmp_path_factory.getbasetemp()
    text = write_component_text(name, [contract], (EnvironmentKind.PYTHON, "python_env.yaml"))
    assert read_back(folder, text) == contract
    assert yaml.safe_load(text)["name"] == name, "the loader in pure Python, which MLflow uses, agrees"


scripted = st.lists(names, unique=True, max_size=6).flatmap(
    lambda chosen: st.fixed_dictionaries(
        {name: st.tuples(st.sampled_from(["str", "int", "path"]), texts) for name in chosen}
    )
)


@settings(max_examples=50, deadline=None)
@given(scripted)
def test_mlflow_and_we_hand_over_every_value_byte_for_byte(tmp_path_factory, load_project, given_values):
    folder = tmp_path_factory.getbasetemp()
    declared = tuple(Parameter(name, ParameterType(kind)) for name, (kind, _) in given_values.items())
    values = {name: text for name, (_, text) in given_values.items()}
    contract = with_command(Contract(parameters=declared))
    contract = read_back(folder, write_component_text("x", [contract]))
    expected = [f"--{name}={value}" for name, value in values.items()]

    ours = parse_command(contract.command, contract.places["command"]).render(values)
    assert list(ours.argv) == ["python", "main.py", *expected]

    command = load_project(str(folder)).get_entry_point("main").compute_command(values, None)
    dump = "python() { printf '%s\\0' \"$@\"; }; "
    output = subprocess.run(["bash", "-c", dump + command], capture_output=True, check=True).stdout
    assert output.decode().split("\0")[:-1] == ["main.py", *expected]


def test_defaults_reach_the_step_through_mlflow(tmp_path: Path, load_project):
    (tmp_path / "MLproject").write_text(write_component_text("clean", [with_command(CLEAN)]))
    command = load_project(tmp_path).get_entry_point("main").compute_command({"raw": "data.csv"}, None)
    assert command == "python main.py --raw=data.csv --min_price=10 --method=mean --clean=clean.csv"


HAND_WRITTEN = """\
# The component of the seed.
name: 'iris'   # a quote of ours

conda_env:   conda.yaml
entry_points:
    train:
        parameters:
            test_size:   {type: float, default: 0.3}   # not 0.2
            verbose:     {type: bool, default: no}
            seed:
                type: int
                default: 010
        command: >-
            python train_iris.py --test_size {test_size}\\ 
              --seed {seed}
"""  # noqa: W291 - the blank behind the backslash is what the seed has


def test_an_edit_changes_its_own_lines_only():
    def change(manifest):
        manifest["entry_points"]["train"]["command"] = "python train_iris.py --test_size={test_size} --seed={seed}"

    before, _, _ = HAND_WRITTEN.partition("            python train_iris.py")
    after = "            python train_iris.py --test_size={test_size} --seed={seed}\n"
    assert edit_manifest(HAND_WRITTEN, change) == before + after


def test_a_command_put_in_needs_no_quotes():
    def change(manifest):
        manifest["entry_points"]["test"] = {"command": "pytest . --data={data}"}

    assert edit_manifest(HAND_WRITTEN, change) == HAND_WRITTEN + "    test:\n        command: pytest . --data={data}\n"


def test_an_edit_that_changes_nothing_changes_nothing():
    assert edit_manifest(HAND_WRITTEN, lambda manifest: None) == HAND_WRITTEN


@pytest.mark.parametrize("value", ["no", "1.10", "1e-3", "a: b", "", "010", "x\ny", "yes"])
def test_a_text_put_in_stays_a_text_to_yaml_1_1(value):
    def change(manifest):
        manifest["entry_points"]["train"]["parameters"]["test_size"]["default"] = value
        manifest["entry_points"]["train"]["parameters"]["new"] = {"type": "str", "default": value}

    edited = yaml.safe_load(edit_manifest(HAND_WRITTEN, change))
    found = edited["entry_points"]["train"]["parameters"]
    assert found["test_size"]["default"] == found["new"]["default"] == value
    assert found["verbose"]["default"] is False, "what was there is not touched"
    assert found["seed"]["default"] == 8


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: 1\na: 2", 2), ("a: b: c", 1), ("- a", None), ("", None)],
    ids=["twice", "broken", "list", "empty"],
)
def test_what_cannot_be_edited_safely_is_refused(text, line):
    with pytest.raises(ContractError) as caught:
        edit_manifest(text, lambda manifest: None, "component/MLproject")
    assert caught.value.place is not None
    assert (caught.value.place.file, caught.value.place.line) == ("component/MLproject", line)
