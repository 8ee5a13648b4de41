"""The running interpreter as an environment: does it satisfy an environment file, and which packages count."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from artifactflow.contract import Environment
from artifactflow.environments.installed import (
    Distribution,
    installed,
    metadata_names,
    normalised,
    search_path,
    version_in_name,
)
from artifactflow.errors import Place

if TYPE_CHECKING:
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

MISSING: Final = "(missing)"
"""Stands for the version of a package that is required and not installed."""

OURSELVES: Final = "artifactflow"
CLOSURE_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Unsatisfied:
    """A requirement that the running interpreter does not meet: what is installed instead, if anything, and why."""

    requirement: str
    installed: str | None
    reason: str

    def __str__(self) -> str:
        return f"{self.requirement}: {self.reason}"


def unsatisfied(environment: Environment, *, paths: Sequence[str] | None = None) -> tuple[Unsatisfied, ...]:
    """What the running interpreter lacks of an environment; empty where it satisfies it.

    Python's version and every requirement whose marker applies are compared, extras included. A package from an
    address or a folder is looked up by name only; one whose name is unknown counts as lacking. The running
    artifactflow satisfies every requirement of that name. `paths` replaces `sys.path`.
    """
    distributions = installed(metadata_names(search_path() if paths is None else paths))
    return (
        *_python_unsatisfied(environment.python),
        *(
            found
            for text in environment.requirements
            if (found := _requirement_unsatisfied(text, environment, distributions))
        ),
        *(found for text in environment.conda_packages if (found := _conda_unsatisfied(text, distributions))),
    )


def package_closure(
    environment: Environment | None, cache_folder: Path | None = None, *, paths: Sequence[str] | None = None
) -> dict[str, str]:
    """What counts for a step's cache key: Python's minor version, the platform, and packages with their versions.

    The packages are those that the environment declares and all that they require in turn, markers evaluated;
    everything installed where it declares none. A required package that is not installed has the version `(missing)`.

    With a `cache_folder` the answer is kept there, under the digest of the environment and of the names of all
    installed metadata folders, which hold the versions: installing anything asks again. `paths` replaces `sys.path`.
    """
    listing = metadata_names(search_path() if paths is None else paths)
    if cache_folder is None:
        return _closure(environment, listing)
    file = cache_folder / f"{_closure_key(environment, listing)}.json"
    kept = _kept(file)
    if kept is None:
        kept = _closure(environment, listing)
        _keep(file, kept)
    return kept


def _python_unsatisfied(python: str) -> Iterator[Unsatisfied]:
    from artifactflow.read.environment import python_versions

    if not python:
        return
    running = platform.python_version()
    try:
        if not python_versions(python).contains(running, prereleases=True):
            yield Unsatisfied(f"python {python}", running, f"Python {running} is running")
    except ValueError as error:
        yield Unsatisfied(f"python {python}", running, str(error))


def _requirement_unsatisfied(
    text: str, environment: Environment, distributions: Mapping[str, Distribution]
) -> Unsatisfied | None:
    from packaging.markers import Marker
    from packaging.specifiers import SpecifierSet

    from artifactflow.read.requirements import parse_lines

    file = environment.file
    for entry in parse_lines(text, Place(str(file)), file.parent):
        if entry.problem:
            return Unsatisfied(text, None, entry.problem)
        if entry.marker and not Marker(entry.marker).evaluate():
            return None
        if not entry.name:
            return Unsatisfied(text, None, "the name of what it installs is unknown, so it cannot be looked up")
        if entry.name == OURSELVES:
            return None
        if lacking := _version_unsatisfied(text, entry.name, SpecifierSet(entry.specifier), distributions):
            return lacking
        for needed in _needed_by_extras(distributions[entry.name], entry.extras):
            if lacking := _version_unsatisfied(text, normalised(needed.name), needed.specifier, distributions):
                return Unsatisfied(text, lacking.installed, f"its extra needs {needed}: {lacking.reason}")
    return None


def _conda_unsatisfied(text: str, distributions: Mapping[str, Distribution]) -> Unsatisfied | None:
    from artifactflow.read.conda import parse_conda

    try:
        specification = parse_conda(text)
        found = distributions.get(specification.name)
        if found is None:
            return Unsatisfied(text, None, "not installed")
        if specification.allows(found.version):
            return None
    except ValueError as error:
        return Unsatisfied(text, None, str(error))
    return Unsatisfied(text, found.version, f"{found.version} is installed")


def _version_unsatisfied(
    text: str, name: str, specifier: SpecifierSet, distributions: Mapping[str, Distribution]
) -> Unsatisfied | None:
    found = distributions.get(name)
    if found is None:
        return Unsatisfied(text, None, "not installed")
    # What is installed was chosen by somebody: a pre-release satisfies where the numbers do.
    if str(specifier) and not specifier.contains(found.version, prereleases=True):
        return Unsatisfied(text, found.version, f"{found.version} is installed")
    return None


def _needed_by_extras(distribution: Distribution, extras: Iterable[str]) -> Iterator[Requirement]:
    """What a distribution requires for its extras, beyond what it requires anyway."""
    asked = sorted(extras)
    if asked:
        for requirement in _requirements_of(distribution, for_extras=True):
            if any(_applies(requirement, extra) for extra in asked):
                yield requirement


def _requirements_of(distribution: Distribution, *, for_extras: bool) -> Iterator[Requirement]:
    """What a distribution says that it requires: all that depends on extras, or all that can hold without one.

    Most of what a large package lists is for extras that nobody asked for: it is not even parsed.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    for text in distribution.requires:
        on_extra = "extra" in text.partition(";")[2]
        if on_extra is for_extras or (on_extra and " or " in text):
            try:
                yield Requirement(text)
            except InvalidRequirement:
                continue  # older tools wrote what is no requirement today; pip leaves it out as well


def _applies(requirement: Requirement, extra: str) -> bool:
    try:
        return requirement.marker is None or requirement.marker.evaluate({"extra": extra})
    except ValueError:  # a marker that compares what cannot be compared
        return False


def _closure(environment: Environment | None, listing: Mapping[str, Sequence[str]]) -> dict[str, str]:
    distributions = installed(listing)
    waiting = list(_declared(environment)) if environment else []
    closure: dict[str, str] = {}
    if not waiting:
        closure = {name: found.version for name, found in distributions.items()}
    seen: set[tuple[str, str]] = set()
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        found = distributions.get(name)
        closure[name] = found.version if found else MISSING
        if found:
            waiting.extend(_required_by(found, extra))
    platform_name = f"{sys.platform}-{platform.machine()}"
    return {"python": _python_minor(), "platform": platform_name} | dict(sorted(closure.items()))


def _declared(environment: Environment) -> Iterator[tuple[str, str]]:
    """The packages that an environment names, as (name, extra), with an empty extra for the package itself."""
    from packaging.markers import Marker

    from artifactflow.read.conda import parse_conda
    from artifactflow.read.requirements import parse_lines

    for text in environment.requirements:
        for entry in parse_lines(text, Place(str(environment.file)), environment.file.parent):
            if entry.name and (not entry.marker or Marker(entry.marker).evaluate()):
                yield from ((entry.name, extra) for extra in ("", *entry.extras))
    for text in environment.conda_packages:
        try:
            yield parse_conda(text).name, ""
        except ValueError:
            continue  # `unsatisfied` and `check` say so; here it is a package that cannot be looked up


def _required_by(distribution: Distribution, extra: str) -> Iterator[tuple[str, str]]:
    """What a distribution requires for itself (an empty `extra`) or for one of its extras."""
    for requirement in _requirements_of(distribution, for_extras=bool(extra)):
        if _applies(requirement, extra):
            yield from ((normalised(requirement.name), wanted) for wanted in ("", *sorted(requirement.extras)))


def _python_minor() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _closure_key(environment: Environment | None, listing: Mapping[str, Sequence[str]]) -> str:
    # A folder without a version in its name (a project installed in place) says nothing of it: its header is asked.
    unversioned = {
        name: Distribution(name, Path(path, name)).version
        for path, names in listing.items()
        for name in names
        if not version_in_name(name)
    }
    content = [
        CLOSURE_FORMAT,
        platform.python_version(),
        platform.machine(),
        listing,
        unversioned,
        environment.requirements if environment else (),
        environment.conda_packages if environment else (),
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _kept(file: Path) -> dict[str, str] | None:
    """What a cache file holds, None where there is none or it is damaged."""
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
        return None
    return content if "python" in content else None


def _keep(file: Path, closure: Mapping[str, str]) -> None:
    """Write a cache file whole or not at all. Where the folder cannot be written, nothing is kept."""
    aside = None
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, aside = tempfile.mkstemp(dir=file.parent, prefix=".closure-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(closure, stream)
        Path(aside).replace(file)
    except OSError:
        if aside:
            Path(aside).unlink(missing_ok=True)
