"""The environment file of a script: what it imports, pinned to what is installed."""

import sys
from importlib.metadata import version

from artifactflow.adopt import adopt
from artifactflow.adopt.environment import environment_text
from artifactflow.contract import EnvironmentKind
from artifactflow.read.environment import read_environment

SCRIPT = """
import json
import helper
import sklearn.svm
import no_such_module
try:
    import no_such_extra
except ImportError:
    pass
"""


def test_imports_are_pinned_to_what_is_installed(script, tmp_path):
    file = script(SCRIPT)
    script("import pandas as pd\nimport sklearn\n", "component/helper.py")
    text, remarks = environment_text(EnvironmentKind.CONDA, "component", file)
    path = tmp_path / "conda.yaml"
    path.write_text(text)
    environment = read_environment(path, EnvironmentKind.CONDA)
    assert environment.python == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert environment.requirements == (
        "no_such_module",
        f"pandas=={version('pandas')}",
        f"scikit-learn=={version('scikit-learn')}",
    )
    assert [str(remark) for remark in remarks] == [
        "main.py:5: no_such_module is not installed here: no_such_module without a version",
        "main.py:7: no_such_extra is not installed and the script copes without: left out",
    ]


def test_a_python_env_on_request(script):
    adoption = adopt(script("import yaml\n"), EnvironmentKind.PYTHON)
    assert adoption.texts["python_env.yaml"].endswith(f"- PyYAML=={version('PyYAML')}\n")
    assert "python_env: python_env.yaml" in adoption.texts["MLproject"]


def test_an_environment_file_that_exists_is_used_as_it_is(script):
    script("name: mine\ndependencies: [python=3.11]\n", "component/environment.yml")
    adoption = adopt(script("import yaml\n"))
    assert list(adoption.texts) == ["MLproject"]
    assert "conda_env: environment.yml" in adoption.texts["MLproject"]
    assert [str(remark) for remark in adoption.remarks] == ["environment.yml: is used as it is"]
