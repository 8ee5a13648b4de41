"""The same file gives the same environment until it is told to resolve again."""

from __future__ import annotations

from pathlib import Path

import pytest

import artifactflow
from artifactflow.environments.choose import choose_environment
from artifactflow.environments.lock import lock_environment


def test_a_newer_version_in_the_index_changes_nothing_until_the_upgrade(component, wheel, tmp_path):
    wheel("tinylib", "1.0")
    environment = component("tinylib").environment
    first = lock_environment(environment, tmp_path)
    wheel("tinylib", "2.0")
    assert lock_environment(environment, tmp_path).text == first.text
    upgraded = lock_environment(environment, tmp_path, upgrade=True)
    assert upgraded.packages["tinylib"] == "2.0"
    assert upgraded.key != first.key
    assert lock_environment(environment, tmp_path).text == upgraded.text


def test_a_kept_lock_needs_no_index(component, wheel, tmp_path, monkeypatch):
    wheel("tinylib", "1.0")
    environment = component("tinylib").environment
    first = lock_environment(environment, tmp_path)
    assert first.fresh
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setenv("UV_FIND_LINKS", "/nonexistent")
    again = lock_environment(environment, tmp_path)
    assert (again.key, again.fresh) == (first.key, False)


def test_two_files_that_ask_for_the_same_share_lock_and_environment(component, wheel, tmp_path):
    wheel("tinylib", "1.0")
    one, two = (choose_environment(component("tinylib", name=name), "uv", tmp_path) for name in ("one", "two"))
    assert one.folder == two.folder


def test_a_damaged_lock_is_made_again(component, wheel, tmp_path):
    wheel("tinylib", "1.0")
    environment = component("tinylib").environment
    first = lock_environment(environment, tmp_path)
    first.file.write_bytes(b"\xff\xfe")
    assert lock_environment(environment, tmp_path).text == first.text


@pytest.mark.parametrize(
    ("wandb", "numpy", "setuptools"), [("0.17.1", "1.26.4", "80.0"), ("0.17.2", "2.1.0", "82.0")], ids=["old", "new"]
)
def test_an_old_wandb_gets_the_numpy_and_setuptools_that_it_runs_with(
    component, wheel, tmp_path, wandb, numpy, setuptools
):
    wheel("wandb", wandb, "setuptools")
    for version in ("1.26.4", "2.1.0"):
        wheel("numpy", version)
    for version in ("80.0", "82.0"):
        wheel("setuptools", version)
    packages = lock_environment(component("wandb", "numpy").environment, tmp_path).packages
    assert (packages["numpy"], packages["setuptools"]) == (numpy, setuptools)


def test_a_local_folder_is_installed_as_it_is_now(component, wheel, tmp_path):
    made = component("./tinylib-1.0-py3-none-any.whl")
    built = wheel("tinylib", "1.0")
    local = made.folder / built.name
    local.write_bytes(built.read_bytes())
    first = choose_environment(component(f"./{built.name}"), "uv", tmp_path / "environments")
    local.write_bytes(wheel("tinylib", "1.0", files={"tinylib/more.py": ""}).read_bytes())
    second = choose_environment(component(f"./{built.name}"), "uv", tmp_path / "environments")
    assert first.packages != second.packages
    assert not list(first.folder.glob("lib/*/site-packages/tinylib/more.py"))
    assert list(second.folder.glob("lib/*/site-packages/tinylib/more.py"))


def test_the_index_that_a_file_names_is_used(component, wheel, tmp_path, monkeypatch):
    built = wheel("tinylib", "1.0")
    monkeypatch.delenv("UV_FIND_LINKS")
    made = component(f"--find-links {built.parent}", "tinylib")
    assert choose_environment(made, "uv", tmp_path / "environments").packages["tinylib"] == "1.0"


def test_our_own_name_means_the_running_version_whatever_an_index_holds(component, wheel, tmp_path, monkeypatch):
    wheel("artifactflow", "99.0")
    for name in _required():
        wheel(name, "99.0")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    chosen = choose_environment(component("artifactflow==99.0"), "uv", tmp_path / "environments")
    assert chosen.packages["artifactflow"] == artifactflow.__version__
    package = next(chosen.folder.glob("lib/*/site-packages/artifactflow"))
    running = Path(artifactflow.__file__).parent
    assert (package / "errors.py").read_bytes() == (running / "errors.py").read_bytes()
    assert (chosen.folder / "bin" / "artifactflow").exists()


def _required() -> list[str]:
    from importlib import metadata

    from packaging.requirements import Requirement

    listed = map(Requirement, metadata.requires("artifactflow") or ())
    return [requirement.name for requirement in listed if not requirement.marker]
