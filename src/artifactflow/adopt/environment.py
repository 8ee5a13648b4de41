"""An environment file from what a script imports, pinned to what is installed here."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from artifactflow.adopt.adoption import Remark
from artifactflow.contract import EnvironmentKind
from artifactflow.environments.installed import installed, metadata_names, normalised, search_path
from artifactflow.errors import ArtifactflowError
from artifactflow.read.imports import ImportUse, distributions_of, imports_of, is_standard_library, local_closure
from artifactflow.write.environment import conda_text, python_env_text

ENVIRONMENT_FILES: Final = {EnvironmentKind.CONDA: "conda.yaml", EnvironmentKind.PYTHON: "python_env.yaml"}
_KNOWN_FILES: Final = {
    "conda.yaml": EnvironmentKind.CONDA,
    "conda.yml": EnvironmentKind.CONDA,
    "environment.yml": EnvironmentKind.CONDA,
    "environment.yaml": EnvironmentKind.CONDA,
    "python_env.yaml": EnvironmentKind.PYTHON,
}


def existing_environment(folder: Path) -> tuple[EnvironmentKind, str] | None:
    """The environment file that a folder has already, by kind and name."""
    return next(((kind, name) for name, kind in _KNOWN_FILES.items() if (folder / name).is_file()), None)


def environment_text(kind: EnvironmentKind, name: str, script: Path) -> tuple[str, list[Remark]]:
    """The text of the environment file of a script, and what could not be pinned.

    The script and its local modules are looked at; Python is pinned to the minor version that runs.
    """
    requirements, remarks = _requirements(script)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    if kind is EnvironmentKind.CONDA:
        return conda_text(name, python, requirements), remarks
    return python_env_text(python, requirements), remarks


def _requirements(script: Path) -> tuple[list[str], list[Remark]]:
    here = installed(metadata_names(search_path()))
    found: dict[str, str] = {}
    remarks: list[Remark] = []
    for use in _foreign_imports(script):
        candidates = distributions_of(use.module)
        known = next((name for name in candidates if normalised(name) in here), None)
        if known is not None:
            found[known] = f"{known}=={here[normalised(known)].version}"
        elif use.optional:
            remarks.append(Remark(f"{use.module} is not installed and the script copes without: left out", use.place))
        else:
            # What is not in the table of other names is called as it is imported.
            name = next(iter(candidates), use.module)
            remarks.append(Remark(f"{use.module} is not installed here: {name} without a version", use.place))
            found[name] = name
    return [found[name] for name in sorted(found, key=str.lower)], remarks


def _foreign_imports(script: Path) -> Iterator[ImportUse]:
    """The first import of each module that comes neither with Python nor with the component."""
    seen: set[str] = set()
    for file in local_closure(script, script.parent):
        try:
            uses = imports_of(file)
        except ArtifactflowError:
            continue
        for use in uses:
            local = (file.parent / use.module, script.parent / use.module)
            if use.module in seen or any(path.is_dir() or path.with_suffix(".py").is_file() for path in local):
                continue
            seen.add(use.module)
            if not is_standard_library(use.module):
                yield use
