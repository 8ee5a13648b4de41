"""What a user installs is the wheel, not this checkout: everything that runs has to be in it, and nothing beside it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
LIBRARIES = Path(sysconfig.get_path("purelib"))

COUNTING = """
import json, sys
opened = set()
sys.addaudithook(lambda event, values: opened.add(str(values[0])) if event == "open" else None)
from artifactflow.cli.app import main
try:
    main(["run-pipeline", "examples/iris", "--json"])
finally:
    sys.stderr.write(json.dumps([name for name in opened if name.endswith(".py")]))
"""
"""Runs the pipeline and tells which source files the process has opened."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel in it, beside the libraries of the one that the tests run in."""
    folder = tmp_path_factory.mktemp("installed")
    if importlib.util.find_spec("hatchling"):
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    else:
        build = [sys.executable, "-m", "uv", "build", "--quiet", "--wheel", "--out-dir", folder]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)
    (wheel,) = folder.glob("artifactflow-*.whl")
    venv.create(folder / "environment", symlinks=True)
    program = folder / "environment" / "bin" / "python"
    # By uv, which the tests bring: the environment that they run in has no pip where uv has made it.
    install = ["install", "--no-deps", "--no-index", "--no-cache", wheel]
    subprocess.run([sys.executable, "-m", "uv", "pip", *install, "--python", program], check=True, capture_output=True)
    (own,) = (folder / "environment" / "lib").glob("python3*/site-packages")
    for library in LIBRARIES.iterdir():
        # Without .pth files: an editable installation stays outside.
        if "artifactflow" not in library.name and library.suffix != ".pth" and not (own / library.name).exists():
            (own / library.name).symlink_to(library)
    # One library as an installer leaves it: its files really lie in the folder in which our package lies.
    (own / "pandas").unlink()
    shutil.copytree(LIBRARIES / "pandas", own / "pandas", ignore=shutil.ignore_patterns("tests"))
    return program.parent


@pytest.fixture(scope="module")
def call(installed: Path, new_shell: Callable) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a program of that environment where a copy of the example is."""
    shell = new_shell("iris")
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    variables = {**kept, **shell.variables, "PATH": f"{installed}{os.pathsep}{os.environ['PATH']}"}

    def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [installed / program, *arguments], cwd=shell.folder, env=variables, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    return run


def test_the_package_that_runs_is_that_of_the_wheel(call, installed):
    found = call("python", "-c", "import artifactflow; print(artifactflow.__file__)").stdout
    assert Path(found).is_relative_to(installed.parent)
    assert "Usage: artifactflow" in call("artifactflow", "--help").stdout


def test_the_example_is_run_warm_and_then_reused(call, installed):
    first = call("python", "-c", COUNTING)
    steps = json.loads(first.stdout)["steps"]
    assert [step["decision"] for step in steps] == ["RUN"] * 3
    for step in steps:
        shown = call("artifactflow", "runs", "show", step["run"], "--store", "examples/iris/.artifactflow", "--json")
        facts = json.loads(shown.stdout)["facts"]
        assert (facts["process"], facts["environment"]) == ("warm", "current"), facts

    # What to warm is read from the steps' own sources. Beside the package lies everything that is installed: who
    # follows the imports of a built-in step there reads hundreds of files, half a minute of them.
    pandas = next(installed.parent.glob("lib/python3*/site-packages/pandas"))
    opened = [name for name in json.loads(first.stderr.splitlines()[-1]) if Path(name).is_relative_to(pandas)]
    assert opened == []

    again = json.loads(call("artifactflow", "run-pipeline", "examples/iris", "--json").stdout)
    assert [step["decision"] for step in again["steps"]] == ["REUSE"] * 3


def test_check_finds_no_fault_in_the_example(call):
    assert "in 2 components, 1 pipeline" in call("artifactflow", "check", "examples/iris").stdout
