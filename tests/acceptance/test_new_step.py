"""A scaffolded component runs at once: under artifactflow, under plain MLflow, and its own test passes."""

import re
import sys
from collections.abc import Callable

import pytest


@pytest.fixture(scope="module")
def shell(new_shell: Callable):
    """A user who has scaffolded `new-step`."""
    made = new_shell()
    made.artifactflow("scaffold", "new-step")
    return made


def test_it_has_the_files_of_a_component_and_a_test(shell):
    files = {file.name for file in (shell.folder / "new-step").iterdir()}
    assert {"MLproject", "conda.yaml", "main.py", "test_new_step.py"} <= files


def test_it_runs_and_is_reused(shell):
    assert shell.steps("new-step") == [("new-step", "RUN", "never run")]
    assert shell.steps("new-step") == [("new-step", "REUSE", "unchanged")]


def test_its_script_explains_itself(shell):
    help_text = shell.run(sys.executable, "new-step/main.py", "--help").out
    assert help_text.startswith("Usage: main.py [OPTIONS]")


def test_its_test_passes(shell):
    said = shell.run(sys.executable, "-m", "pytest", "-q", "new-step").out
    assert re.search(r"^[1-9]\d* passed in ", said, re.MULTILINE), said


def test_plain_mlflow_runs_it(shell):
    shell.variables["MLFLOW_TRACKING_URI"] = f"sqlite:///{shell.folder}/mlflow.db"
    said = shell.run("mlflow", "run", "new-step", "--env-manager", "local").err
    assert re.search(r"Run \(ID '\w+'\) succeeded", said), said


def test_nothing_is_written_over_without_force(shell):
    main = shell.folder / "new-step" / "main.py"
    main.write_text(main.read_text() + "# mine\n")
    (shell.folder / "new-step" / "MLproject").unlink()
    refused = shell.artifactflow("scaffold", "new-step", code=2)
    assert refused.err.startswith("error: ")
    assert "--force" in refused.err
    assert main.read_text().endswith("# mine\n")
    assert not (shell.folder / "new-step" / "MLproject").exists()
    shell.artifactflow("scaffold", "new-step", "--force")
    assert not main.read_text().endswith("# mine\n")
    assert (shell.folder / "new-step" / "MLproject").exists()
