"""Which interpreter a component runs with: the current one where it serves, else one from an environment of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from artifactflow.contract import Component, Environment
from artifactflow.environments.build import build_uv, facts_of, python_of
from artifactflow.environments.conda import build_conda, conda_key
from artifactflow.environments.current import package_closure
from artifactflow.environments.fit import fit_of
from artifactflow.environments.guard import guarded
from artifactflow.environments.lock import Lock, kept_lock, lock_environment
from artifactflow.environments.uses import record_use
from artifactflow.environments.wanted import Wanted, wanted
from artifactflow.errors import MissingToolError, OutsideError
from artifactflow.pipeline import EnvironmentMode


@dataclass(frozen=True, slots=True)
class ChosenEnvironment:
    """Where a component runs. `kind` is current, uv or conda; `reason` says why, for people.

    `python` need not exist before it is built. `warning` is empty unless the environment is not what its file asks
    for. `packages` is what counts for the cache key, None where that is known only after the build (conda).
    """

    python: Path
    kind: EnvironmentMode
    reason: str
    warning: str = ""
    lock_digest: str | None = None
    packages: Mapping[str, str] | None = field(default=None, hash=False)
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class ForeseenEnvironment:
    """What would be chosen, and why; `packages` is None where nothing was resolved or built yet that could tell."""

    kind: EnvironmentMode
    reason: str
    packages: Mapping[str, str] | None = field(default=None, hash=False)


def choose_environment(
    component: Component, mode: EnvironmentMode | str, environments_root: Path, cache_folder: Path | None = None
) -> ChosenEnvironment:
    """The environment of a component, built where it has to be. See `plan_environment`, which does the choosing.

    Raises ContractError for requirements that cannot be met; MissingToolError where uv, conda, an interpreter or a
    package is missing; OutsideError for what the network or the disk did.
    """
    return _choose(component, EnvironmentMode(mode), environments_root, cache_folder, build=True)


def plan_environment(
    component: Component, mode: EnvironmentMode | str, environments_root: Path, cache_folder: Path | None = None
) -> ChosenEnvironment:
    """The same choice without building: requirements are resolved where no lock is kept, nothing is installed.

    `cache_folder` is that of `package_closure`.
    """
    return _choose(component, EnvironmentMode(mode), environments_root, cache_folder, build=False)


def foresee_environment(
    component: Component, mode: EnvironmentMode | str, environments_root: Path | None, cache_folder: Path | None = None
) -> ForeseenEnvironment:
    """The same choice from what is on disk alone: nothing is resolved, built or written.

    `environments_root` is None where nothing was ever built. Raises as `choose_environment` does for a file that
    cannot be built from.
    """
    mode = EnvironmentMode(mode)
    fit = fit_of(component, mode)
    environment = component.environment
    if fit.current or environment is None:
        return ForeseenEnvironment(EnvironmentMode.CURRENT, fit.reason, package_closure(environment, cache_folder))
    if mode is EnvironmentMode.CONDA:
        facts = facts_of(environments_root / conda_key(environment)) if environments_root else None
        return ForeseenEnvironment(mode, fit.reason, facts["packages"] if facts else None)
    with _with_way_out(component, mode, fit.reason):
        reason = f"{fit.reason}{_from_conda(wanted(environment))}"
        lock = kept_lock(environment, environments_root) if environments_root else None
    return ForeseenEnvironment(EnvironmentMode.UV, reason, lock.packages if lock else None)


def lock_component(environment: Environment, environments_root: Path, *, upgrade: bool = False) -> Lock:
    """The lock of an environment, resolved where none is kept, or again with `upgrade`; see `lock_environment`."""
    with guarded(environments_root / "guards" / "root", shared=True):
        lock = lock_environment(environment, environments_root, upgrade=upgrade)
        record_use(environments_root, environment.file, lock.key, lock.file.name)
        return lock


def _choose(
    component: Component, mode: EnvironmentMode, root: Path, cache_folder: Path | None, *, build: bool
) -> ChosenEnvironment:
    fit = fit_of(component, mode)
    environment = component.environment
    if fit.current or environment is None:
        packages = package_closure(environment, cache_folder)
        python = Path(sys.executable)
        return ChosenEnvironment(python, EnvironmentMode.CURRENT, fit.reason, fit.warning, packages=packages)
    with _with_way_out(component, mode, fit.reason), guarded(root / "guards" / "root", shared=True):
        if mode is EnvironmentMode.CONDA:
            return _with_conda(environment, root, fit.reason, build=build)
        return _with_uv(environment, root, fit.reason, build=build)


@contextmanager
def _with_way_out(component: Component, mode: EnvironmentMode, reason: str) -> Iterator[None]:
    """Tells who has not asked for an environment, where none can be built, why one is needed and how to do without."""
    try:
        yield
    except (MissingToolError, OutsideError) as error:
        if mode is not EnvironmentMode.AUTO:
            raise
        raise type(error)(
            f"{component.name} needs an environment of its own, {reason}; {error.message}",
            hint=f"{error.hint}; or take the current interpreter all the same: --env current",
            place=error.place,
        ) from error


def _with_uv(environment: Environment, root: Path, reason: str, *, build: bool) -> ChosenEnvironment:
    lock = lock_environment(environment, root)
    record_use(root, environment.file, lock.key, lock.file.name)
    folder = build_uv(lock, root) if build else root / lock.key
    return ChosenEnvironment(
        python_of(folder),
        EnvironmentMode.UV,
        f"{reason}{_from_conda(lock.wanted)}",
        lock_digest=lock.digest,
        packages=lock.packages,
        folder=folder,
    )


def _from_conda(stated: Wanted) -> str:
    names = sorted(stated.from_conda or ())
    return f" (from PyPI, although stated to conda: {', '.join(names)})" if names else ""


def _with_conda(environment: Environment, root: Path, reason: str, *, build: bool) -> ChosenEnvironment:
    key = conda_key(environment)
    record_use(root, environment.file, key)
    if build:
        build_conda(environment, root)
    folder = root / key
    facts = facts_of(folder)
    return ChosenEnvironment(
        python_of(folder),
        EnvironmentMode.CONDA,
        reason,
        lock_digest=facts["lock"] if facts else None,
        packages=facts["packages"] if facts else None,
        folder=folder,
    )
