"""Which interpreter each step of a run has, and the packages that count for its cache key."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from artifactflow.environments.current import package_closure
from artifactflow.environments.fit import Fit, fit_of
from artifactflow.executors import Ended, Executor, Stop, Task
from artifactflow.executors.command import CommandExecutor
from artifactflow.executors.task import PrintLine
from artifactflow.executors.worker import WorkerExecutor
from artifactflow.pipeline import EnvironmentMode
from artifactflow.runner.binding.bound import BoundStep
from artifactflow.runner.environment_modes import EnvironmentModes
from artifactflow.runner.events import Observer

if TYPE_CHECKING:
    from artifactflow.environments.choose import ChosenEnvironment, ForeseenEnvironment

_Key = tuple[Path, str, EnvironmentMode]


class Environments:
    """The environments of one run or plan, each found out once.

    `root` is the store's folder, None where there is none yet. A plan (`resolve` false) goes by what is on disk: it
    resolves, builds and writes nothing.
    """

    def __init__(self, modes: EnvironmentModes, root: Path | None, *, resolve: bool = False) -> None:
        self.modes = modes
        self.resolve = resolve and root is not None
        self._root = root
        self._fits: dict[_Key, Fit] = {}
        self._closures: dict[str, Mapping[str, str]] = {}
        self._foreseen: dict[_Key, ForeseenEnvironment] = {}
        self._resolved: dict[_Key, Mapping[str, str]] = {}
        self._chosen: dict[_Key, ChosenEnvironment] = {}
        self._building: dict[_Key, threading.Lock] = {}
        self._lock = threading.Lock()

    def fit(self, bound: BoundStep) -> Fit:
        """Whether the step runs in the current interpreter, and why."""
        key = self._key(bound)
        if key not in self._fits:
            self._fits[key] = fit_of(bound.component, key[2])
        return self._fits[key]

    def packages(self, bound: BoundStep) -> Mapping[str, str]:
        """Names and versions that the step's result depends on; empty while they are `pending`."""
        if self.fit(bound).current:
            return self._closure(bound)
        if self.resolve:
            return self._resolve(bound)
        return self._foresee(bound).packages or {}

    def pending(self, bound: BoundStep) -> str:
        """What has to be resolved or built before the packages are known; empty where they are known."""
        if self.resolve or self.fit(bound).current:
            return ""
        foreseen = self._foresee(bound)
        return "" if foreseen.packages is not None else f"environment to be built by {foreseen.kind}: {foreseen.reason}"

    def tell(self, steps: Iterable[BoundStep], observer: Observer) -> None:
        """Say of each component whose environment is not what one would expect which it is, and why.

        Raises as `choose_environment` does for a file that cannot be built from, before anything runs.
        """
        seen: set[_Key] = set()
        for bound in steps:
            key = self._key(bound)
            if key in seen:
                continue
            seen.add(key)
            fit = self.fit(bound)
            if fit.warning:
                observer.warned(fit.warning)
            elif not fit.current:
                foreseen = self._foresee(bound)
                observer.noted(f"{bound.component.name}: environment built by {foreseen.kind}: {foreseen.reason}")

    def choose(self, bound: BoundStep, stopped: Callable[[], bool] = lambda: False) -> ChosenEnvironment:
        """The step's environment where it is not the current one, built where it has to be. For several threads.

        Raises InterruptedRunError soon after `stopped` says so, and as `choose_environment` does.
        """
        from artifactflow.environments.choose import choose_environment
        from artifactflow.environments.program import stoppable

        key = self._key(bound)
        with self._lock:
            building = self._building.setdefault(key, threading.Lock())
        with building, stoppable(stopped):
            if key not in self._chosen:
                self._chosen[key] = choose_environment(bound.component, key[2], *self._folders())
            return self._chosen[key]

    def _key(self, bound: BoundStep) -> _Key:
        return bound.component.folder, bound.component.name, self.modes.of(bound.step).mode

    def _folders(self) -> tuple[Path, Path]:
        root = self._root or Path()
        return root / "environments", root / "cache"

    def _closure(self, bound: BoundStep) -> Mapping[str, str]:
        environment = bound.component.environment
        key = repr((environment.requirements, environment.conda_packages)) if environment else ""
        if key not in self._closures:
            self._closures[key] = package_closure(environment, self._root / "cache" if self._root else None)
        return self._closures[key]

    def _foresee(self, bound: BoundStep) -> ForeseenEnvironment:
        from artifactflow.environments.choose import foresee_environment

        key = self._key(bound)
        if key not in self._foreseen:
            root = self._folders()[0] if self._root else None
            self._foreseen[key] = foresee_environment(bound.component, key[2], root)
        return self._foreseen[key]

    def _resolve(self, bound: BoundStep) -> Mapping[str, str]:
        from artifactflow.environments.choose import plan_environment

        key = self._key(bound)
        if key not in self._resolved:
            planned = plan_environment(bound.component, key[2], *self._folders())
            # What conda installs is known only afterwards.
            self._resolved[key] = planned.packages or self.choose(bound).packages or {}
        return self._resolved[key]


class EnvironmentExecutor:
    """Executes each step with the interpreter of its component, in forks of warm servers unless `cold`."""

    def __init__(self, environments: Environments, *, cold: bool, keep_warm: float = 0.0) -> None:
        self.environments = environments
        self.cold = cold
        self.keep_warm = keep_warm
        self._executors: dict[Path | None, Executor] = {}
        self._lock = threading.Lock()
        self._stack = ExitStack()

    def of(self, bound: BoundStep) -> Executor:
        """The executor of one step."""
        return _StepExecutor(self, bound)

    def execute(self, bound: BoundStep, task: Task, print_line: PrintLine, stop: Stop) -> Ended:
        """Run the task where the step belongs; what was chosen, and who asked for it, is among the facts."""
        asked = self.environments.modes.of(bound.step)
        fit = self.environments.fit(bound)
        facts: dict[str, str | None] = {"environment_mode": asked.mode.value, "environment_source": asked.source}
        if fit.current:
            python = None
            facts |= {"environment": EnvironmentMode.CURRENT.value, "environment_reason": fit.reason}
        else:
            chosen = self.environments.choose(bound, stop.is_set)
            python = chosen.python
            facts |= {"environment": chosen.kind.value, "environment_reason": chosen.reason, "lock": chosen.lock_digest}
        ended = self._executor(python).execute(task, print_line, stop)
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


class _StepExecutor:
    """One step of a run in its environment."""

    in_this_thread = False

    def __init__(self, executor: EnvironmentExecutor, bound: BoundStep) -> None:
        self._executor = executor
        self._bound = bound

    def execute(self, task: Task, print_line: PrintLine, stop: Stop) -> Ended:
        """Run the task."""
        return self._executor.execute(self._bound, task, print_line, stop)
