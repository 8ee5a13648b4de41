"""An environment file in pip's words."""

from __future__ import annotations

import pytest

from artifactflow.environments.wanted import NOT_ON_PYPI, wanted
from artifactflow.errors import ContractError, MissingToolError


@pytest.mark.parametrize(
    ("stated", "line"),
    [
        ("tinylib", "tinylib"),
        ("tinylib=1.2", "tinylib==1.2.*"),
        ("tinylib==1.2", "tinylib==1.2"),
        ("tinylib>=1,<2", "tinylib>=1,<2"),
        ("conda-forge::tinylib=1.2=py311_0", "tinylib==1.2"),
    ],
)
def test_condas_versions_are_said_as_pip_says_them(component, stated, line):
    assert wanted(component(conda=(stated,)).environment).lines == (line,)


def test_one_version_or_another_cannot_be_said_to_pip(component):
    with pytest.raises(ContractError, match="one version or another") as caught:
        wanted(component(conda=("tinylib=1|tinylib=3".replace("|tinylib", "|"),)).environment)
    assert "--env conda" in caught.value.hint


def test_paths_are_made_absolute_and_keep_their_extras(component, tmp_path):
    made = component()
    (made.folder / "lib").mkdir()
    (made.folder / "lib" / "pyproject.toml").write_text("[project]\nname = 'lib'\n")
    stated = wanted(component("-e ./lib[fast]").environment)
    assert stated.lines == (f"-e {(made.folder / 'lib').resolve()}[fast]",)
    first = stated.local_digest()
    (made.folder / "lib" / "more.py").write_text("")
    assert stated.local_digest() != first


def test_a_file_address_is_a_path_of_this_machine_with_its_blanks_written_out(component):
    made = component()
    library = made.folder / "my lib"
    library.mkdir()
    stated = wanted(component(f"lib @ {library.as_uri()}").environment)
    assert "%20" in library.as_uri()
    assert stated.local == (library.resolve(),)


def test_options_of_the_index_are_kept_and_others_are_not(component):
    made = component("--extra-index-url https://host/simple", "--pre", "tinylib")
    stated = wanted(made.environment)
    assert stated.options == ("--extra-index-url https://host/simple",)
    assert stated.lines == ("tinylib",)


def test_our_own_name_is_taken_out_with_its_extras(component):
    stated = wanted(component("artifactflow[figures]>=0.1", "tinylib").environment)
    assert (stated.lines, stated.own_extras) == (("tinylib",), ("figures",))


def test_the_table_holds_names_as_they_are_compared():
    from packaging.utils import canonicalize_name

    assert [name for name in NOT_ON_PYPI if name != canonicalize_name(name)] == []


@pytest.mark.parametrize(("conda", "pip"), [("opencv", "opencv-python-headless"), ("tensorflow-base", "tensorflow")])
def test_what_pypi_calls_otherwise_is_refused_with_that_name(component, conda, pip):
    with pytest.raises(MissingToolError, match=f"does not have {conda}") as caught:
        wanted(component(conda=(conda,)).environment)
    assert f"{pip} for {conda}" in caught.value.hint
