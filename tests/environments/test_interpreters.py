"""Interpreters are found on the machine, never fetched."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from artifactflow.environments.interpreters import find_interpreter
from artifactflow.errors import ContractError, MissingToolError


@pytest.fixture(autouse=True)
def _forgetful():
    find_interpreter.cache_clear()
    yield
    find_interpreter.cache_clear()


@pytest.mark.parametrize(
    "python", ["", platform.python_version(), f"{sys.version_info[0]}.{sys.version_info[1]}", ">=3.8"]
)
def test_the_running_one_is_taken_where_it_serves(python):
    found = find_interpreter(python)
    assert found.version == platform.python_version()
    assert found.cache_tag == sys.implementation.cache_tag
    assert found.path.resolve() == Path(sys.executable).resolve()


def test_a_user_without_a_home_finds_the_interpreters_on_path(tmp_path, monkeypatch):
    def unknown(_number):
        raise KeyError("no such user")

    for name in ("HOME", "PYENV_ROOT", "XDG_DATA_HOME", "UV_PYTHON_INSTALL_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    with pytest.raises(RuntimeError):
        Path.home()
    program(tmp_path / "bin" / "python3.19", """echo '["3.19.0", "cpython-319"]'""")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert find_interpreter("3.19").path == tmp_path / "bin" / "python3.19"


def program(path: Path, body: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def test_another_version_is_found_among_those_of_pyenv_the_newest_first(tmp_path, monkeypatch):
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", os.defpath)
    for version in ("3.99.1", "3.99.10", "3.98.0", "my-project"):
        program(tmp_path / "versions" / version / "bin" / "python3", f"""echo '["{version}", "cpython-399"]'""")
    found = find_interpreter("3.99")
    assert (found.version, found.minor, found.cache_tag) == ("3.99.10", "3.99", "cpython-399")


def test_a_shim_without_a_version_behind_it_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    program(tmp_path / "bin" / "python3", "exit 127")
    with pytest.raises(MissingToolError, match=r"no Python 3\.97 on this machine, there is") as caught:
        find_interpreter("3.97")
    assert platform.python_version() in str(caught.value)
    assert "pyenv install 3.97" in caught.value.hint


def test_a_text_that_is_no_version_is_an_error_of_the_manifest():
    with pytest.raises(ContractError, match="not a Python version"):
        find_interpreter("three")


def test_the_interpreter_found_runs():
    found = find_interpreter("")
    printed = subprocess.run([found.path, "-c", "print(6 * 7)"], capture_output=True, text=True, check=True).stdout
    assert printed == "42\n"
