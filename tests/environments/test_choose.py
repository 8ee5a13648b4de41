"""auto takes the current interpreter where it serves and builds otherwise; what is chosen is said with its reason."""

from __future__ import annotations

import contextlib
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from artifactflow.contract import Component
from artifactflow.environments.choose import choose_environment, foresee_environment, plan_environment
from artifactflow.environments.current import package_closure
from artifactflow.environments.interpreters import find_interpreter
from artifactflow.errors import ContractError, MissingToolError
from artifactflow.pipeline import EnvironmentMode


def printed(python: Path, code: str) -> str:
    return subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_auto_takes_the_current_interpreter_where_it_satisfies_the_file(component, tmp_path):
    chosen = choose_environment(component("pandas>=2"), "auto", tmp_path / "environments")
    assert (chosen.kind, chosen.python) == (EnvironmentMode.CURRENT, Path(sys.executable))
    assert chosen.reason == "it satisfies conda.yaml"
    assert "pandas" in chosen.packages
    assert not (tmp_path / "environments").exists()


def test_auto_builds_what_the_current_interpreter_lacks_and_says_which_and_why(component, wheel, tmp_path):
    wheel("tinylib", "1.2")
    chosen = choose_environment(component("tinylib>=1"), "auto", tmp_path / "environments")
    assert chosen.kind == EnvironmentMode.UV
    assert chosen.reason == "the current interpreter does not satisfy conda.yaml: tinylib>=1: not installed"
    assert printed(chosen.python, "import tinylib; print(tinylib.version)") == "1.2"


def test_current_is_taken_as_asked_with_a_warning(component, tmp_path):
    chosen = choose_environment(component("tinylib>=1"), "current", tmp_path / "environments")
    assert chosen.python == Path(sys.executable)
    assert "does not satisfy" in chosen.warning
    assert "tinylib>=1: not installed" in chosen.warning


def test_uv_builds_even_where_the_current_interpreter_would_serve(component, wheel, tmp_path):
    wheel("pandas", "9.9")
    chosen = choose_environment(component("pandas"), "uv", tmp_path / "environments")
    assert printed(chosen.python, "import pandas; print(pandas.version)") == "9.9"


def test_a_component_without_an_environment_file_runs_in_the_current_interpreter(tmp_path):
    chosen = choose_environment(Component("bare", tmp_path, {}), "uv", tmp_path / "environments")
    assert (chosen.kind, chosen.reason) == (EnvironmentMode.CURRENT, "it names no environment file")


def test_packages_stated_to_conda_come_from_pypi_and_it_is_said(component, wheel, tmp_path):
    wheel("tinylib", "1.2")
    wheel("tinylib", "1.3")
    chosen = choose_environment(component(conda=("tinylib=1.2",)), "uv", tmp_path / "environments")
    assert chosen.reason == "as asked (from PyPI, although stated to conda: tinylib)"
    assert chosen.packages["tinylib"] == "1.2"


@pytest.mark.parametrize("package", ["cudatoolkit=11.3", "gcc", "r-dplyr", "_libgcc_mutex=0.1=main", "no-such-tiny"])
def test_a_package_that_only_conda_has_is_an_error_that_names_conda(component, wheel, tmp_path, package):
    with pytest.raises(MissingToolError, match="PyPI does not have") as caught:
        choose_environment(component(conda=(package,)), "uv", tmp_path / "environments")
    assert "--env conda" in caught.value.hint
    assert caught.value.place.line == 2


def test_a_package_that_pypi_calls_otherwise_is_named_in_the_hint(component, tmp_path):
    with pytest.raises(MissingToolError) as caught:
        choose_environment(component(conda=("pytorch",)), "uv", tmp_path / "environments")
    assert "torch for pytorch" in caught.value.hint


def test_requirements_that_contradict_each_other_are_an_error_of_the_manifest(component, wheel, tmp_path):
    wheel("tinylib", "1.2")
    with pytest.raises(ContractError, match="requirements cannot be met"):
        choose_environment(component("tinylib>1", "tinylib<1"), "uv", tmp_path / "environments")


def test_a_broken_line_is_an_error_with_its_place(component, tmp_path):
    with pytest.raises(ContractError, match="pip says tinylib==1") as caught:
        choose_environment(component("tinylib=1"), "uv", tmp_path / "environments")
    assert caught.value.place.line == 4


def test_the_plan_knows_the_packages_and_builds_nothing(component, wheel, tmp_path):
    wheel("tinylib", "1.2", "otherlib")
    wheel("otherlib", "3.0")
    root = tmp_path / "environments"
    planned = plan_environment(component("tinylib"), "uv", root)
    assert not planned.python.exists()
    chosen = choose_environment(component("tinylib"), "uv", root)
    assert chosen.python == planned.python
    assert chosen.packages == planned.packages
    assert planned.python.exists()


def test_what_is_on_disk_tells_what_would_be_chosen_and_nothing_is_written(component, wheel, tmp_path):
    wheel("tinylib", "1.2")
    root = tmp_path / "environments"
    made = component("artifactflow", conda=("tinylib=1.2",), name="asks-for-us")
    assert foresee_environment(made, "uv", None).packages is None
    foreseen = foresee_environment(made, "auto", root)
    assert (foreseen.kind, foreseen.packages) == (EnvironmentMode.UV, None)
    assert foreseen.reason.endswith("not installed (from PyPI, although stated to conda: tinylib)")
    assert not root.exists()
    made = component(conda=("tinylib=1.2",))
    planned = plan_environment(made, "uv", root)
    assert foresee_environment(made, "uv", root).packages == planned.packages
    assert foresee_environment(component("pandas>=2"), "auto", root).kind == EnvironmentMode.CURRENT


def test_where_auto_cannot_build_it_is_said_what_does_not_fit_and_how_to_do_without(component, tmp_path):
    with pytest.raises(MissingToolError, match=r"tiny needs an environment of its own.*gcc: not installed") as caught:
        choose_environment(component(conda=("gcc",)), "auto", tmp_path / "environments")
    assert caught.value.hint == (
        "let conda build it: --env conda; or take the current interpreter all the same: --env current"
    )
    assert caught.value.place.line == 2


def test_an_environment_is_made_from_the_interpreter_that_its_file_asks_for(component, wheel, tmp_path):
    """Where pyenv or uv has another Python than the one that runs."""
    wheel("tinylib", "1.2")
    running = f"{sys.version_info[0]}.{sys.version_info[1]}"
    for other in ("3.11", "3.12", "3.13"):
        with contextlib.suppress(MissingToolError):
            if other != running and find_interpreter(other):
                break
    else:
        pytest.skip("there is no other Python on this machine")
    made = component("tinylib", conda=(f"python={other}",))
    chosen = choose_environment(made, "auto", tmp_path / "environments")
    assert f"python {other}: Python {platform.python_version()} is running" in chosen.reason
    assert printed(chosen.python, "import sys, tinylib; print(*sys.version_info[:2], sep='.')") == other
    assert list(chosen.folder.glob(f"lib/*/site-packages/tinylib/__pycache__/*.cpython-{other.replace('.', '')}.pyc"))


def test_the_packages_are_those_that_are_installed_and_that_the_closure_has(component, wheel, tmp_path):
    wheel("tinylib", "1.2", "Other_Lib")
    wheel("other-lib", "3.0")
    made = component("tinylib")
    chosen = choose_environment(made, "uv", tmp_path / "environments")
    site_packages = next(chosen.folder.glob("lib/*/site-packages"))
    assert chosen.packages == package_closure(made.environment, paths=[str(site_packages)])


def test_conda_is_an_error_that_says_how_to_install_it_where_there_is_none(component, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(MissingToolError, match="neither micromamba nor mamba nor conda") as caught:
        choose_environment(component("tinylib"), "conda", tmp_path / "environments")
    assert "micromamba" in caught.value.hint
