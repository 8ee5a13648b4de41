"""Environment files of every kind give one value, and every line its place and problem."""

from __future__ import annotations

from pathlib import Path

import pytest

from artifactflow.contract import Environment, EnvironmentKind
from artifactflow.errors import ContractError, NotFoundError, Place
from artifactflow.read.environment import python_versions, read_environment, read_environment_entries
from artifactflow.read.requirement import EntryRole

CONDA, PYTHON, REQUIREMENTS = EnvironmentKind.CONDA, EnvironmentKind.PYTHON, EnvironmentKind.REQUIREMENTS


def written(folder: Path, text: str, name: str) -> Path:
    file = folder / name
    file.write_text(text)
    return file


WILD_CONDA = """\
name: download_data
channels:
  - conda-forge
  - defaults
dependencies:
  - requests=2.24.0
  - pip=20.3.3
  - python=3.10
  - conda-forge::numpy>=1.21,<2
  - pip:
      - wandb=0.21.3
      - request
      - -r requirements.txt
      - --extra-index-url https://host/simple
"""


def test_a_conda_file_in_the_wild_style(tmp_path):
    written(tmp_path, "pandas==2.2.0  # tables\n", "requirements.txt")
    file = written(tmp_path, WILD_CONDA, "conda.yaml")
    assert read_environment(file, CONDA) == Environment(
        kind=CONDA,
        file=file,
        python="3.10",
        requirements=("wandb=0.21.3", "request", "pandas==2.2.0"),
        conda_packages=("requests=2.24.0", "conda-forge::numpy>=1.21,<2"),
        name="download_data",
        channels=("conda-forge", "defaults"),
    )


def test_each_line_of_a_conda_file_has_its_place_and_problem(tmp_path):
    written(tmp_path, "\npandas==2.2.0\n", "requirements.txt")
    file = written(tmp_path, WILD_CONDA, "conda.yaml")
    entries = read_environment_entries(file, CONDA)
    assert [(entry.name, entry.role, entry.pinned) for entry in entries] == [
        ("requests", EntryRole.CONDA, True),
        ("pip", EntryRole.CONDA, True),
        ("python", EntryRole.PYTHON, True),
        ("numpy", EntryRole.CONDA, False),
        ("wandb", EntryRole.PIP, False),
        ("request", EntryRole.PIP, False),
        ("pandas", EntryRole.PIP, True),
        ("", EntryRole.OPTION, False),
    ]
    by_name = {entry.name: entry for entry in entries}
    assert by_name["wandb"].place == Place(str(file), 11, 9)
    assert by_name["wandb"].problem == "'=' in a pip line, pip says wandb==0.21.3"
    assert by_name["pandas"].place == Place(str(tmp_path / "requirements.txt"), 2, 1)
    assert by_name["requests"].conda
    assert not by_name["wandb"].conda


@pytest.mark.parametrize(
    ("dependency", "python"),
    [
        ("python=3.10", "3.10"),
        ("python==3.10", "3.10"),
        ("python==3.10.*", "3.10"),
        ("python 3.10.*", "3.10"),
        ("python=3.10.13", "3.10.13"),
        ("python>=3.9", ">=3.9"),
        ("'python >=3.9,<3.12'", ">=3.9,<3.12"),
        ("python", ""),
    ],
)
def test_the_python_that_conda_is_asked_for(tmp_path, dependency, python):
    file = written(tmp_path, f"dependencies:\n  - {dependency}\n", "conda.yaml")
    assert read_environment(file, CONDA).python == python


def test_a_package_that_conda_would_not_understand_has_a_problem(tmp_path):
    file = written(tmp_path, "dependencies:\n  - numpy => 2\n", "conda.yaml")
    (entry,) = read_environment_entries(file, CONDA)
    assert (entry.conda, entry.place.line) == (True, 2)
    assert entry.problem is not None
    assert read_environment(file, CONDA).conda_packages == ("numpy => 2",)


def test_an_empty_pip_section_is_no_requirement(tmp_path):
    file = written(tmp_path, "dependencies:\n  - pip:\n", "conda.yaml")
    assert read_environment(file, CONDA) == Environment(CONDA, file)


def test_python_env_as_mlflow_writes_it(tmp_path):
    written(tmp_path, "pandas==2.2.0\n", "requirements.txt")
    text = "python: 3.11.7\nbuild_dependencies:\n- pip==23.2.1\n- setuptools\ndependencies:\n- -r requirements.txt\n"
    file = written(tmp_path, text, "python_env.yaml")
    assert read_environment(file, PYTHON) == Environment(PYTHON, file, "3.11.7", ("pandas==2.2.0",))
    entries = read_environment_entries(file, PYTHON)
    assert [(entry.name, entry.role) for entry in entries] == [
        ("python", EntryRole.PYTHON),
        ("pip", EntryRole.BUILD),
        ("setuptools", EntryRole.BUILD),
        ("pandas", EntryRole.PIP),
    ]


def test_a_python_version_that_yaml_takes_for_a_number_is_read_as_written(tmp_path):
    file = written(tmp_path, "python: 3.10\n", "python_env.yaml")
    assert read_environment(file, PYTHON).python == "3.10"
    (entry,) = read_environment_entries(file, PYTHON)
    assert entry.problem == "YAML reads 3.10 as a number, put it in quotes: '3.10'"
    quoted = written(tmp_path, "python: '3.10'\n", "python_env.yaml")
    assert [entry.problem for entry in read_environment_entries(quoted, PYTHON)] == [None]


def test_a_constraint_applies_to_what_is_listed_only(tmp_path):
    written(tmp_path, "Pandas==2.2.0\nnumpy==1.26.4\n", "constraints.txt")
    file = written(tmp_path, "pandas\n-c constraints.txt\n", "requirements.txt")
    assert read_environment(file, REQUIREMENTS).requirements == ("pandas", "Pandas==2.2.0")


def test_pyproject_dependencies_with_places(tmp_path):
    text = (
        '[project]\nname = "x"\nrequires-python = ">=3.11"\ndependencies = [\n  "pandas>=2",\n  \'numpy==1.26.4\',\n]\n'
    )
    file = written(tmp_path, text, "pyproject.toml")
    assert read_environment(file, REQUIREMENTS) == Environment(
        REQUIREMENTS, file, ">=3.11", ("pandas>=2", "numpy==1.26.4")
    )
    places = [
        (entry.name, entry.place.line, entry.place.column) for entry in read_environment_entries(file, REQUIREMENTS)
    ]
    assert places == [("python", 3, 19), ("pandas", 5, 3), ("numpy", 6, 3)]


def test_a_pyproject_without_a_project_is_refused(tmp_path):
    with pytest.raises(ContractError, match="no table"):
        read_environment(written(tmp_path, "[tool.ruff]\n", "pyproject.toml"), REQUIREMENTS)


SCRIPT = """\
#!/usr/bin/env python
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "requests<3",
#   "rich",
# ]
# ///
import requests
"""


def test_a_script_header_with_places(tmp_path):
    file = written(tmp_path, SCRIPT, "main.py")
    assert read_environment(file, REQUIREMENTS) == Environment(REQUIREMENTS, file, ">=3.11", ("requests<3", "rich"))
    places = [
        (entry.name, entry.place.line, entry.place.column) for entry in read_environment_entries(file, REQUIREMENTS)
    ]
    assert places == [("python", 3, 21), ("requests", 5, 5), ("rich", 6, 5)]


def test_a_script_without_a_header_declares_nothing(tmp_path):
    file = written(tmp_path, "import pandas\n", "main.py")
    assert read_environment(file, REQUIREMENTS) == Environment(REQUIREMENTS, file)


@pytest.mark.parametrize(
    ("name", "text", "message", "line"),
    [
        ("conda.yaml", "", "empty", 1),
        ("conda.yaml", "# nothing\n", "empty", 1),
        ("conda.yaml", "dependencies: [a\nname: x\n", "not YAML", 2),
        ("conda.yaml", "- pandas\n", "must be a mapping", 1),
        ("conda.yaml", "dependencies:\n", "must be a list", 1),
        ("conda.yaml", "dependencies:\n  - 3.10\n", "a dependency is a package", 2),
        ("conda.yaml", "dependencies:\n  - pandas: 2\n", "a dependency is a package", 2),
        ("conda.yaml", "dependencies:\n  - pip:\n      - a: 1\n", "must be a text", 3),
        ("python_env.yaml", "", "empty", 1),
        ("python_env.yaml", "dependencies: pandas\n", "must be a list", 1),
        ("pyproject.toml", "[project]\nname = \n", "not TOML", 2),
        ("pyproject.toml", "[project]\ndependencies = 'pandas'\n", "list of texts", None),
        ("pyproject.toml", "[project]\ndependencies = [1]\n", "list of texts", None),
        ("main.py", "\n# /// script\n# dependencies = ]\n# ///\n", "not TOML", 3),
        ("main.py", "\n# /// script\n# dependencies = []\n", "not closed", 2),
    ],
)
def test_a_broken_file_is_refused_with_its_place(tmp_path, name, text, message, line):
    file = written(tmp_path, text, name)
    kind = {"conda.yaml": CONDA, "python_env.yaml": PYTHON}.get(name, REQUIREMENTS)
    with pytest.raises(ContractError, match=message) as caught:
        read_environment(file, kind)
    assert caught.value.place is not None
    assert (caught.value.place.file, caught.value.place.line) == (str(file), line)


@pytest.mark.parametrize("kind", list(EnvironmentKind))
def test_a_missing_file_is_refused(tmp_path, kind):
    with pytest.raises(NotFoundError, match="there is no file"):
        read_environment(tmp_path / "absent.yaml", kind)


def test_a_text_that_is_no_python_version_is_refused():
    with pytest.raises(ValueError, match="not a Python version"):
        python_versions("three")
