"""Which interpreter each component of a run has, and the packages that count for its cache keys."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from artifactflow.contract import Component
from artifactflow.environments.current import package_closure
from artifactflow.executors import Ended, Executor, Stop, Task
from artifactflow.executors.command import CommandExecutor
from artifactflow.executors.task import PrintLine
from artifactflow.executors.worker import WorkerExecutor

if TYPE_CHECKING:
    from artifactflow.environments.choose import ChosenEnvironment

CURRENT = "current"


class Environments:
    """The environments of one run, by `mode`: `current`, `auto`, `uv` or `conda`; each is found out once.

    `root` is the store's folder, None where there is none yet: what has to be written then goes to a temporary folder.
    """

    def __init__(self, mode: str, root: Path | None) -> None:
        self.mode = mode
        self._root = root
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._packages: dict[str, Mapping[str, str]] = {}
        self._chosen: dict[Path, ChosenEnvironment] = {}
        self._lock = threading.Lock()

    def packages(self, component: Component) -> Mapping[str, str]:
        """Names and versions that the component's results depend on. Nothing is built to tell."""
        environment = component.environment
        key = repr((environment.python, environment.requirements, environment.conda_packages)) if environment else ""
        if key not in self._packages:
            cache = self._root / "cache" if self._root else None
            if self.mode == CURRENT or component.built_in or environment is None:
                self._packages[key] = package_closure(environment, cache)
            else:
                from artifactflow.environments.choose import plan_environment

                planned = plan_environment(component, self.mode, self._folder() / "environments", cache)
                # What conda will install is known afterwards only: until then nothing can be reused.
                self._packages[key] = planned.packages or {"environment": "(to be built)"}
        return self._packages[key]

    def choose(self, component: Component) -> ChosenEnvironment:
        """The component's environment, built where it has to be. May be called from several threads."""
        from artifactflow.environments.choose import choose_environment

        with self._lock:
            if component.folder not in self._chosen:
                self._chosen[component.folder] = choose_environment(
                    component, self.mode, self._folder() / "environments", self._folder() / "cache"
                )
            return self._chosen[component.folder]

    def _folder(self) -> Path:
        if self._root is not None:
            return self._root
        if self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="artifactflow-plan-")
        return Path(self._temporary.name)


class EnvironmentExecutor:
    """Executes each step with the interpreter of its component, in forks of warm servers unless `cold`.

    With the current environment every component has the running interpreter, and nothing is asked.
    """

    in_this_thread = False

    def __init__(self, environments: Environments, *, cold: bool, keep_warm: float = 0.0) -> None:
        self.environments = environments
        self.cold = cold
        self.keep_warm = keep_warm
        self._executors: dict[Path | None, Executor] = {}
        self._lock = threading.Lock()
        self._stack = ExitStack()

    def execute(self, task: Task, print_line: PrintLine, stop: Stop) -> Ended:
        """Run the task where its component belongs; what was chosen is among the facts."""
        if self.environments.mode == CURRENT:
            return self._executor(None).execute(task, print_line, stop)
        chosen = self.environments.choose(task.component)
        ended = self._executor(chosen.python).execute(task, print_line, stop)
        facts = {"environment": chosen.kind.value, "environment_reason": chosen.reason, "lock": chosen.lock_digest}
        return replace(ended, facts={**ended.facts, **facts})

    def _executor(self, python: Path | None) -> Executor:
        with self._lock:
            if python not in self._executors:
                if self.cold:
                    self._executors[python] = CommandExecutor(python)
                else:
                    worker = WorkerExecutor(python, self.keep_warm)
                    self._stack.callback(worker.close)
                    self._executors[python] = worker
            return self._executors[python]

    def close(self) -> None:
        """End the servers."""
        self._stack.close()
