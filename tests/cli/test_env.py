"""`artifactflow env` as a user calls it."""

from __future__ import annotations

import importlib.util
import json
import shutil

import pytest

from artifactflow.cli.app import COMMANDS


@pytest.fixture
def project(tmp_path):
    """A pipeline of two components with an environment that is satisfied by nothing but Python."""
    if not shutil.which("uv") and not importlib.util.find_spec("uv"):
        pytest.skip("uv is not installed: pip install uv")
    for name in ("one", "two"):
        folder = tmp_path / "project" / name
        folder.mkdir(parents=True)
        (folder / "MLproject").write_text(
            f"name: {name}\nconda_env: conda.yaml\nentry_points:\n  main:\n    command: python main.py\n"
        )
        (folder / "conda.yaml").write_text("dependencies:\n  - python\n  - pip\n")
    (tmp_path / "project" / "pipeline.yaml").write_text(
        "name: both\nsteps:\n  first: {component: one}\n  second: {component: two}\n  third: {component: one}\n"
    )
    return tmp_path / "project"


@pytest.fixture
def env(artifactflow, project, tmp_path):
    """Calls `artifactflow env` in the project, with no index at all."""

    def call(*arguments):
        store = str(project / ".artifactflow")
        variables = {
            "ARTIFACTFLOW_STORE": store,
            "UV_NO_INDEX": "1",
            "UV_OFFLINE": "1",
            "UV_CACHE_DIR": str(tmp_path / "uv-cache"),
        }
        done = artifactflow("env", *arguments, cwd=project, **variables)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if "--json" in arguments else done.stdout

    return call


def test_the_environments_of_a_pipeline_are_built_listed_and_removed(env, project):
    built = env("build", "--json")
    assert [one["component"] for one in built] == ["one", "two"]
    assert {one["kind"] for one in built} == {"uv"}
    assert len({one["python"] for one in built}) == 1
    (listed,) = env("ls", "--json")
    assert listed["complete"]
    assert listed["used_by"] == [str(project / name / "conda.yaml") for name in ("one", "two")]
    assert env("gc", "--json")["removed"] == []
    shutil.rmtree(project / "one")
    shutil.rmtree(project / "two")
    assert env("gc", "--json")["removed"] == [listed["key"]]
    assert env("ls") == "no environments yet: artifactflow env build makes those of a component or pipeline\n"


def test_where_no_environment_is_stated_there_is_nothing_to_lock(cli, words):
    for file in words.rglob("conda.yaml"):
        file.unlink()
    for file in words.rglob("MLproject"):
        file.write_text(file.read_text().replace("conda_env: conda.yaml\n", ""))
    assert cli("env", "lock", words).out == "nothing to lock: no component here has an environment file\n"
    assert cli("env", "lock", words, "--json").json == []


def test_a_lock_is_kept_until_the_upgrade(env):
    first = env("lock", "one", "--json")
    again = env("lock", "one", "--json")
    upgraded = env("lock", "one", "--upgrade", "--json")
    assert [one["fresh"] for one in (*first, *again, *upgraded)] == [True, False, True]
    assert first[0]["digest"] == again[0]["digest"]


def test_tables_for_people_name_what_the_json_names(env):
    assert "one: uv, as asked" in env("build", "one")
    table = env("ls")
    assert "conda.yaml" in table
    assert "uv" in table
    assert "resolved now" in env("lock", "one", "--upgrade")
    assert env("gc").startswith("removed 0 environments")


def test_auto_says_that_nothing_is_to_be_built(env):
    assert "one: current, it satisfies conda.yaml" in env("build", "one", "--env", "auto")


def test_an_unknown_mode_is_a_usage_error(artifactflow, project):
    done = artifactflow("env", "build", "--env", "docker", cwd=project)
    assert done.returncode == 2
    assert "--env takes auto, uv or conda" in done.stderr


def test_the_help_line_is_that_of_the_command(artifactflow):
    assert COMMANDS["env"] in artifactflow("env", "--help").stdout
