"""The hook for pre-commit names a command that exists, and runs for the files that it is about."""

import re
import shlex
import tomllib

import pytest
import yaml

from artifactflow.cli.app import COMMANDS


@pytest.fixture
def hook(repository):
    (only,) = yaml.safe_load((repository / ".pre-commit-hooks.yaml").read_text())
    return only


def test_the_hook_has_what_pre_commit_asks_for(hook):
    assert {"id", "name", "entry", "language"} <= set(hook)
    assert (hook["id"], hook["language"]) == ("artifactflow-check", "python")


def test_its_command_exists_and_fails_where_a_component_is_wrong(hook, repository, artifactflow, tmp_path):
    program, *words = shlex.split(hook["entry"])
    scripts = tomllib.loads((repository / "pyproject.toml").read_text())["project"]["scripts"]
    assert program in scripts
    assert words[0] in COMMANDS
    assert hook["pass_filenames"] is False
    assert artifactflow(*words).returncode == 0
    (tmp_path / "MLproject").write_text("name: x\n")
    assert artifactflow(*words).returncode == 8


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("MLproject", True),
        ("src/clean/MLProject", True),
        ("src/clean/conda.yml", True),
        ("python_env.yaml", True),
        ("pipeline.yaml", True),
        ("config.yaml", True),
        ("a/requirements-dev.txt", True),
        ("pyproject.toml", True),
        ("src/main.py", True),
        ("run.sh", True),
        ("README.md", False),
        ("data/anaconda.yaml", False),
        ("MLproject.lock", False),
        ("main.pyc", False),
    ],
)
def test_it_runs_for_the_files_that_are_read(hook, path, wanted):
    assert bool(re.search(hook["files"], path)) is wanted
