"""What scripts import against what the environment file declares."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from artifactflow.check.environment.known_distributions import (
    COLLECTIONS,
    NOT_IMPORTED,
    brought_by,
    modules_of,
    pip_names,
    providers,
)
from artifactflow.check.findings import Finding, Rule, Severity
from artifactflow.check.subjects import ComponentSubject
from artifactflow.environments.current import OURSELVES
from artifactflow.errors import ArtifactflowError
from artifactflow.read.imports import ImportUse, imports_of, is_standard_library, local_closure
from artifactflow.read.mlproject import EnvironmentFile
from artifactflow.read.requirement import Entry, EntryRole
from artifactflow.read.source import read_text

IMPORT_NOT_DECLARED = Rule(
    "E401",
    "import-not-declared",
    Severity.ERROR,
    "A script imports a package that the environment file does not declare.",
    "In the environment that MLflow builds of the file the import fails. It works only where somebody has installed "
    "the package beside it.\n"
    "  main.py:     import sklearn\n"
    "  wrong:       - pip: [pandas==2.2.3]\n"
    "  right:       - pip: [pandas==2.2.3, scikit-learn==1.5.2]",
)
IMPORT_THROUGH_OTHER = Rule(
    "E402",
    "import-through-other",
    Severity.INFO,
    "A script imports a package that only another package brings along.",
    "It works as long as the other package needs it. What a script imports is better declared: numpy beside pandas.",
)
NEVER_IMPORTED = Rule(
    "E403",
    "declared-never-imported",
    Severity.INFO,
    "The environment file declares a package that no script imports.",
    "Every package costs time and space in each environment that is built, and can stand in the way of another's "
    "version. Packages that work without an import (pyarrow, openpyxl, plug-ins) are not meant.",
)

RULES = (IMPORT_NOT_DECLARED, IMPORT_THROUGH_OTHER, NEVER_IMPORTED)

MOST_FILES = 200
"""Python files of a component that are looked at before a package counts as never imported."""

_BUILDS = frozenset({EntryRole.PIP, EntryRole.CONDA, EntryRole.BUILD})
_dynamic = re.compile(
    r"\b(import_module|__import__|exec|eval|run_module|run_path|instantiate|mlflow\.run|os\.system)\s*\(|\bsubprocess\b"
)


def check_imports(component: ComponentSubject, file: EnvironmentFile, entries: Sequence[Entry]) -> Iterator[Finding]:
    """Imports that nothing declares, and declarations that nothing imports.

    Nothing is said where the file declares no package, or holds a line of which nobody knows what it installs.
    """
    listed = [entry for entry in entries if entry.role in _BUILDS]
    declared = {entry.name for entry in listed}
    if "" in declared or not declared - {"pip", "setuptools", "wheel"} or declared & COLLECTIONS:
        return
    known = frozenset(name for each in declared for name in pip_names(each))
    files = _files(component)
    uses = list(_imports(component, files))
    said: set[str] = set()
    for use in uses:
        if use.module not in said and not use.optional:
            said.add(use.module)
            yield from _undeclared(file.path, use, known)
    if file.path.parent == component.folder:
        unused = list(_unused(listed, known, {use.module for use in uses}))
        # The other files of the component are looked at only where there is something to say.
        if unused and _is_read_whole(component, files):
            elsewhere = _imported_elsewhere(component.folder)
            yield from (_never_imported(entry, modules) for entry, modules in unused if not modules & elsewhere)


def _never_imported(entry: Entry, modules: frozenset[str]) -> Finding:
    return NEVER_IMPORTED.at(
        entry.place,
        f"{entry.name} is declared, and nothing in the component imports {' or '.join(sorted(modules))}",
        hint="take it out, unless something loads it by name",
        length=len(entry.text),
    )


def _files(component: ComponentSubject) -> tuple[Path, ...]:
    """Every entry point's script, and the component's files that it imports."""
    scripts = dict.fromkeys(point.script.path for point in component.entry_points.values() if point.script)
    return tuple(dict.fromkeys(file for script in scripts for file in local_closure(script, component.folder)))


def _imports(component: ComponentSubject, files: Sequence[Path]) -> Iterator[ImportUse]:
    """The imports from outside in these files."""
    for file in files:
        try:
            found = imports_of(file)
        except ArtifactflowError:
            continue
        yield from (use for use in found if not _is_local(use.module, file, component.folder))


def _is_local(module: str, file: Path, folder: Path) -> bool:
    if is_standard_library(module):
        return True
    # A script that extends sys.path imports from the folders above: the project's own modules lie there.
    if any((parent / module / "__init__.py").is_file() for parent in folder.absolute().parents[:3]):
        return True
    return any((base / f"{module}.py").is_file() or _holds_modules(base / module) for base in (file.parent, folder))


def _holds_modules(folder: Path) -> bool:
    """Whether a folder is a package; W&B and MLflow leave folders of their own names behind that are none."""
    return folder.is_dir() and (any(folder.glob("*.py")) or any(folder.glob("*/*.py")))


def _undeclared(file: Path, use: ImportUse, known: frozenset[str]) -> Iterator[Finding]:
    if use.module == "typer" and OURSELVES in known:
        return  # the options of step functions are Typer's, and artifactflow requires it for them
    candidates = providers(use.module)
    if not candidates or known.intersection(candidates) or _is_kin(use.module, known):
        return
    message = f"{use.module} is imported, and {file.name} does not declare {candidates[0]}"
    hint = f"add {candidates[0]} to {file.name}"
    bringing = _bringing(frozenset(candidates), known)
    if bringing:
        yield IMPORT_THROUGH_OTHER.at(use.place, f"{message}: {bringing}", hint=hint)
    else:
        yield IMPORT_NOT_DECLARED.at(use.place, message, hint=hint)


def _is_kin(module: str, known: frozenset[str]) -> bool:
    """Whether a declared name is so near to the module's that it may well provide it."""
    name = module.lower().replace("_", "-")
    near = {name, f"python-{name}", f"py{name}", f"py-{name}", f"{name}-python"}
    return bool(near & known) or any(each.startswith(f"{name}-") for each in known)


def _bringing(candidates: frozenset[str], known: frozenset[str]) -> str | None:
    """Which declared package brings one of the candidates, in words; None where certainly none does."""
    unknown = None
    for name in sorted(known):
        brought = brought_by(name)
        if brought is None:
            unknown = unknown or name
        elif candidates & brought:
            return f"{name} brings it"
    return f"{unknown}, which is not known here, may bring it" if unknown else None


def _unused(
    listed: Sequence[Entry], known: frozenset[str], imported: set[str]
) -> Iterator[tuple[Entry, frozenset[str]]]:
    """Packages whose modules are known, with these modules, of which none is imported."""
    for entry in listed:
        modules = frozenset(module for name in pip_names(entry.name) for module in modules_of(name))
        if entry.role is EntryRole.BUILD or entry.name in NOT_IMPORTED or not modules or modules & imported:
            continue
        # A package that another one needs is stated for its version.
        if not any(entry.name in (brought_by(other) or ()) for other in known):
            yield entry, modules


def _is_read_whole(component: ComponentSubject, files: Sequence[Path]) -> bool:
    """Whether every entry point runs a script of the component, which imports by statements and starts nothing."""
    if any(point.script is None for point in component.entry_points.values()):
        return False
    for file in files:
        try:
            text = read_text(file)
        except ArtifactflowError:
            return False
        if _dynamic.search(text):
            return False
    return bool(files)


def _imported_elsewhere(folder: Path) -> frozenset[str]:
    """What the component's other Python files import: its tests, the helpers of notebooks."""
    found: set[str] = set()
    for file in islice(folder.rglob("*.py"), MOST_FILES):
        try:
            found |= {use.module for use in imports_of(file)}
        except ArtifactflowError:
            continue
    return frozenset(found)
