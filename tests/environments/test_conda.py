"""What is handed to conda and what is made of its answer. Conda itself is no test requirement: a stand-in answers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

from artifactflow.environments.choose import choose_environment, plan_environment
from artifactflow.errors import OutsideError
from artifactflow.pipeline import EnvironmentMode, Given
from artifactflow.read.component import load_pipeline
from artifactflow.runner import Options, bind_pipeline, plan_pipeline, run_pipeline
from artifactflow.runner.environment_modes import AskedMode, EnvironmentModes
from artifactflow.store import Store

STAND_IN = """#!{python}
import json, os, pathlib, sys, venv
arguments = dict(zip(sys.argv, sys.argv[1:]))
log = pathlib.Path({log!r})
calls = json.loads(log.read_text()) if log.exists() else []
calls.append({{"arguments": sys.argv[1:], "file": pathlib.Path(arguments["--file"]).read_text()}})
log.write_text(json.dumps(calls))
if {fails}:
    sys.exit("nothing provides gcc-linux-64")
folder = pathlib.Path(arguments["--prefix"])
venv.create(folder, symlinks=True)
(folder / "conda-meta").mkdir()
for name in ("python-3.11.9-h1_0", "gcc-linux-64-13.2-h2_1"):
    (folder / "conda-meta" / (name + ".json")).write_text("{{}}")
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts the stand-in on PATH; gives what it was called with."""
    log = tmp_path / "calls.json"

    def install(*, fails: bool = False):
        program = tmp_path / "bin" / "micromamba"
        program.parent.mkdir(exist_ok=True)
        program.write_text(STAND_IN.format(python=sys.executable, log=str(log), fails=fails))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent))
        return lambda: json.loads(log.read_text())

    return install


def test_conda_gets_every_package_as_it_is_stated(component, calls, tmp_path):
    made = component("tinylib>=1", conda=("python=3.11", "gcc_linux-64=13"))
    called = calls()
    choose_environment(made, "conda", tmp_path / "environments")
    (call,) = called()
    assert call["arguments"][:2] == ["create", "--yes"]
    assert yaml.safe_load(call["file"]) == {
        "channels": ["conda-forge"],
        "dependencies": ["python=3.11", "gcc_linux-64=13", "pip", {"pip": ["tinylib>=1"]}],
    }


def test_its_packages_are_known_once_it_is_built(component, calls, tmp_path):
    made = component(conda=("python=3.11", "gcc_linux-64=13"))
    called = calls()
    assert plan_environment(made, "conda", tmp_path / "environments").packages is None
    chosen = choose_environment(made, "conda", tmp_path / "environments")
    assert chosen.python.exists()
    assert chosen.packages["python"] == "3.11"
    assert chosen.packages["gcc-linux-64"] == "13.2 h2_1"
    assert choose_environment(made, "conda", tmp_path / "environments").packages == chosen.packages
    assert plan_environment(made, "conda", tmp_path / "environments").packages == chosen.packages
    assert len(called()) == 1


def test_what_conda_says_when_it_fails_is_shown_and_nothing_is_left_to_use(component, calls, tmp_path):
    made = component(conda=("gcc_linux-64=13",))
    calls(fails=True)
    with pytest.raises(OutsideError, match="nothing provides gcc-linux-64"):
        choose_environment(made, "conda", tmp_path / "environments")
    assert not plan_environment(made, "conda", tmp_path / "environments").python.exists()


def test_our_own_name_is_the_wheel_of_the_running_version(component, calls, tmp_path):
    made = component("artifactflow")
    called = calls()
    choose_environment(made, "conda", tmp_path / "environments")
    (pip,) = yaml.safe_load(called()[0]["file"])["dependencies"][-1]["pip"]
    assert pip.startswith("artifactflow @ file:///")
    assert Path(pip.removeprefix("artifactflow @ file://")).is_file()


def test_a_step_that_ran_in_it_is_reused_from_the_first_time_on(component, calls, tmp_path):
    made = component(conda=("python=3.11",))
    (made.folder / "main.py").write_text("print('done')\n")
    calls()
    bound = bind_pipeline(load_pipeline(made.folder), Given(), tmp_path)
    asked = EnvironmentModes(everywhere=AskedMode(EnvironmentMode.CONDA, "--env conda"))
    options = Options(environments=asked, cold=True)
    with Store.open(tmp_path / "store") as store:
        (foreseen,) = plan_pipeline(bound, store, options)
        assert foreseen.reason == "never run; environment to be built by conda: as asked"
        decisions = [run_pipeline(bound, store, options).steps[0].decision for _ in range(2)]
        (facts,) = [run.facts for run in store.runs(1)]
    assert decisions == ["RUN", "REUSE"]
    assert facts["environment"] == "conda"
