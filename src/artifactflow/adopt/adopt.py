"""Finds what a path is, a script, a folder with one, or an orchestrated root, and adopts it."""

from __future__ import annotations

from pathlib import Path

from artifactflow.adopt.adoption import Adoption
from artifactflow.adopt.component import adopt_script
from artifactflow.adopt.pipeline import adopt_root
from artifactflow.contract import EnvironmentKind
from artifactflow.errors import NotFoundError, UsageError
from artifactflow.read.imports import local_closure
from artifactflow.read.orchestration.orchestrator import read_orchestrator

_not_scripts = ("__init__.py", "setup.py", "conftest.py", "noxfile.py")
_shell_names = ("run.sh", "main.sh", "pipeline.sh", "Makefile")


def adopt(path: Path, environment: EnvironmentKind | None = None) -> Adoption:
    """What becomes of the script or folder at `path`; nothing is written.

    A script that runs components by `mlflow run` becomes a pipeline, any other one a component. Of a folder it is the
    main script that counts. `environment` asks for an environment file of that kind; without it the folder's own is
    used, or a conda.yaml is made.

    Raises NotFoundError where there is no script, UsageError where it is not clear which one is meant, and
    ContractError, with its place, where it is not Python.
    """
    if not path.exists():
        raise NotFoundError(f"there is no {path}", hint="give a Python script, or the folder of one")
    script = _main_script(path) if path.is_dir() else path
    root = read_orchestrator(script)
    if root is not None:
        return adopt_root(root)
    if script.suffix != ".py":
        raise UsageError(f"{script} is no Python script, and runs no component", hint="give a script that ends in .py")
    return adopt_script(script, environment)


def _main_script(folder: Path) -> Path:
    """The script of a folder that is started, and not imported by another one."""
    scripts = sorted(
        file for file in folder.glob("*.py") if file.name not in _not_scripts and not file.name.startswith("test_")
    )
    if not scripts:
        shell = [folder / name for name in _shell_names if (folder / name).is_file()]
        if len(shell) == 1:
            return shell[0]
        raise NotFoundError(f"there is no Python script in {folder}", hint="give the script itself")
    imported = {
        file.resolve() for script in scripts for file in local_closure(script, folder)[1:] if file.parent == folder
    }
    candidates = [script for script in scripts if script.resolve() not in imported] or scripts
    for choice in (
        [script for script in candidates if script.name == "main.py"],
        candidates,
        [script for script in candidates if _is_started(script)],
        [script for script in candidates if script.stem == folder.resolve().name],
    ):
        if len(choice) == 1:
            return choice[0]
    raise UsageError(
        f"{folder} has several scripts: {', '.join(script.name for script in candidates)}",
        hint=f"say which one: artifactflow adopt {candidates[0]}",
    )


def _is_started(script: Path) -> bool:
    """Whether the script does something when it is run as the main one."""
    try:
        text = script.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return "__main__" in text
