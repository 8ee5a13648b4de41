"""From a call of `mlflow.run` to a step whose every value is known."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from artifactflow.contract import MAIN, Component, Contract
from artifactflow.errors import Place, UsageError
from artifactflow.fetch.addresses import local_path
from artifactflow.parameters import Parameter, ParameterType, Value
from artifactflow.pipeline import EnvironmentMode, Given, Literal, Pipeline, Step
from artifactflow.read.mlproject import find_manifest, read_component
from artifactflow.runner.binding.bind import bind
from artifactflow.runner.binding.bound import BoundStep

CALL: Final = "mlflow.run"
"""What a parameter's source is called that a call gave."""

_PROGRAMS: Final = {".py": "python", ".sh": "bash"}


def called_component(folder: Path, entry_point: str, given: Mapping[str, str]) -> tuple[Component, Contract]:
    """The component in `folder` and the contract of a call, as MLflow understands both.

    A folder needs no manifest, and an entry point that no manifest names is a script. What the manifest does not know
    is appended to the command; a text that a number's type cannot hold is passed on as it is, and so are the words for
    true and false: the script may compare them. Raises NotFoundError for an entry point that does not exist, UsageError
    for a value that an output's path was to have.
    """
    found = find_manifest(folder) is not None
    component = read_component(folder) if found else Component(folder.resolve().name, folder, {})
    program = _PROGRAMS.get(Path(entry_point).suffix)
    if program is not None and entry_point not in component.entry_points:
        contract = Contract(entry_point=entry_point, command=f"{program} {shlex.quote(entry_point)}")
    else:
        contract = component.contract(entry_point)
    for output in contract.outputs:
        if output.key in given:
            raise UsageError(
                f"{output.key} is an output of {component.name}: where it is written to is not for a caller to say",
                hint=f"leave {output.key} out of the parameters",
            )
    known = [_taking(parameter, given) for parameter in contract.parameters]
    names = set(contract.names())
    further = [Parameter(name, optional=True) for name in given if name not in names]
    return component, replace(contract, parameters=(*known, *further))


def _taking(parameter: Parameter, given: Mapping[str, str]) -> Parameter:
    text = given.get(parameter.name)
    if text is None or parameter.choices or parameter.minimum is not None or parameter.maximum is not None:
        return parameter
    if parameter.type is ParameterType.BOOL and text not in ("True", "False"):
        return replace(parameter, type=ParameterType.STR)
    try:
        parameter.parse(text)
    except UsageError:
        return replace(parameter, type=ParameterType.STR)
    return parameter


def step_name(caller: BoundStep, component: Component, entry_point: str) -> str:
    """What the step of a call is called: `rentals/basic_cleaning`, with the entry point where that says more."""
    if entry_point == MAIN:
        own = component.name
    elif component.folder.resolve() == caller.component.folder.resolve():
        own = entry_point
    else:
        own = f"{component.name}:{entry_point}"
    return f"{caller.name}/{own}"


def bind_call(
    name: str,
    component: Component,
    contract: Contract,
    given: Mapping[str, str],
    folder: Path,
    env: EnvironmentMode | None,
) -> BoundStep:
    """The step of a call. Relative paths among the `given` values mean `folder`, the caller's working folder.

    Raises as `bind` does.
    """
    place = Place(CALL)
    step = Step(
        name,
        str(component.folder),
        contract.entry_point,
        bindings={key: Literal(text) for key, text in given.items()},
        env=env,
        places=dict.fromkeys(given, place),
    )
    called = replace(component, entry_points={contract.entry_point: contract})
    pipeline = Pipeline(name, folder, (step,))
    (bound,) = bind(pipeline, Given(), lambda _reference, _folder: called, folder).steps
    return replace(bound, contents=named_files(bound))


def named_files(bound: BoundStep) -> dict[str, Path]:
    """The files and folders that texts among the parameters name, as an absolute path, as a `file:` address, or as a
    path from the folder that the step runs in: what is in them counts, and not where they are.

    A folder that holds the component itself is left out: it is named for other reasons than its content.
    """
    found: dict[str, Path] = {}
    home = bound.component.folder.resolve()
    for parameter in bound.contract.parameters:
        value = bound.parameters[parameter.name]
        if parameter.type is not ParameterType.STR or parameter.secret or not isinstance(value, str) or not value:
            continue
        path = _existing(home, value)
        if path is not None and not home.is_relative_to(path):
            found[parameter.name] = path
    return found


def _existing(home: Path, text: str) -> Path | None:
    try:
        path = (local_path(text) if text.startswith("file:/") else home / text).resolve()
        return path if path.is_file() or path.is_dir() else None
    except (OSError, ValueError, UsageError):  # too long for a path, with a NUL in it, or on another machine
        return None


def argument_texts(bound: BoundStep, shown: Mapping[str, Value], given: Mapping[str, str]) -> dict[str, str]:
    """The parameters of a call as MLflow is told of them: as they were given, or by default; secrets masked."""
    from artifactflow.executors.command import argument_text

    return {
        name: given[name] if name in given and value == bound.parameters[name] else argument_text(value)
        for name, value in shown.items()
        if value is not None
    }
