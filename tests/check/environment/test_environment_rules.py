"""What an environment file leaves out, leaves open, or states so that nobody can install it."""

import sys
from collections.abc import Callable
from textwrap import dedent

import pytest
import yaml

from artifactflow.check import Finding, Severity

Check = Callable[..., list[Finding]]

MANIFEST = """\
name: clean
conda_env: conda.yaml
entry_points:
  main:
    command: python main.py
"""
PYTHON_MANIFEST = MANIFEST.replace("conda_env: conda.yaml", "python_env: python_env.yaml")
RUNNING = f"python={sys.version_info.major}.{sys.version_info.minor}"


def conda(*pip: str, python: str = "python=3.11", packages: tuple[str, ...] = ()) -> str:
    lines = ["name: clean", "channels: [conda-forge]", "dependencies:"]
    lines += [f"  - {each}" for each in (python, "pip", *packages) if each]
    if pip:
        lines += ["  - pip:", *(f"      - {each}" for each in pip)]
    return "\n".join(lines) + "\n"


@pytest.fixture
def component(check: Check) -> Callable[..., list[Finding]]:
    """What is found in a component with this environment file and this script."""

    def find(environment: str, script: str = "", *codes: str, **others: str) -> list[Finding]:
        files = {"MLproject": MANIFEST, "conda.yaml": environment, "main.py": dedent(script)}
        return check(files, select=codes or None, **others)

    return find


@pytest.fixture
def python_component(check: Check) -> Callable[..., list[Finding]]:
    def find(environment: str, *codes: str) -> list[Finding]:
        files = {"MLproject": PYTHON_MANIFEST, "python_env.yaml": environment, "main.py": ""}
        return check(files, select=codes or None)

    return find


# Imports that nothing declares


def test_an_import_that_nothing_declares_is_an_error_at_its_first_line(component, said) -> None:
    found = component(conda("tqdm==4.67.1"), "import os\nimport sklearn.svm\nfrom sklearn import tree\n", "E401")
    assert said(found) == ["E401 main.py:2:1"]
    assert found[0].rule.severity is Severity.ERROR
    assert found[0].message == "sklearn is imported, and conda.yaml does not declare scikit-learn"
    assert found[0].hint == "add scikit-learn to conda.yaml"


def test_the_standard_library_and_local_modules_need_no_declaration(component) -> None:
    script = (
        "import json\nimport distutils\nimport requests\nfrom torch import nn\nimport artifactflow_helper_of_mine\n"
    )
    assert (
        component(conda("tqdm==4.67.1"), script, "E401", "E402", **{"requests__py": "", "torch/__init____py": ""}) == []
    )


def test_a_package_of_the_repository_above_the_component_is_local(check: Check) -> None:
    files = {
        "repo/datasets/__init__.py": "",
        "repo/steps/clean/MLproject": MANIFEST,
        "repo/steps/clean/conda.yaml": conda("tqdm==4.67.1"),
        "repo/steps/clean/main.py": "import sys\nsys.path.append('../..')\nimport datasets\n",
    }
    assert check(files, select=["E401", "E402"]) == []


def test_the_folder_that_wandb_leaves_behind_is_no_local_module(component) -> None:
    left = {"wandb/run-1/files/code/main.py": "", "wandb/debug.log": ""}
    found = component(conda("tqdm==4.67.1"), "import wandb\n", "E401", **left)
    assert [finding.code for finding in found] == ["E401"]


def test_an_import_that_the_script_copes_without_needs_no_declaration(component) -> None:
    script = """
        from typing import TYPE_CHECKING
        try:
            import lightgbm
        except ImportError:
            lightgbm = None
        if TYPE_CHECKING:
            import torch
    """
    assert component(conda("tqdm==4.67.1"), script, "E401", "E402") == []


def test_what_a_local_module_imports_counts_too(component, said) -> None:
    found = component(conda("tqdm==4.67.1"), "import tqdm\nimport helper\n", "E401", helper__py="\nimport lightgbm\n")
    assert said(found) == ["E401 helper.py:2:1"]


def test_a_file_that_no_entry_point_runs_does_not_count(component) -> None:
    assert component(conda("tqdm==4.67.1"), "import tqdm\n", "E401", notebook__py="import lightgbm\n") == []


def test_an_environment_that_declares_no_package_is_no_statement_about_imports(component) -> None:
    assert component(conda(), "import lightgbm\n", "E401", "E402") == []


@pytest.mark.parametrize("line", ["git+https://example.org/tools.git", "-r missing.txt", "./wheels"])
def test_a_line_of_which_nobody_knows_what_it_installs_stops_the_search(component, line: str) -> None:
    assert component(conda("tqdm==4.67.1", line), "import lightgbm\n", "E401", "E402") == []


@pytest.mark.parametrize(
    ("module", "declared"),
    [
        ("cv2", "opencv-python-headless"),
        ("PIL", "Pillow"),
        ("google.cloud.storage", "google-cloud-storage"),
        ("mlflow", "mlflow-skinny"),
        ("yaml", "pyyaml"),
        ("sklearn", "sklearn"),
        ("wandb", "wandb=0.21.3"),
        ("pandas", "pandas>=1 ; python_version < '3'"),
    ],
)
def test_a_package_is_declared_by_any_name_that_provides_the_module(component, module: str, declared: str) -> None:
    assert component(conda(f'"{declared}"'), f"import {module}\n", "E401", "E402") == []


def test_conda_packages_count_by_the_names_that_conda_gives_them(component) -> None:
    environment = conda(packages=("conda-forge::pytorch=2.5", "matplotlib-base=3.9", "py-opencv=4.10"))
    assert component(environment, "import torch, matplotlib.pyplot, cv2\n", "E401", "E402") == []


def test_what_another_package_brings_works_and_is_a_hint_only(component, said) -> None:
    found = component(conda("pandas==2.2.3"), "import numpy as np\nimport pandas as pd\n", "E401", "E402")
    assert said(found) == ["E402 main.py:1:1"]
    assert found[0].rule.severity is Severity.INFO
    assert found[0].message == "numpy is imported, and conda.yaml does not declare numpy: pandas brings it"


def test_beside_a_package_that_is_not_known_here_nothing_is_certain(component) -> None:
    found = component(conda("somebodys-package==1.0"), "import lightgbm\n", "E401", "E402")
    assert [finding.code for finding in found] == ["E402"]
    assert found[0].message.endswith("somebodys-package, which is not known here, may bring it")


def test_typer_comes_with_step_functions(component) -> None:
    assert component(conda("artifactflow"), "import typer\nimport artifactflow\n", "E401", "E402") == []


# Declared, never imported


def test_a_package_that_nothing_imports_is_a_hint(component, said) -> None:
    found = component(conda("pandas==2.2.3", "seaborn==0.13.2"), "import pandas\n", "E403")
    assert said(found) == ["E403 conda.yaml:8:9"]
    assert found[0].rule.severity is Severity.INFO
    assert found[0].message == "seaborn is declared, and nothing in the component imports seaborn"


@pytest.mark.parametrize(
    "declared", ["pyarrow==18.0", "openpyxl==3.1", "mlflow==3.1", "uvicorn==0.30", "cudatoolkit==11", "numpy<2"]
)
def test_a_package_that_works_without_an_import_is_left_alone(component, declared: str) -> None:
    assert component(conda("pandas==2.2.3", declared), "import pandas\n", "E403") == []


@pytest.mark.parametrize(
    "script",
    ["import importlib, pandas\nimportlib.import_module(name)\n", "import subprocess, pandas\n"],
)
def test_a_script_that_may_load_anything_says_nothing_of_what_it_does_not_import(component, script: str) -> None:
    assert component(conda("pandas==2.2.3", "seaborn==0.13.2"), script, "E403") == []


def test_a_component_with_a_command_that_runs_no_known_script_is_not_judged(check: Check) -> None:
    files = {"MLproject": MANIFEST.replace("python main.py", "pytest -v ."), "conda.yaml": conda("seaborn==0.13.2")}
    assert check(files, select=["E403"]) == []


def test_a_shared_environment_file_is_not_judged_by_one_component(check: Check) -> None:
    files = {
        "clean/MLproject": MANIFEST.replace("conda.yaml", "../conda.yaml"),
        "clean/main.py": "import pandas\n",
        "conda.yaml": conda("pandas==2.2.3", "seaborn==0.13.2"),
    }
    assert check(files, select=["E403"]) == []


def test_what_only_a_test_of_the_component_imports_is_used(component) -> None:
    environment = conda("pandas==2.2.3", "pandera==0.20")
    assert component(environment, "import pandas\n", "E403", test_clean__py="import pandera\n") == []


# Lines that cannot be installed


def test_one_equals_sign_in_a_pip_line_is_an_error_and_is_mended(component, mend, said) -> None:
    environment = conda("wandb=0.21.3  # the tracker", '"mlflow=3.1"')
    found = component(environment, "", "E405")
    assert said(found) == ["E405 conda.yaml:7:9", "E405 conda.yaml:8:9"]
    assert (found[0].message, found[0].hint) == ("pip does not take 'wandb=0.21.3'", "write wandb==0.21.3")
    mended = mend({"MLproject": MANIFEST, "conda.yaml": environment, "main.py": ""}, file="conda.yaml")
    assert mended == environment.replace("wandb=0", "wandb==0").replace("mlflow=3", "mlflow==3")


def test_the_same_in_a_file_of_requirements_is_mended_there(mend) -> None:
    files = {
        "MLproject": MANIFEST,
        "conda.yaml": conda("-r requirements.txt"),
        "main.py": "",
        "requirements.txt": "pandas==2.2.3\r\n  wandb=0.21.3 # pinned\r\n",
    }
    assert mend(files, select=["E405"], file="requirements.txt") == "pandas==2.2.3\r\n  wandb==0.21.3 # pinned\r\n"


def test_one_equals_sign_is_how_conda_states_a_version(component) -> None:
    assert component(conda(packages=("wandb=0.21.3",)), "", "E404", "E405") == []


def test_a_line_that_is_no_requirement_is_an_error(component, said) -> None:
    found = component(conda("pandas 2.2.3"), "", "E404")
    assert said(found) == ["E404 conda.yaml:7:9"]
    assert found[0].message.startswith("'pandas 2.2.3': not a requirement")


def test_a_file_that_is_referred_to_and_missing_is_an_error(component, said) -> None:
    found = component(conda("-r requirements.txt", "-e ./tools"), "", "E406")
    assert said(found) == ["E406 conda.yaml:7:9", "E406 conda.yaml:8:9"]
    assert found[0].message == "there is no file requirements.txt"


def test_requirements_behind_an_address_are_not_judged(component) -> None:
    assert component(conda("-r https://example.org/requirements.txt"), "", "E404", "E406") == []


# What is left open


def test_open_packages_are_one_hint_for_a_file(component, said) -> None:
    found = component(conda("pandas>=2.2", "wandb==0.21.3", "seaborn", packages=("numpy=1.26.*",)), "", "E407")
    assert said(found) == ["E407 conda.yaml:6:5"]
    assert found[0].rule.severity is Severity.INFO
    assert found[0].message == "3 packages are not pinned to one version: numpy=1.26.*, pandas>=2.2, seaborn"


def test_a_constraint_pins_as_well_as_a_requirement(component) -> None:
    assert component(conda("-c limits.txt", "pandas"), "", "E407", limits__txt="pandas==2.2.3\n") == []


def test_conda_packages_are_named_as_what_other_managers_leave_out(component, said) -> None:
    found = component(conda("pandas==2.2.3", packages=("numpy=1.26.4", "git=2.40")), "", "E408")
    assert said(found) == ["E408 conda.yaml:6:5"]
    assert found[0].message == "MLflow's virtualenv and uv leave out what is stated to conda: numpy, git"
    assert component(conda("pandas==2.2.3"), "", "E408") == []


def test_an_environment_that_is_not_the_running_one_is_a_hint(component, said) -> None:
    found = component(conda("pandas>=9000"), "", "E409")
    assert said(found) == ["E409 conda.yaml:1:1"]
    assert "pandas>=9000: " in found[0].message
    assert component(conda("pandas>=1", python="python>=3.8"), "", "E409") == []


def test_what_a_folder_without_a_name_installs_is_no_difference(component) -> None:
    assert component(conda("-e ./tools", "pandas", python=RUNNING), "", "E409", **{"tools/setup.py": ""}) == []


def test_many_differences_are_not_all_spelt_out(component) -> None:
    found = component(conda(*(f"pandas>=900{digit}" for digit in range(5)), python=RUNNING), "", "E409")
    assert found[0].message.count("pandas>=900") == 3
    assert found[0].message.endswith(" and 2 more")


# Python


@pytest.mark.parametrize(
    ("python", "code"),
    [
        ("python=3.11", None),
        ("python==3.11.7", None),
        ("python>=3.11", "E410"),
        ("python", "E411"),
        ("python<3.12", "E411"),
        ("python>=3.8,<3.12", "E411"),
        ("python >=3.11", "E411"),
        ("python=3.10.*", "E411"),
        ("conda-forge::python=3.10", "E411"),
    ],
)
def test_python_in_a_conda_file_is_judged_as_mlflow_reads_it(component, said, python: str, code: str | None) -> None:
    found = component(conda("tqdm==4.67.1", python=f'"{python}"'), "", "E410", "E411", "E412")
    assert said(found) == ([f"{code} conda.yaml:4:5"] if code else [])


@pytest.mark.parametrize(
    ("python", "outcome"),
    [("python=3.11", "3.11"), ("python>=3.11", "3.11"), ("python", None), ("python<3.12", None)],
)
def test_mlflow_itself_reads_python_so(tmp_path, python: str, outcome: str | None) -> None:
    from mlflow.exceptions import MlflowException
    from mlflow.utils.environment import _PythonEnv

    file = tmp_path / "conda.yaml"
    file.write_text(conda("tqdm==4.67.1", python=python))
    if outcome is None:
        with pytest.raises(MlflowException):
            _PythonEnv.from_conda_yaml(file)
    else:
        assert _PythonEnv.from_conda_yaml(file).python == outcome


def test_an_environment_without_python_is_open(component, python_component, said) -> None:
    assert said(component(conda("tqdm==4.67.1", python=""), "", "E410")) == ["E410 conda.yaml:1:1"]
    assert said(python_component("dependencies: [tqdm==4.67.1]\n", "E410")) == ["E410 python_env.yaml:1:1"]


def test_a_version_of_python_that_yaml_takes_for_a_number_is_mended(python_component, mend, said) -> None:
    environment = "# the environment\npython: 3.10 # as on the server\ndependencies: [tqdm==4.67.1]\n"
    found = python_component(environment, "E412")
    assert said(found) == ["E412 python_env.yaml:2:9"]
    assert found[0].message == "YAML reads 3.10 as a number, put it in quotes: '3.10'"
    files = {"MLproject": PYTHON_MANIFEST, "python_env.yaml": environment, "main.py": ""}
    mended = mend(files, file="python_env.yaml")
    assert mended == environment.replace("3.10", '"3.10"', 1)
    assert yaml.safe_load(mended)["python"] == "3.10"


def test_a_condition_is_not_what_virtualenv_takes(python_component, said) -> None:
    assert said(python_component('python: ">=3.11"\ndependencies: [tqdm==4.67.1]\n', "E411")) == [
        "E411 python_env.yaml:1:9"
    ]
    assert python_component('python: "3.11"\ndependencies: [tqdm==4.67.1]\n', "E410", "E411", "E412") == []


# Nothing to say


def test_a_component_that_states_what_it_imports_has_no_finding(component) -> None:
    import pandas

    script = "import sys\nimport pandas as pd\nimport helper\n"
    python = f"python={sys_version()}"
    assert component(conda(f"pandas=={pandas.__version__}", python=python), script, helper__py="import json\n") == []


def sys_version() -> str:
    import platform

    return platform.python_version()


def test_a_component_without_environment_has_no_finding(check: Check) -> None:
    assert check({"MLproject": MANIFEST.replace("conda_env: conda.yaml\n", ""), "main.py": "import pandas\n"}) == []
