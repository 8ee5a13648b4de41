"""What waits in a step's interpreter for a library to be imported."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from artifactflow.runner.bridge.variables import SITE_FOLDER


def run(code: str, folder: Path, *path: Path) -> str:
    """What an interpreter prints that has our folder first on its PYTHONPATH."""
    search = os.pathsep.join(map(str, (SITE_FOLDER, *path)))
    answer = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": search},
        capture_output=True,
        text=True,
        cwd=folder,
    )
    return answer.stdout + answer.stderr


def test_a_hidden_sitecustomize_is_run_and_its_error_shown_as_python_does(tmp_path: Path):
    (tmp_path / "sitecustomize.py").write_text("print('mine', __name__)")
    assert run("import sitecustomize; print(sitecustomize.__file__)", tmp_path, tmp_path) == (
        f"mine sitecustomize\n{tmp_path / 'sitecustomize.py'}\n"
    )
    (tmp_path / "sitecustomize.py").write_text("raise OSError('mine')")
    assert "Error in sitecustomize" in run("", tmp_path, tmp_path)


def test_a_wandb_that_is_not_what_is_known_works_as_it_is_and_says_so(tmp_path: Path):
    (tmp_path / "wandb.py").write_text("__version__ = '0.1'\ndef init(): return 'begun'\n")
    printed = run("import wandb; print(wandb.init())", tmp_path, tmp_path)
    assert "begun\n" in printed
    assert "artifactflow: wandb 0.1 cannot be bridged to the local store (AttributeError" in printed


def test_finding_a_module_without_importing_it_imports_nothing(tmp_path: Path):
    (tmp_path / "wandb.py").write_text("print('imported')")
    printed = run("import importlib.util; print(importlib.util.find_spec('wandb').name)", tmp_path, tmp_path)
    assert printed == "wandb\n"


def test_a_missing_wandb_is_missing_as_ever(tmp_path: Path):
    code = """
        import sys
        sys.path[:] = [entry for entry in sys.path if "site-packages" not in entry]
        try:
            import wandb
        except ModuleNotFoundError as error:
            print(error)
    """
    assert run(code, tmp_path) == "No module named 'wandb'\n"
