"""Finds and loads the step functions that can be called in this process instead of starting their scripts."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Final

from artifactflow.contract import BUILT_IN_PREFIX, Component, Contract
from artifactflow.errors import ArtifactflowError, StepFailedError
from artifactflow.parameters import Value
from artifactflow.read.built_in import step_function
from artifactflow.read.command import parse_command
from artifactflow.read.signature import contract_of
from artifactflow.read.signature_source import contract_of_script, step_function_of_script

_option_pattern: Final = re.compile(r"--([A-Za-z_][A-Za-z0-9_-]*)[= ]\{([A-Za-z_][A-Za-z0-9_-]*)\}\s*")

StepFunction = Callable[..., object]


class StepFunctions:
    """The step functions of a run, each script read and imported once. For one thread."""

    def __init__(self) -> None:
        self._reasons: dict[tuple[Path, Contract], str] = {}
        self._scripts: dict[tuple[Path, str], tuple[Path, Path]] = {}
        self._functions: dict[Path, StepFunction] = {}
        self._contracts: dict[StepFunction, Contract] = {}
        self._local_modules: dict[Path, dict[str, ModuleType]] = {}

    def why_not(self, component: Component, contract: Contract) -> str:
        """Why the entry point cannot be called in this process; empty where it can. Nothing is imported to tell."""
        if component.built_in:
            return ""
        key = (component.folder, contract)
        if key not in self._reasons:
            try:
                self._reasons[key] = _why_not(component, contract)
            except (ArtifactflowError, OSError) as error:
                self._reasons[key] = str(error)
        return self._reasons[key]

    @contextlib.contextmanager
    def loaded(self, component: Component, contract: Contract) -> Iterator[StepFunction]:
        """The function, with the working folder, the search path and the modules that its script would have.

        Modules beside the script are the script's own: another component may have others of the same names.
        """
        if component.built_in:
            yield step_function(component.reference.removeprefix(BUILT_IN_PREFIX))
            return
        key = (component.folder, contract.command)
        if key not in self._scripts:
            script = component.folder / str(parse_command(contract.command).script)
            self._scripts[key] = (script, script.resolve().parent)
        script, folder = self._scripts[key]
        path, arguments, working_folder = list(sys.path), list(sys.argv), Path.cwd()
        sys.path.insert(0, str(folder))
        sys.argv[:] = [str(script)]
        os.chdir(component.folder)
        known = self._local_modules.setdefault(folder, {})
        sys.modules.update(known)
        present = set(sys.modules)
        try:
            if script not in self._functions:
                self._functions[script] = _imported(script)
            yield self._functions[script]
        finally:
            for name in [*known, *(sys.modules.keys() - present)]:
                module = sys.modules.get(name)
                if module is not None and _lies_in(module, folder):
                    known[name] = sys.modules.pop(name)
            sys.path[:], sys.argv[:] = path, arguments
            os.chdir(working_folder)

    def values(self, function: StepFunction, given: Mapping[str, Value]) -> dict[str, Value]:
        """The values as the function's own command line would understand them. Raises UsageError where it would not."""
        if function not in self._contracts:
            self._contracts[function] = contract_of(function)
        values = dict(given)
        for parameter in self._contracts[function].parameters:
            value = values[parameter.name]
            values[parameter.name] = None if value in (None, "") and parameter.optional else parameter.check(value)
        return values


def _why_not(component: Component, contract: Contract) -> str:
    template = parse_command(contract.command)
    script = template.script
    if script is None or template.program not in ("python", "python3"):
        return "its command is not plain python"
    options = contract.command.partition(script)[2].strip()
    pairs = _option_pattern.findall(options)
    if _option_pattern.sub("", options) or any(option.replace("-", "_") != name for option, name in pairs):
        return "its command does more than hand over its values by name"
    own = contract_of_script(component.folder / script)
    if own is None:
        return f"{script} runs no typed step function"
    if set(own.option_names()) != set(contract.option_names()):
        return "its MLproject and its step function do not take the same values"
    return ""


def _imported(script: Path) -> StepFunction:
    """The function that the script runs, from the script imported under a name of its own."""
    name = f"_artifactflow_{hashlib.sha256(str(script).encode()).hexdigest()[:16]}"
    specification = importlib.util.spec_from_file_location(name, script)
    if specification is None or specification.loader is None:
        raise StepFailedError(f"{script} cannot be imported")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # where pickle and typing look a function's module up
    specification.loader.exec_module(module)
    function: StepFunction = getattr(module, str(step_function_of_script(script)))
    return function


def _lies_in(module: ModuleType, folder: Path) -> bool:
    """Whether a module is the component's own; an environment in its folder is not."""
    file = getattr(module, "__file__", None)
    if not file or module.__name__.startswith("_artifactflow_"):
        return False
    path = Path(file)
    return path.is_relative_to(folder) and "site-packages" not in path.parts
