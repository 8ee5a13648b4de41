"""Distributions are found by their metadata folders, and only their headers are read."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from artifactflow.environments.installed import Distribution, installed, metadata_names, normalised, search_path


def distribution(folder: Path, name: str, metadata: str = "", file: str = "METADATA") -> Distribution:
    (folder / name).mkdir(parents=True)
    (folder / name / file).write_text(metadata)
    return Distribution("x", folder / name)


def test_everything_installed_is_found_as_the_standard_library_finds_it():
    found = installed(metadata_names(search_path()))
    assert {name: item.version for name, item in found.items()} == {
        canonicalize_name(item.metadata["Name"]): item.version for item in importlib.metadata.distributions()
    }


def test_the_requirements_are_those_that_the_standard_library_reads():
    found = installed(metadata_names(search_path()))
    for name in ("mlflow", "pandas", "scikit-learn", "pytest"):
        assert list(found[name].requires) == importlib.metadata.distribution(name).requires


@pytest.mark.parametrize("name", ["Scikit_Learn", "ruamel.yaml", "a--b__c", "pandas"])
def test_names_are_normalised_as_packaging_does(name):
    assert normalised(name) == canonicalize_name(name)


def test_the_first_folder_on_the_path_counts(tmp_path):
    distribution(tmp_path / "one", "tool-1.0.dist-info")
    distribution(tmp_path / "two", "Tool-2.0.dist-info")
    paths = [str(tmp_path / "absent"), str(tmp_path / "one"), str(tmp_path / "two")]
    assert installed(metadata_names(paths))["tool"].version == "1.0"


def test_what_an_interrupted_pip_leaves_behind_is_not_installed(tmp_path):
    distribution(tmp_path, "~andas-2.2.0.dist-info")
    assert installed(metadata_names([str(tmp_path)])) == {}


def test_the_description_is_not_read_and_lines_of_blanks_do_not_end_the_header(tmp_path):
    text = "Name: tool\nLicense: some\n        \n        more\nRequires-Dist: numpy\n\nRequires-Dist: not this\n"
    assert distribution(tmp_path, "tool-1.0.dist-info", text).requires == ("numpy",)


def test_an_egg_info_folder_states_version_and_requirements(tmp_path):
    found = distribution(tmp_path, "tool.egg-info", "Name: tool\nVersion: 1.5\n", "PKG-INFO")
    text = "numpy\n\n[:python_version < '3']\nsix\n\n[fast]\nnumba\n\n[fast:os_name == 'nt']\nwin\n"
    (found.folder / "requires.txt").write_text(text)
    assert found.version == "1.5"
    assert found.requires == (
        "numpy",
        "six ; (python_version < '3')",
        'numba ; extra == "fast"',
        "win ; (os_name == 'nt') and extra == \"fast\"",
    )


def test_an_egg_info_file_states_its_version(tmp_path):
    (tmp_path / "tool.egg-info").write_text("Name: tool\nVersion: 0.3\n")
    assert installed(metadata_names([str(tmp_path)]))["tool"].version == "0.3"


def test_a_folder_without_metadata_has_the_version_of_its_name(tmp_path):
    (tmp_path / "tool-1.0.dist-info").mkdir()
    (found,) = installed(metadata_names([str(tmp_path)])).values()
    assert (found.version, found.requires) == ("1.0", ())
