"""Rules about environment files: what cannot be installed, what is left open, what differs from what is imported."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from artifactflow.check.environment import environment_imports, environment_python
from artifactflow.check.environment.environment_imports import check_imports
from artifactflow.check.environment.environment_python import check_python
from artifactflow.check.findings import Finding, Fix, Rule, Severity
from artifactflow.check.subjects import ComponentSubject
from artifactflow.check.text_fixes import replacement
from artifactflow.environments.current import OURSELVES, unsatisfied
from artifactflow.errors import ArtifactflowError, Place
from artifactflow.read.environment import read_environment
from artifactflow.read.mlproject import EnvironmentFile
from artifactflow.read.requirement import Entry, EntryRole

UNREADABLE_REQUIREMENT = Rule(
    "E404",
    "unreadable-requirement",
    Severity.ERROR,
    "A line of an environment file is no requirement.",
    "pip or conda stops there, so the environment cannot be built.\n"
    "  wrong:  - pip: [pandas 2.2.3]\n"
    "  right:  - pip: [pandas==2.2.3]",
)
SINGLE_EQUALS = Rule(
    "E405",
    "single-equals",
    Severity.ERROR,
    "A pip requirement has one '=' where pip takes two.",
    "`name=1.0` is how conda states a version. pip stops there, so the environment cannot be built.\n"
    "  wrong:  - pip: [wandb=0.21.3]\n"
    "  right:  - pip: [wandb==0.21.3]",
)
MISSING_FILE = Rule(
    "E406",
    "requirement-file-missing",
    Severity.ERROR,
    "An environment file refers to a file or folder that does not exist.",
    "`-r FILE`, `-c FILE` and local packages are relative to the file that names them. Without them the environment "
    "cannot be built.",
)
UNPINNED = Rule(
    "E407",
    "unpinned",
    Severity.INFO,
    "Packages are stated without one version.",
    "What is installed depends on the day. MLflow keeps an environment once it is built, so that two machines with the "
    "same file can run different versions for ever.\n"
    "  open:    - pip: [pandas, scikit-learn>=1.5]\n"
    "  pinned:  - pip: [pandas==2.2.3, scikit-learn==1.5.2]",
)
CONDA_ONLY = Rule(
    "E408",
    "conda-only",
    Severity.INFO,
    "Packages are stated to conda, and other environment managers leave them out.",
    "MLflow's virtualenv and uv install what stands under `pip:`, and pass over every other package of conda.yaml with "
    "a warning.\n"
    "  conda only:  dependencies: [python=3.11, pandas=2.2.3]\n"
    "  everywhere:  dependencies: [python=3.11, pip, {pip: [pandas==2.2.3]}]",
)
OTHER_ENVIRONMENT = Rule(
    "E409",
    "other-environment",
    Severity.INFO,
    "The running Python environment is not the one that the file states.",
    "`--env-manager local` and `artifactflow run-pipeline` without an environment manager use what is installed here, "
    "whatever the file says.",
)

RULES: tuple[Rule, ...] = (
    *environment_imports.RULES,
    UNREADABLE_REQUIREMENT,
    SINGLE_EQUALS,
    MISSING_FILE,
    UNPINNED,
    CONDA_ONLY,
    OTHER_ENVIRONMENT,
    *environment_python.RULES,
)

MOST_SHOWN = 3
"""Differences between two environments that a message spells out."""

_ALWAYS_THERE = frozenset({"pip", "setuptools", "wheel"})


def check_environment(component: ComponentSubject) -> Iterator[Finding]:
    """What is wrong with the environment that a component states."""
    file, entries = component.environment_file, component.environment_entries
    if file is None or entries is None:
        return
    for entry in entries:
        yield from _check_line(entry)
    yield from check_python(file, entries)
    yield from _check_unpinned(entries)
    yield from _check_conda_only(entries)
    yield from _check_running(file, entries)
    yield from check_imports(component, file, entries)


def _check_line(entry: Entry) -> Iterator[Finding]:
    problem, length = entry.problem, len(entry.text)
    if problem is None or entry.role is EntryRole.PYTHON:
        return
    if entry.address:
        # What is behind an address cannot be looked at from here, and pip can.
        if problem.startswith("there is no"):
            hint = f"write it, or correct its name: it is looked for beside {Path(entry.place.file).name}"
            yield MISSING_FILE.at(entry.place, problem, hint=hint, length=length)
    elif problem.startswith("'='"):
        right = entry.text.replace("=", "==", 1)
        fix = Fix(Path(entry.place.file), f"{entry.text} → {right}", change=replacement(entry.place, entry.text, right))
        yield SINGLE_EQUALS.at(
            entry.place, f"pip does not take {entry.text!r}", hint=f"write {right}", length=length, fix=fix
        )
    else:
        hint = "write NAME==VERSION" if entry.role is not EntryRole.CONDA else "write NAME=VERSION"
        yield UNREADABLE_REQUIREMENT.at(entry.place, f"{entry.text!r}: {problem}", hint=hint, length=length)


def _check_unpinned(entries: Sequence[Entry]) -> Iterator[Finding]:
    """One finding for each file, at its first package that is left open."""
    limited = {entry.name for entry in entries if entry.role is EntryRole.CONSTRAINT and entry.pinned}
    for listed in _by_file(entries):
        open_ones = [
            entry
            for entry in listed
            if entry.role in (EntryRole.PIP, EntryRole.CONDA)
            and not (entry.pinned or entry.problem or entry.address)
            and entry.name not in {OURSELVES, *_ALWAYS_THERE, *limited}
        ]
        if open_ones:
            first = open_ones[0]
            names = ", ".join(entry.text for entry in open_ones)
            subject = "1 package is" if len(open_ones) == 1 else f"{len(open_ones)} packages are"
            yield UNPINNED.at(
                first.place,
                f"{subject} not pinned to one version: {names}",
                hint=f"state the version that you run: {first.name}{'=' if first.conda else '=='}VERSION",
                length=len(first.text),
            )


def _check_conda_only(entries: Sequence[Entry]) -> Iterator[Finding]:
    found = [entry for entry in entries if entry.conda and entry.name not in {"", *_ALWAYS_THERE}]
    if found:
        names = ", ".join(entry.name for entry in found)
        yield CONDA_ONLY.at(
            found[0].place,
            f"MLflow's virtualenv and uv leave out what is stated to conda: {names}",
            hint="move what pip can install under - pip:, or run with --env-manager conda",
            length=len(found[0].text),
        )


def _by_file(entries: Sequence[Entry]) -> list[list[Entry]]:
    files: dict[str, list[Entry]] = {}
    for entry in entries:
        files.setdefault(entry.place.file, []).append(entry)
    return list(files.values())


def _check_running(file: EnvironmentFile, entries: Sequence[Entry]) -> Iterator[Finding]:
    if not entries or any(entry.problem for entry in entries):
        return
    # A line that names a path is about that folder; all others mean the same in every component.
    folder = file.path.parent if any(entry.address for entry in entries) else None
    statement = (folder, tuple((entry.role, entry.text) for entry in entries))
    if statement not in _lacking:
        _lacking[statement] = _lacking_now(file, unnamed={entry.text for entry in entries if not entry.name})
    if lacking := _lacking[statement]:
        more = f" and {len(lacking) - MOST_SHOWN} more" if len(lacking) > MOST_SHOWN else ""
        yield OTHER_ENVIRONMENT.at(
            Place(str(file.path), 1, 1),
            f"the running environment is another one: {'; '.join(lacking[:MOST_SHOWN])}{more}",
            hint=f"install what {file.path.name} states, or run with an environment manager",
        )


_lacking: dict[tuple[Path | None, tuple[tuple[EntryRole, str], ...]], tuple[str, ...]] = {}
"""What the running environment lacks of each environment, asked once: a tree of components shares a few."""


def _lacking_now(file: EnvironmentFile, unnamed: Collection[str]) -> tuple[str, ...]:
    """What is lacking. Whether a line that installs something without a name is satisfied, nobody knows."""
    try:
        found = unsatisfied(read_environment(file.path, file.kind))
    except ArtifactflowError:
        return ()
    return tuple(str(each) for each in found if each.requirement not in unnamed)
