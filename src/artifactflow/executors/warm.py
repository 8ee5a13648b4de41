"""Decides whether a script may run in a process that has its libraries imported already, and which those are.

Such a process differs from a fresh one in one thing: what the script imports was imported before it began. A script
that prepares its imports (environment variables, the search path) therefore gets a fresh one.
"""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from artifactflow.contract import BUILT_IN_PREFIX
from artifactflow.errors import ArtifactflowError
from artifactflow.executors.syntax import absolute_imports, preparation
from artifactflow.executors.task import Task
from artifactflow.read.command import CommandTemplate, parse_command
from artifactflow.read.imports import distribution_of, local_closure
from artifactflow.read.source import parse_source, read_text

Modules = tuple[tuple[str, tuple[str, ...]], ...]
"""Modules to import, each with the names taken from it, sorted."""

PACKAGE: Final = Path(__file__).parents[1]
"""Our own code: it counts as installed, also where it is run from a checkout."""

_fresh_pattern: Final = re.compile(r"^[ \t]*#[ \t]*artifactflow:[ \t]*fresh\b", re.MULTILINE)
_modules_of_run: Final = ("artifactflow.invoke.command_line", "artifactflow.invoke.step_function")
_imported_in_use: Final = {"argparse": ("locale", "shutil")}
"""Modules that import others when they are used: with these, parsing arguments takes a third of the time."""


class NotWarmError(Exception):
    """A step needs a fresh process; the text says why. It never leaves the executors."""


@dataclass(frozen=True, slots=True)
class WarmScript:
    """A script (as the command says it) or a module (of `python -m`) that may run warm.

    `folder` is where Python looks for its modules first, and `working_folder` where it runs, both without links;
    `modules` is what it imports from elsewhere.
    """

    script: str | None
    module: str | None
    folder: Path
    working_folder: Path
    modules: Modules


@dataclass(frozen=True, slots=True)
class _Read:
    """What was found in a script and the files that it imports, and their state at that time.

    `script` and `folder` are where it and its component are, without links.
    """

    files: tuple[Path, ...]
    state: tuple[object, ...]
    script: Path
    folder: Path
    modules: Modules = ()
    fresh_because: str = ""


class WarmScripts:
    """Reads scripts, each once as long as its files stay as they are. Several threads may ask at once."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Path, Path], _Read] = {}

    def of(self, task: Task) -> WarmScript:
        """What the task's command runs. Raises NotWarmError where it has to be a fresh process."""
        if sys.platform != "linux":
            raise NotWarmError("this platform does not fork safely")
        template = parse_command(task.contract.command)
        _refuse_other_commands(template)
        if any(not Path(entry).is_absolute() for entry in _python_path(task.environment)):
            raise NotWarmError("PYTHONPATH has a relative folder")
        folder = task.component.folder
        if template.script is not None:
            read = self._read(folder / template.script, folder)
            return WarmScript(template.script, None, read.script.parent, read.folder, read.modules)
        modules: set[tuple[str, tuple[str, ...]]] = {("runpy", ())}
        if task.component.built_in:
            file = folder / f"{task.component.reference.removeprefix(BUILT_IN_PREFIX)}.py"
            declared = task.component.environment.requirements if task.component.environment else ()
            modules |= {*((name, ()) for name in _modules_of_run), (f"artifactflow.steps.{file.stem}", ())}
            modules.update(self._read(file, PACKAGE.parent).modules, _modules_of_formats(declared))
        else:
            file = _file_of_module(folder, str(template.module))
            packages = [parent for parent in file.parents if parent.is_relative_to(folder) and parent != folder]
            for part in (file, *(parent / "__init__.py" for parent in packages)):
                if part.is_file():
                    modules.update(self._read(part, folder).modules)
        resolved = folder.resolve()
        return WarmScript(None, template.module, resolved, resolved, tuple(sorted(modules)))

    def _read(self, script: Path, folder: Path) -> _Read:
        kept = self._kept.get((script, folder))
        if kept is None or kept.state != _state(kept.files):
            kept = self._kept[script, folder] = _read(script, folder)
        if kept.fresh_because:
            raise NotWarmError(kept.fresh_because)
        return kept


def refuse_shadows(folder: Path, names: Iterable[str]) -> None:
    """Raise NotWarmError where Python would have imported something in `folder` in place of one of the `names`."""
    known = frozenset(names)
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        name, _, ending = entry.name.partition(".")
        if name not in known:
            continue
        if ending.endswith(("py", "pyc", "so")) or (not ending and Path(entry.path, "__init__.py").is_file()):
            raise NotWarmError(f"{entry.name} in its folder hides an installed module")


def _refuse_other_commands(template: CommandTemplate) -> None:
    if template.words is None or (template.script is None and template.module is None):
        raise NotWarmError("its command is not plain python")
    if template.program not in ("python", "python3"):
        raise NotWarmError(f"its command names the interpreter {template.program}")
    if template.words[1].literal != (template.script or "-m"):
        raise NotWarmError("its command has options for the interpreter")


def _python_path(environment: Mapping[str, str]) -> list[str]:
    text = environment.get("PYTHONPATH", "")
    return text.split(os.pathsep) if text else []


def _state(files: Iterable[Path]) -> tuple[object, ...]:
    """Something that is another when one of the files is."""
    states: list[object] = []
    for file in files:
        try:
            stat = file.stat()
        except OSError:
            states.append(None)
        else:
            states.append((stat.st_ino, stat.st_mtime_ns, stat.st_size))
    return tuple(states)


def _read(script: Path, folder: Path) -> _Read:
    # Beside our own package lies everything that is installed: only the built-in steps' own files are looked at.
    own = script.is_relative_to(PACKAGE)
    files = _step_files(script) if own else local_closure(script, folder)
    read = _Read(files, _state(files), script.resolve(), folder.resolve())
    try:
        if own:
            return replace(read, modules=_imported(files, ()))
        _refuse_preparations(script, files)
        return replace(read, modules=_imported(files, (read.script.parent, script.parent, folder)))
    except NotWarmError as error:
        return replace(read, fresh_because=str(error))
    except ArtifactflowError as error:
        return replace(read, fresh_because=error.message)


def _step_files(script: Path) -> tuple[Path, ...]:
    """The file of a built-in step, and those beside it that it imports, directly or not."""
    found: list[Path] = []
    waiting = [script]
    while waiting:
        file = waiting.pop(0)
        if file in found or not file.is_file():
            continue
        found.append(file)
        for module, names in absolute_imports(parse_source(read_text(file), str(file)).tree):
            if module == "artifactflow.steps":
                waiting += [script.with_name(f"{name}.py") for name in names]
            elif module.startswith("artifactflow.steps."):
                waiting.append(script.with_name(f"{module.rpartition('.')[2]}.py"))
    return tuple(found)


def _refuse_preparations(script: Path, files: Iterable[Path]) -> None:
    for file in files:
        text = read_text(file)
        if _fresh_pattern.search(text):
            raise NotWarmError(f"{file.name} asks for it")
        reason = preparation(
            parse_source(text, str(file)).tree, is_script=file == script and file.name != "__init__.py"
        )
        if reason:
            raise NotWarmError(f"{file.name} {reason}")


def _imported(files: Iterable[Path], local_folders: Iterable[Path]) -> Modules:
    """What the files import, without what lies in the local folders."""
    wanted: dict[str, set[str]] = {}
    for file in files:
        for module, names in absolute_imports(parse_source(read_text(file), str(file)).tree):
            if not any(_is_in(folder, module.partition(".")[0]) for folder in local_folders):
                wanted.setdefault(module, set()).update(names)
    used = [other for module in wanted for other in _imported_in_use.get(module, ())]
    if "run" in wanted.get("artifactflow", ()):
        used += _modules_of_run
    wanted |= {module: set() for module in used if module not in wanted}
    return tuple(sorted((module, tuple(sorted(names))) for module, names in wanted.items()))


@functools.cache
def _modules_of_formats(distributions: tuple[str, ...]) -> Modules:
    """What our formats import of these distributions."""
    imported = _imported((PACKAGE / "formats").glob("*.py"), ())
    return tuple(entry for entry in imported if distribution_of(entry[0].partition(".")[0]) in distributions)


def _is_in(folder: Path, module: str) -> bool:
    return (folder / f"{module}.py").is_file() or (folder / module).is_dir()


def _file_of_module(folder: Path, module: str) -> Path:
    """The file that `python -m module` runs in `folder`. Raises NotWarmError where there is none."""
    place = folder.joinpath(*module.split("."))
    for file in (place / "__main__.py", place.with_name(f"{place.name}.py")):
        if file.is_file():
            return file
    raise NotWarmError(f"the module {module} is not in the component's folder")
