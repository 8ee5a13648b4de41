"""Where steps run, who decides it, and what plans and records say of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from artifactflow.errors import ContractError, MissingToolError, NotFoundError, UsageError
from artifactflow.pipeline import EnvironmentMode, Step
from artifactflow.runner import Options
from artifactflow.runner.environment_modes import AskedMode, EnvironmentModes, environment_modes

STEPS = (
    Step("clean", "clean", tags=("data",)),
    Step("train", "train", env=EnvironmentMode.CONDA),
    Step("test", "test", tags=("data",)),
)
LACKING = "dependencies:\n  - pip\n  - pip:\n    - no-such-package==1.0\n"


def modes(*options: str, variable: str = "", setting: str = "", folder: Path) -> dict[str, tuple[str, str]]:
    if setting:
        (folder / "pyproject.toml").write_text(f"[tool.artifactflow]\nenv = {setting}\n")
    variables = {"ARTIFACTFLOW_ENV": variable} if variable else {}
    found = environment_modes(options, variables, STEPS, folder)
    return {step.name: (found.of(step).mode.value, found.of(step).source) for step in STEPS}


def test_the_strongest_statement_counts(tmp_path):
    assert modes(folder=tmp_path)["clean"] == ("auto", "default")
    assert modes(setting='"uv"', folder=tmp_path)["clean"] == ("uv", "env of pyproject.toml")
    assert modes(variable="current", folder=tmp_path)["clean"] == ("current", "ARTIFACTFLOW_ENV")
    assert modes(variable="current", folder=tmp_path)["train"] == ("conda", "env: of the step")
    assert modes("uv", variable="current", folder=tmp_path)["train"] == ("uv", "--env uv")
    assert modes("train=auto", "uv", folder=tmp_path)["train"] == ("auto", "--env train=auto")


def test_steps_are_named_as_selections_name_them(tmp_path):
    chosen = modes("data=uv", "t*=conda", folder=tmp_path)
    assert {name: mode for name, (mode, _) in chosen.items()} == {"clean": "uv", "train": "conda", "test": "conda"}
    with pytest.raises(NotFoundError, match="no step and no tag is called 'trian'") as caught:
        modes("trian=uv", folder=tmp_path)
    assert caught.value.hint == "did you mean train?"


@pytest.mark.parametrize(
    ("options", "further", "kind", "message"),
    [
        (["docker"], {}, UsageError, "--env docker: there is no environment 'docker', expected one of auto, current"),
        (["train="], {}, UsageError, "--env train=: there is no environment ''"),
        ([], {"variable": "docker"}, UsageError, "ARTIFACTFLOW_ENV=docker: there is no environment"),
        ([], {"setting": '"docker"'}, ContractError, r"\[tool.artifactflow\] env must be one of auto.*got 'docker'"),
        ([], {"setting": "7"}, ContractError, "env must be a text, got 7"),
    ],
)
def test_a_word_that_is_no_environment_is_refused_where_it_stands(tmp_path, options, further, kind, message):
    with pytest.raises(kind, match=message):
        modes(*options, **further, folder=tmp_path)


def asked(mode: str) -> Options:
    return Options(environments=EnvironmentModes(everywhere=AskedMode(EnvironmentMode(mode), "a test")))


@pytest.fixture
def own(project):
    """The project with an environment file that only the component `make` has."""

    def write(text: str) -> None:
        (project.folder / "make" / "conda.yaml").write_text(text)
        manifest = project.folder / "make" / "MLproject"
        if "conda_env" not in manifest.read_text():
            manifest.write_text("conda_env: conda.yaml\n" + manifest.read_text().lstrip())

    return write


def facts(project, step: str = "make") -> dict:
    return project.store.last_run("words", step).facts


def test_the_current_interpreter_serves_a_component_that_it_satisfies_and_nothing_is_said(project, own):
    own("dependencies:\n  - python\n  - pip\n  - pip:\n    - PyYAML>=5\n")
    project.run()
    assert project.notes.notes == project.notes.warnings == []
    assert facts(project)["environment"] == "current"
    assert facts(project)["environment_reason"] == "it satisfies conda.yaml"
    assert (facts(project)["environment_mode"], facts(project)["environment_source"]) == ("auto", "default")
    assert not (project.folder / ".artifactflow" / "environments").exists()


def test_current_runs_all_the_same_and_warns_of_what_does_not_fit(project, own):
    own(LACKING)
    project.run(asked("current"))
    (warning,) = project.notes.warnings
    assert warning.startswith(
        "make runs in the current interpreter, which does not satisfy conda.yaml: no-such-package"
    )


def test_without_uv_the_error_says_what_does_not_fit_and_the_ways_out(project, own, monkeypatch):
    own(LACKING)
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr("artifactflow.environments.uv.importlib.util.find_spec", lambda name: None)
    error = project.fails()
    assert isinstance(error, MissingToolError)
    assert "no-such-package==1.0: not installed; uv, which builds environments, is not installed" in error.message
    assert error.hint == "pip install uv; or take the current interpreter all the same: --env current"
    assert project.notes.ended == []


def test_a_plan_says_what_would_be_built_and_touches_nothing(project, own):
    project.run()
    before = sorted(project.folder.rglob("*"))
    own(LACKING)
    decision, reason = project.plan()["make"]
    assert decision == "RUN"
    assert (
        "environment to be built by uv: the current interpreter does not satisfy conda.yaml: no-such-package" in reason
    )
    assert "environment: " not in reason.replace("conda.yaml: ", "")
    after = {path for path in project.folder.rglob("*") if path.suffix != ".json"}
    assert after - set(before) == {project.folder / "make" / "conda.yaml"}


def test_a_plan_without_a_store_says_it_too(project, own):
    own(LACKING)
    assert project.plan()["make"][1].startswith("never run; environment to be built by uv")
    assert not (project.folder / ".artifactflow").exists()


def test_the_commit_is_recorded_also_where_everything_is_reused(project):
    identity = ["-c", "user.name=A", "-c", "user.email=a@b.c"]
    for words in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "first"]):
        subprocess.run(["git", *words], cwd=project.folder, check=True)
    project.run()
    reused = project.run()
    assert {outcome.decision for outcome in reused.steps} == {"REUSE"}
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=project.folder, capture_output=True, text=True).stdout
    assert reused.facts["source"] == {"commit": head.strip(), "dirty": False}


def test_the_step_that_has_an_environment_of_its_own_runs_there_and_the_others_do_not(project, own, wheel):
    wheel("tinylib", "1.0")
    own("dependencies:\n  - pip\n  - pip:\n    - tinylib==1.0\n")
    main = project.folder / "make" / "main.py"
    main.write_text("import sys, tinylib\nprint(sys.executable, tinylib.version)\n" + main.read_text())
    project.run()
    (note,) = project.notes.notes
    assert note.endswith(
        "built by uv: the current interpreter does not satisfy conda.yaml: tinylib==1.0: not installed"
    )
    printed = next(line for step, line in project.notes.printed if step == "make")
    assert printed.startswith(str(project.folder / ".artifactflow" / "environments"))
    assert facts(project)["environment"] == "uv"
    assert len(facts(project)["lock"]) == 64
    assert facts(project, "shout")["environment"] == "current"
    assert project.decisions() == {"make": "REUSE", "shout": "REUSE"}

    # Another version: the plan knows it as soon as there is a lock, and builds nothing to know it.
    wheel("tinylib", "2.0")
    own("dependencies:\n  - pip\n  - pip:\n    - tinylib==2.0\n")
    assert project.plan()["make"][1].startswith("environment to be built by uv")
    subprocess.run([sys.executable, "-m", "artifactflow", "env", "lock", "make"], cwd=project.folder, check=True)
    built = sorted((project.folder / ".artifactflow" / "environments").glob("*/bin"))
    assert project.plan()["make"] == ("RUN", "environment: tinylib 1.0 → 2.0")
    assert sorted((project.folder / ".artifactflow" / "environments").glob("*/bin")) == built
    assert project.decisions() == {"make": "RUN", "shout": "REUSE"}
