"""Where the interpreters of a run look for modules: known of the one that runs this, asked once of each other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from artifactflow.executors.warm import Modules, NotWarmError

_QUESTION = "import json, sys; print(json.dumps(sys.path))"
_OWN = "artifactflow"

_PATH_VARIABLES: Final = ("PYTHONPATH", "PYTHONHOME", "PYTHONSAFEPATH", "PYTHONNOUSERSITE", "PYTHONUSERBASE", "HOME")
"""What an interpreter reads to decide where to look."""

_own_path: Final = tuple(sys.path)  # before anything that is run in this process can change it
_own_variables: Final = {name: os.environ.get(name) for name in _PATH_VARIABLES}


class SearchPaths:
    """Tells modules from other names, for any interpreter. Several threads may ask at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._paths: dict[tuple[Path, str], tuple[Path, ...]] = {}
        self._known: dict[tuple[tuple[Path, ...], Modules], Modules] = {}

    def only_modules(self, python: Path, environment: Mapping[str, str], modules: Modules) -> Modules:
        """The modules with only those names that are modules too: `svm` of scikit-learn, and not its `clone`.

        So scripts that use different functions of the same modules share a server. Raises NotWarmError where the
        interpreter does not answer.
        """
        paths = self.search_path(python, environment)
        key = (paths, modules)
        if key not in self._known:
            self._known[key] = tuple(
                (module, tuple(name for name in names if _is_module(paths, module, name))) for module, names in modules
            )
        return self._known[key]

    def search_path(self, python: Path, environment: Mapping[str, str]) -> tuple[Path, ...]:
        """Where an interpreter looks for modules that are installed. Raises NotWarmError where it does not answer."""
        key = (python, environment.get("PYTHONPATH", ""))
        with self._lock:
            if key not in self._paths:
                self._paths[key] = own_search_path(python, environment) or _asked(python, environment)
            return self._paths[key]


def own_search_path(python: Path, environment: Mapping[str, str]) -> tuple[Path, ...] | None:
    """Where a fresh process of this interpreter would look; None for another one, or where that is not sure.

    Starting a process to ask takes longer than all else that is to be done before a step can run on a kept server.
    """
    if python != Path(sys.executable) or any(environment.get(name) != value for name, value in _own_variables.items()):
        return None
    if sys.flags.isolated or sys.flags.no_site or sys.flags.ignore_environment or sys.flags.no_user_site:
        return None
    expected = [entry for entry in (_own_variables["PYTHONPATH"] or "").split(os.pathsep) if entry]
    expected.append(str(Path(sys.base_prefix, sys.platlibdir, "python{}{}.zip".format(*sys.version_info))))
    found = _own_path[0 if sys.flags.safe_path else 1 :]  # the first is the folder of what is run
    if list(found[: len(expected)]) != expected:
        return None  # somebody has changed it
    return tuple(Path(entry) for entry in found if entry)


def _asked(python: Path, environment: Mapping[str, str]) -> tuple[Path, ...]:
    try:
        answer = subprocess.run([python, "-c", _QUESTION], env=environment, capture_output=True, check=True, cwd="/")
        return tuple(Path(entry) for entry in json.loads(answer.stdout) if entry)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        raise NotWarmError(f"the interpreter {python} does not answer") from error


def _is_module(paths: tuple[Path, ...], module: str, name: str) -> bool:
    if module.partition(".")[0] == _OWN:
        return True  # its names are imported when they are taken
    for path in paths:
        package = path.joinpath(*module.split("."))
        if package.is_dir():
            return name == "*" or (package / name).is_dir() or any(package.glob(f"{name}.*"))
    return False
