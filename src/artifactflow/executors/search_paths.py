"""Where the interpreters of a run look for modules, asked once of each."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from artifactflow.executors.warm import Modules, NotWarmError

_QUESTION = "import json, sys; print(json.dumps(sys.path))"
_OWN = "artifactflow"


class SearchPaths:
    """Tells modules from other names, for any interpreter. Several threads may ask at once."""

    def __init__(self) -> None:
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
        if key not in self._paths:
            try:
                answer = subprocess.run(
                    [python, "-c", _QUESTION], env=environment, capture_output=True, check=True, cwd="/"
                )
                self._paths[key] = tuple(Path(entry) for entry in json.loads(answer.stdout) if entry)
            except (OSError, ValueError, subprocess.CalledProcessError) as error:
                raise NotWarmError(f"the interpreter {python} does not answer") from error
        return self._paths[key]


def _is_module(paths: tuple[Path, ...], module: str, name: str) -> bool:
    if module.partition(".")[0] == _OWN:
        return True  # its names are imported when they are taken
    for path in paths:
        package = path.joinpath(*module.split("."))
        if package.is_dir():
            return name == "*" or (package / name).is_dir() or any(package.glob(f"{name}.*"))
    return False
