"""The values that a root hands to its components, as the parameters and bindings of a pipeline."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from artifactflow.adopt.adoption import Remark
from artifactflow.artifact import URI_PREFIX
from artifactflow.errors import ArtifactflowError, UsageError
from artifactflow.parameters import REQUIRED, Parameter, ParameterType, Required, Value
from artifactflow.pipeline import Binding, Interpolation, Literal, ParameterName, Pipeline, Step
from artifactflow.read.orchestration.orchestrated import Orchestrator, ParameterSource
from artifactflow.read.orchestration.symbols import Kind
from artifactflow.read.pipeline import read_pipeline_text
from artifactflow.read.script import read_script
from artifactflow.write.pipeline import write_pipeline_text

_name: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*)*")
_braced: Final = re.compile(r"\{([^{}]*)\}")

_TYPES: Final[Mapping[type, ParameterType]] = {
    bool: ParameterType.BOOL,
    int: ParameterType.INT,
    float: ParameterType.FLOAT,
}


class Values:
    """The parameters of a pipeline that takes a root's place: the keys of its config, and its own options.

    `config` is the config file's path from the pipeline's folder where the pipeline can read it as it is; otherwise its
    values are the parameters' defaults. `used` are the parameters that something was bound to.
    """

    def __init__(self, root: Orchestrator) -> None:
        self.remarks: list[Remark] = []
        self.used: set[str] = set()
        self.config = _plain_config(root)
        self._root = root
        self._parameters = {name: self._of_config(name, value) for name, (value, _) in root.config_values.items()}
        self._options = _own_options(root)

    def parameters(self) -> tuple[Parameter, ...]:
        """What the pipeline declares: all that its config file sets, and otherwise what is used."""
        return tuple(
            parameter for name, parameter in self._parameters.items() if name in self.used or self._in_config(name)
        )

    def _in_config(self, name: str) -> bool:
        return bool(self.config) and name in self._root.config_values

    def _of_config(self, name: str, value: Value) -> Parameter:
        default: Value | Required = REQUIRED if self.config else value
        kind = _TYPES.get(type(value), ParameterType.STR)
        return Parameter(name, kind, default=default, optional=value is None)

    def binding(self, name: str, source: ParameterSource, declared: Parameter | None) -> Binding | None:
        """What a step's parameter is bound to; None, with a remark, where the script does not say it.

        `declared` is the component's own parameter of that name, which gives the type and the description.
        """
        match source.kind:
            case Kind.CONFIG | Kind.PARAMETER if self._known(source.text):
                return self._reference(source.text, declared)
            case Kind.TEMPLATE if (parts := self._parts(source.text)) is not None:
                return Interpolation(parts)
            case Kind.FILE:
                message = f"{name} is a file that the script writes from {source.text} of its config: write it yourself"
                self._say(message, source)
                return _literal(source.value)
        if source.value is not None:
            return _literal(source.value)
        if source.kind is Kind.LITERAL:
            self._say(f"{name} is None: left out", source)
        else:
            origin = f"{source.text}, which is " if source.text else ""
            self._say(f"{name} is {origin}only known when the script runs: left open", source)
        return None

    def _known(self, name: str) -> bool:
        if not _name.fullmatch(name):
            return False
        if name not in self._parameters and name in self._options:
            self._parameters[name] = self._options[name]
        return name in self._parameters

    def _reference(self, name: str, declared: Parameter | None) -> Interpolation:
        parameter = self._parameters[name]
        if declared is not None and name not in self.used:
            self._parameters[name] = _typed(parameter, declared, self._root.config_values.get(name, (None, None))[0])
        self.used.add(name)
        return Interpolation((ParameterName(name),))

    def _parts(self, template: str) -> tuple[str | ParameterName, ...] | None:
        """`{main.project}/{name}` as the parts of a text; None where one of the names is not known."""
        parts: list[str | ParameterName] = []
        end = 0
        for match in _braced.finditer(template):
            if not self._known(match[1]):
                return None
            parts += [template[end : match.start()], ParameterName(match[1])]
            end = match.end()
        parts.append(template[end:])
        self.used.update(part.name for part in parts if isinstance(part, ParameterName))
        return tuple(part for part in parts if part != "")

    def _say(self, message: str, source: ParameterSource) -> None:
        self.remarks.append(Remark(message, source.place))


def _literal(value: Value) -> Binding:
    # What looks like a stored artifact would be taken for one; no root can mean it so.
    return Literal(value.removeprefix(URI_PREFIX) if isinstance(value, str) else value)


def _typed(parameter: Parameter, declared: Parameter, value: Value) -> Parameter:
    """The pipeline's parameter with the type and the bounds of the component's, where the config's value fits them."""
    wanted = replace(
        parameter,
        type=declared.type,
        description=parameter.description or declared.description,
        minimum=declared.minimum,
        maximum=declared.maximum,
        choices=declared.choices,
    )
    try:
        if value is not None:
            wanted.check(value)
    except UsageError:
        return replace(parameter, description=wanted.description)
    return wanted


def _plain_config(root: Orchestrator) -> str:
    """The config file's path from the root's folder, or nothing where a pipeline would read something else in it.

    Lists, a Hydra `defaults` list and `${…}` inside the file are what a pipeline's config does not have.
    """
    if root.config_file is None or not all(_name.fullmatch(name) for name in root.config_values):
        return ""
    folder = root.file.parent
    path = Path(os.path.relpath(root.config_file, folder)).as_posix()
    trial = write_pipeline_text(Pipeline("trial", folder, (Step("step", "."),)), config=path)
    try:
        found = read_pipeline_text(trial, folder / "pipeline.yaml").config
    except ArtifactflowError:
        return ""
    values = {name: value for name, (value, _) in found.items()}
    return path if values == {name: value for name, (value, _) in root.config_values.items()} else ""


def _own_options(root: Orchestrator) -> dict[str, Parameter]:
    """The options of the root's own command line that can be parameters of a pipeline."""
    if root.file.suffix != ".py":
        return {}
    line = read_script(root.file)
    if line.kind == "hydra":
        return {}
    found: dict[str, Parameter] = {}
    for option in line.options:
        if not isinstance(option.type, ParameterType) or not _name.fullmatch(option.dest) or "." in option.dest:
            continue
        default = option.default
        known = isinstance(default, (str, int, float)) and option.required is False
        found[option.dest] = Parameter(
            option.dest,
            option.type,
            default=default if known and isinstance(default, (str, int, float)) else REQUIRED,
            optional=not known and option.required is False,
            description=option.description if isinstance(option.description, str) else "",
        )
    return found
