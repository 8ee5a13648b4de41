"""What is wrong with a manifest is found at its place; what can be mended is, and nothing else changes."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow.projects._project_spec import load_project

from artifactflow.contract import Contract, EnvironmentKind, Input, Output
from artifactflow.parameters import Parameter, ParameterType
from artifactflow.write.mlproject import command_for, write_component_text

CONDA = "name: x\nchannels: [conda-forge]\ndependencies: [python=3.11, {pip: [pandas==2.3.1]}]\n"
PYTHON_ENV = 'python: "3.11"\nbuild_dependencies: [pip]\ndependencies: [pandas==2.3.1]\n'
CLEAN = "name: x\npython_env: python_env.yaml\nentry_points:\n  main:\n    command: python main.py\n"


def manifest(body, environment="python_env: python_env.yaml\n"):
    return {"MLproject": f"name: x\n{environment}{body}", "python_env.yaml": PYTHON_ENV}


def test_a_correct_manifest_yields_nothing(check):
    assert check({"MLproject": CLEAN, "python_env.yaml": PYTHON_ENV}, select=["M", "P"]) == []


def test_what_artifactflow_writes_yields_nothing(check):
    contract = Contract(
        parameters=(
            Parameter("rate", ParameterType.FLOAT, default=1e-5, minimum=0, maximum=1),
            Parameter("method", default="no", choices=("yes", "no")),
            Parameter("version", default="1.10"),
            Parameter("verbose", ParameterType.BOOL, default=False),
            Parameter("limit", ParameterType.INT, default=None, optional=True),
            Parameter("api_key", secret=True),
        ),
        inputs=(Input("raw", "raw_data"),),
        outputs=(Output(key="clean", path="clean.csv"), Output(key="log", path="*.log", placeholder=False)),
        description="Cleans",
    )
    command = command_for(contract, "main.py")
    text = write_component_text(
        "x",
        [Contract(**{**{name: getattr(contract, name) for name in contract.__slots__}, "command": command})],
        (EnvironmentKind.PYTHON, "python_env.yaml"),
    )
    assert check({"MLproject": text, "python_env.yaml": PYTHON_ENV}, select=["M", "P"]) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("conda env: conda.yaml", "conda_env: conda.yaml"),
        ("conda_enviroment: conda.yaml", "conda_env: conda.yaml"),
        ("Environment: conda.yaml  # ours", "conda_env: conda.yaml  # ours"),
        ("environment: python_env.yaml", "python_env: python_env.yaml"),
        ("python-env: python_env.yaml", "python_env: python_env.yaml"),
        ("'conda env': conda.yaml", "conda_env: conda.yaml"),
    ],
)
def test_a_misspelt_environment_key_is_found_and_mended(check, said, mend, before, after):
    files = {
        "MLproject": f"name: x\n{before}\nentry_points: {{main: {{command: python main.py}}}}\n",
        "conda.yaml": CONDA,
        "python_env.yaml": PYTHON_ENV,
    }
    (found,) = check(files)
    assert said([found]) == ["M002 MLproject:2:1"]
    assert found.hint == f"write {after.partition(':')[0]}"
    assert mend(files) == files["MLproject"].replace(before, after)


def test_misspelt_keys_are_found_at_every_level(check, said, mend):
    files = manifest(
        """entrypoints:
  main:
    params:
      seed: {dtype: int, defualt: 3, min: 1, help: "a, b"}
    Command: python main.py --seed={seed}
    output:
      model: {pth: model, descripton: The model}
"""
    )
    assert said(check(files)) == ["M002 MLproject:3:1"], "below an unknown key there is nothing that is known"
    assert mend(files) == files["MLproject"].replace("entrypoints", "entry_points").replace(
        "params", "parameters"
    ).replace("dtype", "type").replace("defualt", "default").replace("min:", "minimum:").replace(
        "help", "description"
    ).replace("Command", "command").replace("output:", "outputs:").replace("pth", "path").replace(
        "descripton", "description"
    )


def test_a_misspelt_key_beside_the_right_one_is_left_to_its_author(check, said):
    (found,) = check(manifest("entry_points: {main: {command: python a.py, comand: python b.py}}\n"))
    assert said([found]) == ["M002 MLproject:3:45"]
    assert found.fix is None
    assert "keep one" in found.hint


def test_an_unknown_key_is_a_warning_unless_it_is_marked_as_an_extension(check, said):
    body = "owner: data team\nx-owner: data team\nentry_points: {main: {command: python main.py, retries: 3}}\n"
    assert said(check(manifest(body))) == ["M003 MLproject:3:1", "M003 MLproject:5:48"]


def test_a_key_whose_value_has_another_shape_is_not_taken_for_a_typo(check, said):
    body = 'python: "3.11"\nnames: [a, b]\nentry_points: {main: {command: python main.py}}\n'
    assert said(check(manifest(body))) == ["M003 MLproject:3:1", "M003 MLproject:4:1"]


def test_every_key_that_mlflow_and_artifactflow_read_is_known(check):
    body = """entry_points:
  main:
    description: All
    env: [HOME]
    include: ["*.sql"]
    cache: false
    parameters:
      raw: {type: path, artifact: raw_data, description: In}
      seed: {type: int, default: 1, minimum: 0, maximum: 9, choices: [1, 2]}
    optional_parameters:
      key: {type: str, secret: true}
    outputs:
      log: {name: l, type: t, path: a.log, description: d, unwrap: true}
    command: python main.py {raw} {seed}
"""
    assert check(manifest(body), select=["M", "P"]) == []


def test_a_key_stated_twice_is_found_at_the_second_place(check, said):
    body = """entry_points:
  main:
    parameters:
      seed: {type: int, default: 1}
      seed: {type: int, default: 2, type: int}
    command: python main.py {seed}
"""
    found = check(manifest(body))
    assert said(found) == ["M004 MLproject:7:7", "M004 MLproject:7:37"]
    assert found[0].message.startswith("seed is stated before")


def test_a_merge_key_states_nothing_twice(check):
    body = """x-common: &common {type: int, default: 1}
entry_points:
  main:
    parameters:
      seed: {<<: *common, default: 2}
    command: python main.py {seed}
"""
    assert check(manifest(body), select=["M", "P"]) == []


def test_a_parameter_called_no_is_quoted(check, said, mend):
    files = manifest(
        "entry_points:\n  main:\n    parameters:\n      no: {type: int}\n    command: python main.py {no}\n"
    )
    found = check(files)
    assert said(found) == ["M005 MLproject:6:7"]
    assert found[0].message == "the parameter no is no text to YAML 1.1 but False"
    assert mend(files) == files["MLproject"].replace("      no:", '      "no":')


@pytest.mark.parametrize("name", ["MLproject.yaml", "mlproject.yml", "MLProject.txt"])
def test_a_manifest_of_a_wrong_name_is_renamed_and_then_checked(check, said, mend, name):
    files = {name: CLEAN, "python_env.yaml": PYTHON_ENV}
    assert said(check(files)) == [f"M006 {name}:1:1"]
    assert mend(files) == CLEAN
    assert check() == []


def test_notes_with_the_name_of_a_manifest_are_no_manifest(check):
    assert check({"mlproject.txt": "We should write one."}) == []


def test_a_manifest_of_a_wrong_name_beside_the_right_one_is_ignored_by_mlflow(check, said, mend):
    files = {"MLproject": CLEAN, "MLproject.yaml": CLEAN, "python_env.yaml": PYTHON_ENV}
    assert said(check(files)) == ["M007 MLproject.yaml:1:1"]
    assert mend(files) == CLEAN


def test_of_two_manifests_that_differ_in_case_the_second_is_named(check, said):
    files = {"MLproject": CLEAN, "mlproject": CLEAN, "python_env.yaml": PYTHON_ENV}
    assert said(check(files)) == ["M007 mlproject:1:1"]


def test_a_name_that_is_a_number_is_quoted(check, said, mend):
    files = {"MLproject": CLEAN.replace("name: x", "name: 1.10  # ours"), "python_env.yaml": PYTHON_ENV}
    assert said(check(files)) == ["M008 MLproject:1:7"]
    assert mend(files).splitlines()[0] == 'name: "1.10"  # ours'


def test_a_missing_environment_file_is_found_and_its_ending_mended(check, said, mend):
    body = "entry_points: {main: {command: python main.py}}\n"
    files = {"MLproject": f"name: x\nconda_env: conda.yml  # pinned\n{body}", "conda.yaml": CONDA}
    (found,) = check(files)
    assert said([found]) == ["M010 MLproject:2:12"]
    assert found.hint == "write conda.yaml"
    assert mend(files) == files["MLproject"].replace("conda.yml", "conda.yaml")


def test_a_missing_environment_file_without_a_likely_one_is_not_guessed(check):
    (found,) = check({"MLproject": CLEAN, "conda.yaml": CONDA})
    assert (found.code, found.fix) == ("M010", None)


@pytest.mark.parametrize("text", ["", "# nothing yet\n"])
def test_an_empty_environment_file_is_found_once(check, said, text):
    files = {"MLproject": CLEAN, "python_env.yaml": text}
    assert said(check(files, select=["M"])) == ["M011 python_env.yaml:1:1"]


def test_an_environment_file_of_the_other_kind_gets_the_right_key(check, said, mend):
    files = {"MLproject": CLEAN.replace("python_env: python_env.yaml", "python_env: env.yaml"), "env.yaml": CONDA}
    (found,) = check(files)
    assert said([found]) == ["M012 MLproject:2:13"]
    assert found.message == "python_env takes a python_env, env.yaml is a conda environment"
    assert mend(files) == files["MLproject"].replace("python_env:", "conda_env:")
    files = {"MLproject": CLEAN.replace("python_env:", "conda_env:"), "python_env.yaml": PYTHON_ENV}
    assert mend(files) == CLEAN


def test_a_requirements_file_is_no_conda_environment(check):
    files = {"MLproject": CLEAN.replace("python_env: python_env.yaml", "conda_env: requirements.txt")}
    (found,) = check({**files, "requirements.txt": "pandas==2.3.1\n"})
    assert (found.code, found.fix) == ("M012", None)
    assert "-r requirements.txt" in found.hint


def test_a_file_that_could_be_of_either_kind_is_not_judged(check):
    assert check({"MLproject": CLEAN, "python_env.yaml": "dependencies: [pandas==2.3.1]\n"}) == []


def test_two_environment_keys_are_found_once_at_the_second(check, said):
    files = manifest("conda_env: conda.yaml\nentry_points: {main: {command: python main.py}}\n")
    assert said(check({**files, "conda.yaml": CONDA}, select=["M"])) == ["M013 MLproject:3:1"]


def test_no_environment_is_a_hint_unless_the_folder_has_the_usual_file(check, said):
    text = "entry_points: {main: {command: python main.py}}\n"
    assert said(check({"MLproject": text})) == ["M014 MLproject:1:1"]
    assert check({"python_env.yaml": PYTHON_ENV}) == []


def test_docker_is_a_hint(check, said):
    body = "docker_env: {image: python:3.11}\nentry_points: {main: {command: python main.py}}\n"
    assert said(check(manifest(body, environment=""))) == ["M015 MLproject:2:1"]


@pytest.mark.parametrize(("body", "place"), [("", "1:1"), ("entry_points:\n", "3:1"), ("entry_points: {}\n", "3:1")])
def test_no_entry_points(check, said, body, place):
    assert said(check(manifest(body), select=["M"])) == [f"M020 MLproject:{place}"]


def test_the_seeds_single_entry_point_is_reached_as_main_too(check, said, mend, tmp_path, seed):
    plain = (seed / "iris-classifier" / "MLproject").read_text()
    commented = plain.replace("conda.yaml\n", "conda.yaml  # scikit-learn\n") + "\n# the end\n"
    files = {"MLproject": commented, "conda.yaml": CONDA}
    found = check(files)
    assert said(found) == ["M021 MLproject:6:3"]
    assert "`mlflow run .` stops" in found[0].message
    text = mend(files)
    assert text == commented.replace("  train:", "  train: &train").replace(
        "--max_iter {max_iter}\n", "--max_iter {max_iter}\n  main: *train\n"
    )
    project = load_project(tmp_path)
    assert project.get_entry_point("main").command == project.get_entry_point("train").command
    assert check(select=["M"]) == []


def test_several_entry_points_without_main_are_left_to_their_author(check):
    (found,) = check(manifest("entry_points:\n  a: {command: python a.py}\n  b: {command: python b.py}\n"))
    assert (found.code, found.fix) == ("M021", None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("entry_points:\r\n  a:\r\n    command: x\r\n", "entry_points:\r\n  a: &a\r\n    command: x\r\n  main: *a\r\n"),
        ("entry_points:\n  a: {command: x}", "entry_points:\n  a: &a {command: x}\n  main: *a"),
        ("entry_points:\n  a b: &c\n    command: x\n", "entry_points:\n  a b: &c\n    command: x\n  main: *c\n"),
        (
            "entry_points:\n  a: # why\n    command: |\n      x\n\n      y\n\nname: z\n",
            "entry_points:\n  a: &a # why\n    command: |\n      x\n\n      y\n  main: *a\n\nname: z\n",
        ),
    ],
)
def test_main_is_added_in_the_way_the_file_is_written(mend, text, expected):
    assert mend({"MLproject": text}) == expected


@pytest.mark.parametrize(
    ("point", "place"),
    [
        ("{}", "4:3"),
        ("{parameters: {}}", "4:3"),
        ("", "4:3"),
        ("{command: }", "4:19"),
        ('{command: " "}', "4:19"),
    ],
)
def test_no_command_is_found_once(check, said, point, place):
    assert said(check(manifest(f"entry_points:\n  main: {point}\n"), select=["M"])) == [f"M022 MLproject:{place}"]


def test_empty_parameters_become_an_empty_mapping(check, said, mend):
    body = "entry_points:\n  main:\n    parameters:  # none\n    command: python main.py\n"
    assert said(check(manifest(body), select=["M"])) == ["M023 MLproject:5:5"]
    assert mend(manifest(body)) == manifest(body.replace("parameters:", "parameters: {}"))["MLproject"]


def test_what_an_alias_repeats_is_found_once_and_mended_once(check, said, mend):
    files = manifest("entry_points:\n  main: &main\n    comand: python main.py\n  other: *main\n")
    assert [line for line in said(check(files)) if line.startswith("M002")] == ["M002 MLproject:5:5"]
    assert mend(files) == files["MLproject"].replace("comand", "command")


def test_a_mend_that_would_change_more_than_its_finding_is_not_offered(check):
    files = {
        "MLproject": "name: &number 1.10\nx-number: *number\nentry_points: {main: {command: python main.py}}\n",
        "python_env.yaml": PYTHON_ENV,
    }
    (found,) = check(files)
    assert (found.code, found.fix) == ("M008", None)


def test_what_is_not_yaml_says_where_and_why(check, said):
    (found,) = check({"MLproject": "name: a: b\nentry_points: {}\n"}, select=["M"])
    assert said([found]) == ["M001 MLproject:1:8"]
    assert found.message == "this is not YAML: mapping values are not allowed in this context"
    assert "in quotes" in found.hint


VALUES = st.sampled_from(
    """
~
abc
1.10
010
no
1e-3
[a, no]
{}
- x
'a b'
&a 1.10
*a
conda.yaml
{<<: *b}
type int
{type:int}
{type str, default:1}
{typ: flaot, default: 1.0}
&b {type: str, default: no}""".splitlines()
)
SECTIONS = st.sampled_from(["parameters", "params", "optional_parameters", "outputs", "command", "comand", "no"])


@st.composite
def broken_manifests(draw):
    """Manifests with what goes wrong in them, at random places."""
    lines = [
        f"{key}: {draw(VALUES)}" for key in draw(st.sets(st.sampled_from(["name", "conda env", "Environment", "1"])))
    ]
    lines.append(f"{draw(st.sampled_from(['entry_points', 'entrypoints']))}:")
    for point in draw(st.sets(st.sampled_from(["main", "train", "no", "a b"]), max_size=2)):
        lines.append(f"  {point}:{draw(st.sampled_from(['', ' &c', '  # why']))}")
        for section in draw(st.sets(SECTIONS, max_size=4)):
            lines.append(f"    {section}:{draw(st.sampled_from(['', ' ~', ' python main.py']))}")
            lines += [
                f"      {name}: {draw(VALUES)}"
                for name in draw(st.lists(st.sampled_from(["x", "no", "token"]), max_size=3))
            ]
    return draw(st.sampled_from(["\n", "\r\n"])).join(lines)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=broken_manifests())
def test_whatever_stands_in_a_manifest_is_judged_and_mended_to_the_end(mend, text):
    mend({"MLproject": text, "conda.yaml": CONDA}, select=["M", "P"])
