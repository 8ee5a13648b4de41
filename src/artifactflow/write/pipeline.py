"""Pipeline → pipeline.yaml: a text that reads back as the same pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from artifactflow.artifact import URI_PREFIX
from artifactflow.contract import MAIN
from artifactflow.errors import ContractError
from artifactflow.parameters import Parameter, Required, Value
from artifactflow.pipeline import Binding, Interpolation, Literal, OutputOf, ParameterName, Pipeline, Step
from artifactflow.write.yaml import format_scalar, format_text

WIDTH = 110
"""Characters of a line that holds a whole mapping; a longer mapping is written one key a line."""


def write_pipeline_text(
    pipeline: Pipeline,
    *,
    config: str = "",
    heading: Iterable[str] = (),
    comments: Mapping[str, Iterable[str]] | None = None,
) -> str:
    """The text of a pipeline file. `read_pipeline` reads it back, places and the config's values apart.

    `config` is the config file's path from the pipeline's folder; `heading` the lines of a comment on top; `comments`
    those above a step, by its name. Raises ContractError for a literal text that the file would take for an artifact.

    >>> from pathlib import Path
    >>> step = Step("train", "components/train", bindings={"data": OutputOf("clean", "table"), "cost": Literal("$5")})
    >>> print(write_pipeline_text(Pipeline("flats", Path(), (step,))), end="")
    name: flats
    steps:
      train:
        component: components/train
        with: {data: "${clean.table}", cost: "$$5"}
    """
    lines = [*_comment(heading), f"name: {format_text(pipeline.name, flow=False)}"]
    if config:
        lines.append(f"config: {format_text(config, flow=False)}")
    if pipeline.track is not None:
        names = ", ".join(pipeline.track)
        lines.append(f"track: {names}" if len(pipeline.track) == 1 else f"track: [{names}]")
    if pipeline.parameters:
        lines.append("parameters:")
        for parameter in pipeline.parameters:
            lines += _item(parameter.name, _parameter(parameter), "  ")
    lines.append("steps:")
    for step in pipeline.steps:
        lines += [f"  {line}" for line in _comment((comments or {}).get(step.name, ()))]
        lines += _step(step)
    return "\n".join(lines) + "\n"


def _comment(lines: Iterable[str]) -> list[str]:
    return [f"# {part}" for line in lines for part in line.splitlines()]


def _step(step: Step) -> list[str]:
    lines = [f"  {format_text(step.name, flow=False)}:", f"    component: {format_text(step.component, flow=False)}"]
    if step.entry_point != MAIN:
        lines.append(f"    entry_point: {format_text(step.entry_point, flow=False)}")
    if step.bindings:
        lines += _item("with", {name: _bound(name, binding) for name, binding in step.bindings.items()}, "    ")
    if step.matrix:
        lines += _item("matrix", step.matrix, "    ")
    if step.retries:
        lines.append(f"    retries: {step.retries}")
    if step.timeout is not None:
        lines.append(f"    timeout: {step.timeout:.12g}s")
    if step.tags:
        lines.append(f"    tags: {_format(step.tags)}")
    if step.after:
        lines.append(f"    after: {_format(step.after)}")
    if step.env:
        lines.append(f"    env: {step.env}")
    if not step.cache:
        lines.append("    cache: false")
    return lines


def _bound(name: str, binding: Binding) -> Value:
    """A binding as the value that stands under `with:`."""
    match binding:
        case Literal(value):
            if not isinstance(value, str):
                return value
            if value.startswith(URI_PREFIX):
                raise ContractError(f"the text {value!r} for {name} would be read as a stored artifact")
            return value.replace("$", "$$")
        case Interpolation(parts):
            return "".join(_reference(part) if isinstance(part, ParameterName) else _escaped(part) for part in parts)
        case OutputOf():
            return str(binding)
        case _:
            return f"{URI_PREFIX}/{binding.ref.name}/{binding.ref.selector}"


def _reference(part: ParameterName) -> str:
    return f"${{{part.name}}}"


def _escaped(text: str) -> str:
    return text.replace("$", "$$")


def _parameter(parameter: Parameter) -> dict[str, Any]:
    items: dict[str, Any] = {"type": parameter.type.value}
    if not isinstance(parameter.default, Required):
        items["default"] = parameter.default
    if parameter.optional and parameter.default is not None:
        items["optional"] = True
    for key in ("minimum", "maximum"):
        if (bound := getattr(parameter, key)) is not None:
            items[key] = bound
    if parameter.choices:
        items["choices"] = parameter.choices
    if parameter.secret:
        items["secret"] = True
    if parameter.description:
        items["description"] = parameter.description
    return items


def _item(key: str, items: Mapping[str, Any], indent: str) -> list[str]:
    """A key with a mapping: on one line where it fits, else one line for each of its keys."""
    written = {format_text(name): _format(value) for name, value in items.items()}
    start = f"{indent}{format_text(key, flow=False)}:"
    line = f"{start} {{{', '.join(f'{name}: {text}' for name, text in written.items())}}}"
    if len(line) <= WIDTH:
        return [line]
    return [start, *(f"{indent}  {name}: {text}" for name, text in written.items())]


def _format(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_format(element) for element in value)}]"
    if value is None:
        return "null"
    if isinstance(value, float):
        # A whole float stays one: handed to a text parameter, 10.0 is not 10.
        dumped: str = yaml.safe_dump(value)
        return dumped.removesuffix("\n...\n").strip()
    return format_scalar(value)
