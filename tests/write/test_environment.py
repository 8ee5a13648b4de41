"""What is written is read back the same: by our reader, and by the real MLflow."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifactflow.contract import Environment, EnvironmentKind
from artifactflow.read.environment import read_environment
from artifactflow.write.environment import conda_text, python_env_text

REQUIREMENTS = (
    "pandas>=2.2,<3",
    "scikit-learn==1.5.0 ; python_version >= '3.9'",
    "mlflow[extras]~=2.8",
    "tool @ git+https://github.com/org/tool.git@v1#egg=tool",
    "git+https://github.com/org/tool.git",
    "numpy",
)

names = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,8}[A-Za-z0-9])?", fullmatch=True)
requirements = st.builds(
    "{}{}{}".format,
    names,
    st.sampled_from(["", "[fast]", "[a, b]"]),
    st.sampled_from(
        ["", "==1.10", ">=1,<2", " != 2.0", "~=1.4.2", " ; sys_platform == 'linux'", "==1.0 ; os_name=='nt'"]
    ),
)
pythons = st.sampled_from(["", "3.10", "3.11.7", "3.9", ">=3.9", ">=3.9,<3.13"])
texts = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=20)


def test_a_conda_file_reads_as_people_write_it():
    assert conda_text("clean", "3.10", ["pandas>=2.2", "numpy; python_version < '3.12'"]) == (
        "name: clean\n"
        "channels:\n"
        "  - conda-forge\n"
        "dependencies:\n"
        "  - python=3.10\n"
        "  - pip\n"
        "  - pip:\n"
        "      - pandas>=2.2\n"
        "      - numpy; python_version < '3.12'\n"
    )


def test_without_requirements_there_is_no_pip_section():
    assert conda_text("clean", "3.10", [], channels=["mine"]) == (
        "name: clean\nchannels:\n  - mine\ndependencies:\n  - python=3.10\n  - pip\n"
    )


@given(
    name=texts,
    python=pythons,
    listed=st.lists(requirements, max_size=4, unique=True),
    channels=st.lists(texts, max_size=2),
)
@settings(max_examples=80, deadline=None)
def test_conda_text_reads_back_the_same(tmp_path_factory, name, python, listed, channels):
    file = tmp_path_factory.mktemp("conda") / "conda.yaml"
    file.write_text(conda_text(name, python, listed, channels), encoding="utf-8")
    assert read_environment(file, EnvironmentKind.CONDA) == Environment(
        EnvironmentKind.CONDA, file, python, tuple(listed), (), name, tuple(channels)
    )


@given(python=pythons, listed=st.lists(requirements, max_size=4, unique=True))
@settings(max_examples=80, deadline=None)
def test_python_env_text_reads_back_the_same(tmp_path_factory, python, listed):
    file = tmp_path_factory.mktemp("python_env") / "python_env.yaml"
    file.write_text(python_env_text(python, listed))
    assert read_environment(file, EnvironmentKind.PYTHON) == Environment(
        EnvironmentKind.PYTHON, file, python, tuple(listed)
    )


@pytest.mark.parametrize("python", ["3.10", "3.11.7"])
def test_mlflow_reads_what_was_written(tmp_path, python):
    from mlflow.utils.environment import _PythonEnv

    conda, python_env = tmp_path / "conda.yaml", tmp_path / "python_env.yaml"
    conda.write_text(conda_text("clean", python, REQUIREMENTS))
    python_env.write_text(python_env_text(python, REQUIREMENTS))
    for environment in (_PythonEnv.from_conda_yaml(conda), _PythonEnv.from_yaml(python_env)):
        assert (environment.python, tuple(environment.dependencies)) == (python, REQUIREMENTS)
    assert read_environment(conda, EnvironmentKind.CONDA).requirements == REQUIREMENTS
    assert read_environment(python_env, EnvironmentKind.PYTHON).requirements == REQUIREMENTS
