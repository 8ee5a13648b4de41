"""uv's failures in our words."""

from __future__ import annotations

import sys

import pytest

import artifactflow.environments.uv
from artifactflow.environments.uv import run_uv, uv_command
from artifactflow.errors import ContractError, MissingToolError, OutsideError


def test_the_uv_of_this_interpreter_serves_where_none_is_on_path(wheel, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    pytest.importorskip("uv")
    assert uv_command() == [sys.executable, "-m", "uv"]


def test_without_uv_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(artifactflow.environments.uv.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingToolError) as caught:
        uv_command()
    assert caught.value.hint == "pip install uv"


def test_an_unknown_package_is_an_error_of_the_manifest_that_names_it(wheel, tmp_path):
    with pytest.raises(ContractError, match="no-such-tiny was not found"):
        run_uv("pip", "compile", "-", "--quiet", folder=tmp_path, text="no-such-tiny\n")


def test_anything_else_is_an_error_of_the_world_outside(wheel, tmp_path):
    with pytest.raises(OutsideError, match="uv could not build"):
        run_uv("pip", "compile", "absent.txt", "--quiet", folder=tmp_path)


def test_the_environment_that_is_active_does_not_count(wheel, tmp_path, monkeypatch):
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "active"))
    monkeypatch.setenv("UV_PYTHON", "2.7")
    wheel("tinylib", "1.0")
    assert "tinylib==1.0" in run_uv("pip", "compile", "-", "--quiet", folder=tmp_path, text="tinylib\n")
