"""What a script imports, from its text alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from artifactflow.errors import ContractError, NotFoundError
from artifactflow.read.distribution_names import DISTRIBUTION_NAMES
from artifactflow.read.imports import (
    distribution_of,
    distributions_of,
    imports_of,
    is_standard_library,
    local_closure,
)


def project(folder: Path, **files: str) -> Path:
    """A folder with files; `_S_` in a keyword is a slash, and each gets the ending .py."""
    for name, text in files.items():
        file = folder / (name.replace("_S_", "/") + ".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def closure(folder: Path, script: str = "main.py") -> set[str]:
    return {path.relative_to(folder).as_posix() for path in local_closure(folder / script, folder)}


def test_imports_are_found_wherever_they_stand(tmp_path):
    project(
        tmp_path,
        main="import os, numpy as np\n"
        "from sklearn.svm import SVC\n"
        "from . import beside\n"
        "def load():\n"
        "    import pandas.testing\n"
        "    return importlib.import_module('torch.nn'), __import__('yaml'), import_module(name)\n",
    )
    uses = imports_of(tmp_path / "main.py")
    assert [(use.module, use.place.line, use.optional) for use in uses] == [
        ("os", 1, False),
        ("numpy", 1, False),
        ("sklearn", 2, False),
        ("pandas", 5, False),
        ("torch", 6, False),
        ("yaml", 6, False),
    ]
    assert str(uses[3].place) == f"{tmp_path / 'main.py'}:5:5"


@pytest.mark.parametrize(
    ("text", "optional"),
    [
        ("try:\n    import x\nexcept ImportError:\n    x = None\n", True),
        ("try:\n    import x\nexcept (KeyError, ModuleNotFoundError):\n    x = None\n", True),
        ("try:\n    import x\nexcept:\n    x = None\n", True),
        ("try:\n    pass\nexcept ImportError:\n    import x\n", True),
        ("try:\n    import x\nexcept KeyError:\n    pass\n", False),
        ("try:\n    import x\nfinally:\n    pass\n", False),
        ("if TYPE_CHECKING:\n    import x\n", True),
        ("if typing.TYPE_CHECKING:\n    if True:\n        import x\n", True),
        ("if TYPE_CHECKING:\n    pass\nelse:\n    import x\n", False),
        ("with suppress(ImportError):\n    import x\n", True),
        ("with suppress(KeyError):\n    import x\n", False),
    ],
)
def test_an_import_is_optional_where_the_script_copes_without(tmp_path, text, optional):
    project(tmp_path, main=text)
    assert [(use.module, use.optional) for use in imports_of(tmp_path / "main.py")] == [("x", optional)]


def test_a_broken_script_is_refused_with_its_line(tmp_path):
    project(tmp_path, main="import os\ndef (:\n")
    with pytest.raises(ContractError, match="not Python") as caught:
        imports_of(tmp_path / "main.py")
    assert caught.value.place is not None
    assert caught.value.place.line == 2


def test_a_missing_script_is_refused(tmp_path):
    with pytest.raises(NotFoundError):
        imports_of(tmp_path / "main.py")


def test_the_closure_follows_imports_of_imports(tmp_path):
    project(tmp_path, main="import helper\n", helper="import deeper, pandas\n", deeper="", unused="")
    assert closure(tmp_path) == {"main.py", "helper.py", "deeper.py"}


def test_the_closure_starts_with_the_script(tmp_path):
    project(tmp_path, main="import a\n", a="import main\n")
    assert local_closure(tmp_path / "main.py", tmp_path) == (tmp_path / "main.py", tmp_path / "a.py")


def test_importing_from_a_package_takes_what_python_would_run(tmp_path):
    project(
        tmp_path,
        main="from package.inner import module, name\nimport package.other\n",
        package_S___init__="",
        package_S_inner_S___init__="from . import sibling\nfrom ..top import thing\n",
        package_S_inner_S_module="from .sibling import x\n",
        package_S_inner_S_sibling="",
        package_S_inner_S_unused="",
        package_S_top="",
        package_S_other="",
    )
    assert closure(tmp_path) == {
        "main.py",
        "package/__init__.py",
        "package/inner/__init__.py",
        "package/inner/module.py",
        "package/inner/sibling.py",
        "package/top.py",
        "package/other.py",
    }


def test_a_star_takes_every_module_of_the_package(tmp_path):
    project(tmp_path, main="from p import *\n", p_S___init__="", p_S_a="", p_S_b="")
    assert closure(tmp_path) == {"main.py", "p/__init__.py", "p/a.py", "p/b.py"}


def test_a_package_without_init_is_followed(tmp_path):
    project(tmp_path, main="import space.module\n", space_S_module="")
    assert closure(tmp_path) == {"main.py", "space/module.py"}


def test_beside_the_script_comes_before_the_component_folder(tmp_path):
    project(tmp_path, src_S_main="import helper, shared\n", src_S_helper="", helper="", shared="")
    assert closure(tmp_path, "src/main.py") == {"src/main.py", "src/helper.py", "shared.py"}


def test_a_module_anywhere_wins_over_a_folder_of_its_name(tmp_path):
    project(tmp_path, src_S_main="import helper\n", src_S_helper_S_notes="", helper="")
    assert closure(tmp_path, "src/main.py") == {"src/main.py", "helper.py"}


def test_files_outside_the_component_are_left_out(tmp_path):
    project(tmp_path, common="", component_S_main="from ..common import x\nfrom ...... import y\n")
    assert local_closure(tmp_path / "component/main.py", tmp_path / "component") == (tmp_path / "component/main.py",)


def test_a_helper_that_cannot_be_parsed_is_in_the_closure(tmp_path):
    project(tmp_path, main="import broken, fine\n", broken="def (:\n", fine="")
    assert closure(tmp_path) == {"main.py", "broken.py", "fine.py"}


def test_a_name_longer_than_any_file_is_no_file(tmp_path):
    project(tmp_path, main=f"import {'x' * 5000}\n")
    assert closure(tmp_path) == {"main.py"}


def test_the_closure_is_what_python_itself_loads(tmp_path):
    project(
        tmp_path,
        main="import sys, os, a.b\nfrom c import d\n"
        "print(*sorted(os.path.relpath(m.__file__, sys.path[0]) for m in list(sys.modules.values())\n"
        "      if (getattr(m, '__file__', None) or '').startswith(sys.path[0])))\n",
        a_S___init__="from .e import f\n",
        a_S_b="from . import g\n",
        a_S_e="f = 1\n",
        a_S_g="import c\n",
        a_S_unused="",
        c="d = 1\n",
    )
    run = subprocess.run([sys.executable, "main.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert closure(tmp_path) == set(run.stdout.split())


@pytest.mark.parametrize(
    ("module", "distribution"),
    [
        ("cv2", "opencv-python"),
        ("sklearn", "scikit-learn"),
        ("yaml", "PyYAML"),
        ("PIL", "pillow"),
        ("bs4", "beautifulsoup4"),
        ("dateutil", "python-dateutil"),
        ("pandas", "pandas"),
        ("_pytest", "pytest"),
        ("json", None),
        ("no_such_module_anywhere", None),
    ],
)
def test_the_distribution_of_a_module(module, distribution):
    assert distribution_of(module) == distribution


def test_every_distribution_that_may_provide_a_module_is_known():
    assert "opencv-python-headless" in distributions_of("cv2")


def test_the_table_knows_the_common_names_and_no_standard_ones():
    assert len(DISTRIBUTION_NAMES) >= 60
    assert not [module for module in DISTRIBUTION_NAMES if is_standard_library(module)]


def test_modules_that_left_the_standard_library_count_as_standard():
    assert [is_standard_library(name) for name in ("imp", "__future__", "__main__", "numpy")] == [
        True,
        True,
        True,
        False,
    ]
