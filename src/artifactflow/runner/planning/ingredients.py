"""Everything that a step's result depends on, found without running any of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from artifactflow import __version__
from artifactflow.contract import Contract
from artifactflow.fetch.addresses import local_file, text_identity
from artifactflow.parameters import ParameterType, Value, format_value
from artifactflow.plan import Ingredients, InputIdentity
from artifactflow.read.code import code_digests, file_digests
from artifactflow.runner.binding.bound import BoundStep
from artifactflow.runner.environments import Environments
from artifactflow.runner.nested.callers import calls_components
from artifactflow.runner.planning.component_folder import FolderMemory
from artifactflow.runner.planning.identities import path_identity


class IngredientFinder:
    """Finds the ingredients of one step after another; the digests of a component's files are found out once.

    `store` is the folder of the store, None where there is none yet.
    """

    def __init__(self, environments: Environments, store: Path | None) -> None:
        self._environments = environments
        self._store = store
        self._code: dict[tuple[Path, Contract], dict[str, str]] = {}

    def forget(self, bound: BoundStep) -> None:
        """Look at the files of the step's component again: a step that calls it may have changed them."""
        self._code.pop((bound.component.folder, bound.contract), None)

    def of(self, bound: BoundStep, inputs: Mapping[str, InputIdentity]) -> Ingredients:
        """The ingredients of a step, given what its `inputs` are."""
        component, contract = bound.component, bound.contract
        parameters, files = _parameters(bound)
        return Ingredients(
            component=component.reference or component.name,
            entry_point=contract.entry_point,
            command=contract.command,
            parameters=parameters,
            inputs={**inputs, **files},
            code=self._code_of(bound),
            environment=self._environments.packages(bound),
            variables={name: _short_digest(os.environ.get(name, "")) for name in contract.environment_variables},
            outputs={slot.key: f"{slot.name} ({slot.type})" for slot in bound.outputs},
        )

    def _code_of(self, bound: BoundStep) -> dict[str, str]:
        component, contract = bound.component, bound.contract
        key = (component.folder, contract)
        if key not in self._code:
            if component.built_in:
                module = component.folder / f"{component.name}.py"
                self._code[key] = {"artifactflow": __version__, **file_digests(module, module.name)}
            elif calls_components(bound):  # it runs each time, and the data of its components is theirs
                self._code[key] = code_digests(component, contract, code_only=True)
            else:
                memory = FolderMemory(self._store, component.folder)
                left = memory.left(contract.entry_point)
                self._code[key] = code_digests(component, contract, left, of_file=memory.digests)
                memory.keep_digests()
        return self._code[key]


def _parameters(bound: BoundStep) -> tuple[dict[str, Value], dict[str, InputIdentity]]:
    """The parameters as they count, and what the files are that some of them name."""
    parameters = dict(bound.parameters)
    files: dict[str, InputIdentity] = {}
    for parameter in bound.contract.parameters:
        name, value = parameter.name, bound.parameters[parameter.name]
        if parameter.secret and value is not None:
            if name in bound.presumed:
                parameters[name] = f"*** {_short_digest(format_value(value))}"
            else:
                del parameters[name]
            continue
        file = bound.contents.get(name) or _file_behind(parameter.type, value)
        if file is not None:
            # What counts is the content; where it lies does not.
            files[name] = path_identity(file)
            parameters[name] = file.name
        elif isinstance(value, str):
            parameters[name] = text_identity(value)
    return parameters, files


def _short_digest(text: str) -> str:
    """By which a text can be told from another, and not be read."""
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:12]


def _file_behind(kind: ParameterType, value: object) -> Path | None:
    """The local file or folder that a `path` or `uri` parameter names, where there is one."""
    if not isinstance(value, str) or not value:
        return None
    if kind is ParameterType.PATH:
        path = Path(value)
        return path if path.exists() else None
    return local_file(value) if kind is ParameterType.URI else None
