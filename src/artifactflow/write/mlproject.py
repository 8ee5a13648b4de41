"""Contract → MLproject: one text that MLflow runs and that reads back as the same contract."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from artifactflow.contract import DEFAULT_OUTPUT_TYPE, Contract, EnvironmentKind, Input, Output
from artifactflow.parameters import Parameter, ParameterType, Required
from artifactflow.write.yaml import edit_yaml, format_list, format_mapping, format_text

_ENVIRONMENT_KEYS = {EnvironmentKind.CONDA: "conda_env", EnvironmentKind.PYTHON: "python_env"}


def write_component_text(
    name: str, contracts: Iterable[Contract], environment: tuple[EnvironmentKind, str] | None = None
) -> str:
    """The text of an MLproject file: a component's name, its entry points in order, and its environment file.

    `environment` is a kind and the file's name; a requirements file has no key in MLproject and is left out.
    An output by placeholder stands under `parameters` as well, without which plain `mlflow run` stops with a KeyError;
    a parameter that may be absent under `optional_parameters`, which MLflow never sees, unless the command names it.
    """
    lines = [f"name: {format_text(name, flow=False)}"]
    if environment is not None and environment[0] in _ENVIRONMENT_KEYS:
        kind, file = environment
        lines.append(f"{_ENVIRONMENT_KEYS[kind]}: {format_text(file, flow=False)}")
    lines.append("entry_points:")
    for contract in contracts:
        lines.append(f"  {format_text(contract.entry_point, flow=False)}:")
        lines += [f"    {line}" for line in _entry_point(contract)]
    return "\n".join(lines) + "\n"


def command_for(contract: Contract, script: str) -> str:
    """The command by which MLflow and we run a step function: every value as `--name={name}`, on one line.

    Left out is what may be absent, which is appended when it is given, and what is secret: a secret reaches a step by
    an environment variable, never by a command line.

    >>> command_for(Contract(parameters=(Parameter("seed"),), outputs=(Output(key="model"),)), "main.py")
    'python main.py --seed={seed} --model={model}'
    """
    names = [item.name for item in contract.inputs if not item.optional]
    names += [item.name for item in contract.parameters if not (item.optional or item.secret)]
    names += [output.key for output in contract.outputs if output.placeholder]
    return " ".join(["python", shlex.quote(script), *(f"--{name}={{{name}}}" for name in names)])


def edit_manifest(text: str, change: Callable[[Any], None], file: str = "MLproject") -> str:
    """The manifest after `change` has altered its mapping (of ruamel.yaml) in place, everything else as it was.

    >>> print(edit_manifest("name: 'x'  # ours", lambda manifest: manifest.update(conda_env="conda.yaml")))
    name: 'x'  # ours
    conda_env: conda.yaml

    Raises ContractError for a manifest that cannot be read or has a key twice.
    """
    return edit_yaml(text, change, file)


def _entry_point(contract: Contract) -> list[str]:
    lines = []
    if contract.description:
        lines.append(f"description: {format_text(contract.description, flow=False)}")
    stated: dict[str, Mapping[str, Any]] = {}
    absent: dict[str, Mapping[str, Any]] = {}
    for item in contract.inputs:
        (absent if item.optional else stated)[item.name] = _input(item)
    for parameter in contract.parameters:
        named = f"{{{parameter.name}}}" in contract.command
        (absent if parameter.optional and not named else stated)[parameter.name] = _parameter(parameter, named)
    for output in contract.outputs:
        if output.placeholder:
            stated[output.key] = {"type": "str", "default": output.path or output.key}
    outputs = {output.key: _output(output) for output in contract.outputs}
    for key, section in (("parameters", stated), ("optional_parameters", absent), ("outputs", outputs)):
        lines += _section(key, section)
    if contract.environment_variables:
        lines.append(f"env: {format_list(contract.environment_variables)}")
    if contract.include:
        lines.append(f"include: {format_list(contract.include)}")
    if not contract.cache:
        lines.append("cache: false")
    lines.append(f"command: {format_text(contract.command, flow=False)}")
    return lines


def _section(key: str, items: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A section, one line an item, values aligned; nothing for no items: MLflow stops at a bare `parameters:`."""
    if not items:
        return []
    keys = {name: format_text(name, flow=False) + ":" for name in items}
    width = max(map(len, keys.values()))
    return [f"{key}:", *(f"  {keys[name]:{width}} {format_mapping(item)}" for name, item in items.items())]


def _input(item: Input) -> dict[str, Any]:
    return {"type": "path", "artifact": item.type or True, **_description(item.description)}


def _parameter(parameter: Parameter, named: bool) -> dict[str, Any]:
    items: dict[str, Any] = {"type": ParameterType(parameter.type).value}
    if parameter.default is not None and not isinstance(parameter.default, Required):
        items["default"] = parameter.default
    elif parameter.optional and named:
        items["default"] = ""
    if parameter.minimum is not None:
        items["minimum"] = parameter.minimum
    if parameter.maximum is not None:
        items["maximum"] = parameter.maximum
    if parameter.choices:
        items["choices"] = parameter.choices
    if parameter.flag:
        items["flag"] = True
    if parameter.secret:
        items["secret"] = True
    return items | _description(parameter.description)


def _output(output: Output) -> dict[str, Any]:
    items: dict[str, Any] = {}
    if output.name and output.name != output.key:
        items["name"] = output.name
    if output.type != DEFAULT_OUTPUT_TYPE:
        items["type"] = output.type
    items["path"] = output.path or output.key
    items |= _description(output.description)
    if output.unwrap:
        items["unwrap"] = True
    return items


def _description(text: str) -> dict[str, str]:
    return {"description": text} if text else {}
