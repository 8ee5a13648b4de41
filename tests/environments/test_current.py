"""Does the running interpreter satisfy an environment, and which packages count for a cache key."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from artifactflow.contract import Environment, EnvironmentKind
from artifactflow.environments.current import MISSING, package_closure, unsatisfied

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
PLATFORM = {"python": MINOR, "platform": f"{sys.platform}-{platform.machine()}"}


class Site:
    """A folder of installed distributions without their code."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths = [str(folder)]
        folder.mkdir()

    def install(self, name: str, version: str, *requires: str) -> None:
        metadata = self.folder / f"{name}-{version}.dist-info"
        metadata.mkdir()
        lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {text}" for text in requires)]
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\n" + "\n".join(lines) + "\n\nA description.\n")

    def uninstall(self, name: str) -> None:
        for metadata in list(self.folder.glob(f"{name}-*.dist-info")):
            (metadata / "METADATA").unlink()
            metadata.rmdir()


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path / "site-packages")
    site.install("pandas", "2.2.0", "numpy>=1.26", "tzdata ; sys_platform == 'nowhere'", "plot>=1 ; extra == 'plot'")
    site.install("numpy", "1.26.4")
    site.install("Scikit_Learn", "1.5.0rc1", "numpy")
    return site


@pytest.fixture
def environment(tmp_path):
    def make(*requirements: str, python: str = "", conda: tuple[str, ...] = ()) -> Environment:
        return Environment(EnvironmentKind.CONDA, tmp_path / "conda.yaml", python, requirements, conda)

    return make


@pytest.mark.parametrize(
    "requirement",
    [
        "pandas",
        "Pandas==2.2.0",
        "pandas>=2,<3",
        "scikit-learn>=1.5.0rc1",
        "absent ; python_version < '3'",
        "pandas @ https://host/pandas-9.0.tar.gz",
        "git+https://github.com/org/numpy.git#egg=numpy",
        "artifactflow==999",
    ],
)
def test_a_requirement_is_satisfied(site, environment, requirement):
    assert unsatisfied(environment(requirement), paths=site.paths) == ()


@pytest.mark.parametrize(
    ("requirement", "installed", "reason"),
    [
        ("pandas==2.1", "2.2.0", "2.2.0 is installed"),
        ("scikit-learn>=1.5", "1.5.0rc1", "1.5.0rc1 is installed"),
        ("absent", None, "not installed"),
        ("absent ; python_version > '3'", None, "not installed"),
        ("pandas=2.2.0", None, "'=' in a pip line, pip says pandas==2.2.0"),
        ("-r missing.txt", None, "there is no file missing.txt"),
        ("git+https://host/tool.git", None, "the name of what it installs is unknown, so it cannot be looked up"),
        ("pandas[plot]", None, 'its extra needs plot>=1; extra == "plot": not installed'),
    ],
)
def test_a_requirement_is_not_satisfied(site, environment, requirement, installed, reason):
    (found,) = unsatisfied(environment(requirement), paths=site.paths)
    assert (found.requirement, found.installed, found.reason) == (requirement, installed, reason)
    assert str(found) == f"{requirement}: {reason}"


def test_an_extra_is_satisfied_where_what_it_needs_is_installed(site, environment):
    site.install("plot", "0.9")
    (found,) = unsatisfied(environment("pandas[plot]"), paths=site.paths)
    assert (found.installed, found.reason) == ("0.9", 'its extra needs plot>=1; extra == "plot": 0.9 is installed')
    site.uninstall("plot")
    site.install("plot", "1.0")
    assert unsatisfied(environment("pandas[plot]"), paths=site.paths) == ()


@pytest.mark.parametrize("package", ["numpy", "numpy=1.26", "numpy=1.26.4", "conda-forge::numpy=1.26.*", "numpy>=1,<2"])
def test_a_conda_package_is_satisfied_by_the_distribution_of_its_name(site, environment, package):
    assert unsatisfied(environment(conda=(package,)), paths=site.paths) == ()


@pytest.mark.parametrize(
    ("package", "installed", "reason"),
    [
        ("numpy=1.2", "1.26.4", "1.26.4 is installed"),
        ("numpy==1.26", "1.26.4", "1.26.4 is installed"),
        ("cudatoolkit=11", None, "not installed"),
        ("numpy => 1", None, "not a version as conda states it"),
    ],
)
def test_a_conda_package_is_not_satisfied(site, environment, package, installed, reason):
    (found,) = unsatisfied(environment(conda=(package,)), paths=site.paths)
    assert (found.requirement, found.installed) == (package, installed)
    assert found.reason.startswith(reason)


@pytest.mark.parametrize("python", ["", MINOR, platform.python_version(), ">=3.11", f"=={MINOR}.*"])
def test_python_satisfies(site, environment, python):
    assert unsatisfied(environment(python=python), paths=site.paths) == ()


@pytest.mark.parametrize("python", ["3.8", "3.1", "<3", f"{MINOR}.999"])
def test_python_does_not_satisfy(site, environment, python):
    (found,) = unsatisfied(environment(python=python), paths=site.paths)
    assert (found.requirement, found.installed) == (f"python {python}", platform.python_version())
    assert found.reason == f"Python {platform.python_version()} is running"


def test_a_text_that_is_no_version_is_not_satisfied(site, environment):
    (found,) = unsatisfied(environment(python="three"), paths=site.paths)
    assert found.reason == "not a Python version: 'three'"


def test_the_running_environment_satisfies_what_runs_these_tests(environment):
    assert unsatisfied(environment("artifactflow", "pytest", "mlflow>=3", "pandas", python=MINOR)) == ()


def test_the_closure_is_what_is_declared_and_what_that_requires(site, environment):
    assert package_closure(environment("pandas"), paths=site.paths) == PLATFORM | {"numpy": "1.26.4", "pandas": "2.2.0"}


def test_installing_something_unrelated_changes_nothing(site, environment):
    before = package_closure(environment("pandas"), paths=site.paths)
    site.install("unrelated", "1.0")
    assert package_closure(environment("pandas"), paths=site.paths) == before


def test_conda_packages_count_too(site, environment):
    found = package_closure(environment(conda=("scikit-learn=1.5", "git")), paths=site.paths)
    assert found == PLATFORM | {"scikit-learn": "1.5.0rc1", "numpy": "1.26.4", "git": MISSING}


@pytest.mark.parametrize("declares", [False, True])
def test_where_nothing_is_declared_everything_counts(site, environment, declares):
    found = package_closure(environment() if declares else None, paths=site.paths)
    assert found == PLATFORM | {"numpy": "1.26.4", "pandas": "2.2.0", "scikit-learn": "1.5.0rc1"}


def test_an_extra_brings_what_it_requires(site, environment):
    assert package_closure(environment("pandas[plot]"), paths=site.paths)["plot"] == MISSING
    assert "plot" not in package_closure(environment("pandas"), paths=site.paths)


def test_an_extra_that_is_handed_on_is_followed(site, environment):
    site.install("all", "1", "pandas[plot]")
    site.install("plot", "3", "deep ; extra == 'x' or python_version > '3'")
    found = package_closure(environment("all"), paths=site.paths)
    assert (found["plot"], found["deep"]) == ("3", MISSING)


def test_packages_that_require_each_other_end(site, environment):
    site.install("a", "1", "b")
    site.install("b", "2", "a")
    assert package_closure(environment("a"), paths=site.paths) == PLATFORM | {"a": "1", "b": "2"}


def test_a_requirement_for_another_platform_does_not_count(site, environment):
    assert package_closure(environment("absent ; sys_platform == 'nowhere'", "numpy"), paths=site.paths) == (
        PLATFORM | {"numpy": "1.26.4"}
    )


def test_a_broken_requirement_of_an_installed_package_is_left_out(site, environment):
    site.install("old", "1", "numpy (>=1.0.*", "pandas")
    assert "pandas" in package_closure(environment("old"), paths=site.paths)


def test_an_unchanged_installation_answers_from_the_cache(site, environment, tmp_path):
    cache = tmp_path / "cache"
    first = package_closure(environment("pandas"), cache, paths=site.paths)
    (file,) = cache.iterdir()
    file.write_text(json.dumps(first | {"numpy": "from the cache"}))
    assert package_closure(environment("pandas"), cache, paths=site.paths)["numpy"] == "from the cache"


def test_installing_another_version_asks_again(site, environment, tmp_path):
    package_closure(environment("pandas"), tmp_path / "cache", paths=site.paths)
    site.uninstall("numpy")
    site.install("numpy", "2.0")
    assert package_closure(environment("pandas"), tmp_path / "cache", paths=site.paths)["numpy"] == "2.0"


def test_another_environment_asks_for_itself(site, environment, tmp_path):
    package_closure(environment("pandas"), tmp_path / "cache", paths=site.paths)
    assert package_closure(environment("numpy"), tmp_path / "cache", paths=site.paths) == PLATFORM | {"numpy": "1.26.4"}


def test_a_project_installed_in_place_is_asked_for_its_version(site, environment, tmp_path):
    folder = site.folder / "mine.egg-info"
    folder.mkdir()
    (folder / "PKG-INFO").write_text("Name: mine\nVersion: 1\n")
    assert package_closure(environment("mine"), tmp_path / "cache", paths=site.paths)["mine"] == "1"
    (folder / "PKG-INFO").write_text("Name: mine\nVersion: 2\n")
    assert package_closure(environment("mine"), tmp_path / "cache", paths=site.paths)["mine"] == "2"


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"{}", b'{"python": 3}', b"\xff"])
def test_a_damaged_cache_is_ignored_and_mended(site, environment, tmp_path, damage):
    cache = tmp_path / "cache"
    first = package_closure(environment("pandas"), cache, paths=site.paths)
    (file,) = cache.iterdir()
    file.write_bytes(damage)
    assert package_closure(environment("pandas"), cache, paths=site.paths) == first
    assert json.loads(file.read_text()) == first
    assert list(cache.iterdir()) == [file]


def test_a_cache_that_cannot_be_written_is_done_without(site, environment, tmp_path):
    (tmp_path / "cache").write_text("a file is in the way")
    found = package_closure(environment("numpy"), tmp_path / "cache", paths=site.paths)
    assert found == PLATFORM | {"numpy": "1.26.4"}


def test_an_answer_from_the_cache_needs_no_library(environment, tmp_path):
    program = (
        "import sys; from pathlib import Path\n"
        "from artifactflow.contract import Environment, EnvironmentKind\n"
        "from artifactflow.environments.current import package_closure\n"
        "package_closure(Environment(EnvironmentKind.CONDA, Path('c'), '', ('mlflow',)), Path(sys.argv[1]))\n"
        "print('packaging' in sys.modules)\n"
    )
    answers = [
        subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert answers == ["True\n", "False\n"]
