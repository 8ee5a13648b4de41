"""Which interpreter a component runs with: the current one where it serves, else one from an environment of its own."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from artifactflow.contract import Component, Environment
from artifactflow.environments.build import build_uv, facts_of, python_of
from artifactflow.environments.conda import build_conda, conda_key
from artifactflow.environments.current import package_closure, unsatisfied
from artifactflow.environments.guard import guarded
from artifactflow.environments.lock import Lock, lock_environment
from artifactflow.environments.uses import record_use

SHOWN = 3
"""How many unmet requirements a reason names."""


class EnvironmentMode(StrEnum):
    """What `--env` takes; `auto` is the current interpreter where it satisfies the file, and uv otherwise."""

    AUTO = "auto"
    CURRENT = "current"
    UV = "uv"
    CONDA = "conda"


@dataclass(frozen=True, slots=True)
class ChosenEnvironment:
    """Where a component runs. `kind` is current, uv or conda; `reason` says why, for people.

    `python` need not exist while `built` is false. `warning` is empty unless the environment is not what its file asks
    for. `packages` is what counts for the cache key, None where that is known only after the build (conda).
    """

    python: Path
    kind: EnvironmentMode
    reason: str
    warning: str = ""
    lock_digest: str | None = None
    packages: Mapping[str, str] | None = field(default=None, hash=False)
    built: bool = True
    folder: Path | None = None


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


def lock_component(environment: Environment, environments_root: Path, *, upgrade: bool = False) -> Lock:
    """The lock of an environment, resolved where none is kept, or again with `upgrade`; see `lock_environment`."""
    with guarded(environments_root / "guards" / "root", shared=True):
        lock = lock_environment(environment, environments_root, upgrade=upgrade)
        record_use(environments_root, environment.file, lock.key, lock.file.name)
        return lock


def _choose(
    component: Component, mode: EnvironmentMode, root: Path, cache_folder: Path | None, *, build: bool
) -> ChosenEnvironment:
    environment = component.environment
    if environment is None or component.built_in:
        why = "built-in steps run in the current interpreter" if component.built_in else "it names no environment file"
        return _current(environment, why, "", cache_folder)
    if mode in (EnvironmentMode.AUTO, EnvironmentMode.CURRENT):
        lacking = unsatisfied(environment)
        if not lacking:
            return _current(environment, f"it satisfies {environment.file.name}", "", cache_folder)
        named = "; ".join(map(str, lacking[:SHOWN]))
        if len(lacking) > SHOWN:
            named += f"; and {len(lacking) - SHOWN} more"
        if mode is EnvironmentMode.CURRENT:
            warning = f"{component.name} runs in the current interpreter, which does not satisfy "
            return _current(environment, "as asked", f"{warning}{environment.file}: {named}", cache_folder)
        reason = f"the current interpreter does not satisfy {environment.file.name}: {named}"
    else:
        reason = "as asked"
    with guarded(root / "guards" / "root", shared=True):
        if mode is EnvironmentMode.CONDA:
            return _with_conda(environment, root, reason, build=build)
        return _with_uv(environment, root, reason, build=build)


def _current(
    environment: Environment | None, reason: str, warning: str, cache_folder: Path | None
) -> ChosenEnvironment:
    packages = package_closure(environment, cache_folder)
    return ChosenEnvironment(Path(sys.executable), EnvironmentMode.CURRENT, reason, warning, packages=packages)


def _with_uv(environment: Environment, root: Path, reason: str, *, build: bool) -> ChosenEnvironment:
    lock = lock_environment(environment, root)
    record_use(root, environment.file, lock.key, lock.file.name)
    folder = build_uv(lock, root) if build else root / lock.key
    return ChosenEnvironment(
        python_of(folder),
        EnvironmentMode.UV,
        f"{reason}{_from_conda(lock)}",
        lock_digest=lock.digest,
        packages=lock.packages,
        built=build or facts_of(folder) is not None,
        folder=folder,
    )


def _from_conda(lock: Lock) -> str:
    names = sorted(lock.wanted.from_conda or ())
    return f" (from PyPI, although stated to conda: {', '.join(names)})" if names else ""


def _with_conda(environment: Environment, root: Path, reason: str, *, build: bool) -> ChosenEnvironment:
    key = conda_key(environment, root)
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
        built=facts is not None,
        folder=folder,
    )
