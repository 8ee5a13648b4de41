"""Reads `pipeline.yaml` and its config file. Nothing that the steps name is looked at yet."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from artifactflow.artifact import URI_PREFIX, ArtifactRef, check_name
from artifactflow.contract import MAIN
from artifactflow.errors import ArtifactflowError, ContractError, NotFoundError, Place, UsageError, near_matches
from artifactflow.parameters import (
    REQUIRED,
    Parameter,
    ParameterType,
    Required,
    Value,
    format_value,
    parameter_type,
)
from artifactflow.pipeline import (
    Binding,
    EnvironmentMode,
    Interpolation,
    Literal,
    OutputOf,
    ParameterName,
    Pipeline,
    Step,
    Stored,
)
from artifactflow.read.yaml import PIPELINE_BOUNDS, Node, read_yaml, read_yaml_file

PIPELINE_FILES = ("pipeline.yaml", "pipeline.yml")
PIPELINE_KEYS = ("name", "description", "config", "track", "parameters", "steps")
STEP_KEYS = ("component", "entry_point", "with", "matrix", "retries", "timeout", "tags", "after", "env", "cache")
TRACK_NAMES = ("mlflow", "wandb", "none", "auto")
PARAMETER_KEYS = ("type", "default", "description", "minimum", "maximum", "choices", "optional", "secret")
PARAMETER_NAME = r"[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*)*"
"""The pattern of a parameter's name; a dot joins the sections of a config file."""

_reference = re.compile(r"\$(?:\$|\{([^{}]*)\}|)")
_parameter_name = re.compile(PARAMETER_NAME + r"\Z")


def find_pipeline_file(folder: Path) -> Path | None:
    """The pipeline file of a folder, or None where it has none."""
    return next((folder / name for name in PIPELINE_FILES if (folder / name).is_file()), None)


def read_pipeline(file: Path, config: Path | None = None) -> Pipeline:
    """The pipeline that `file` describes, with the values of its config file, or of `config` in its place.

    Raises ContractError with line and column for what is not a pipeline, NotFoundError for a file that is missing.
    """
    return pipeline_from_node(read_yaml_file(file, PIPELINE_BOUNDS), file, config)


def read_pipeline_text(text: str, file: Path) -> Pipeline:
    """The same for a text; `file` names it in messages, and its folder is what the pipeline's paths are relative to."""
    return pipeline_from_node(read_yaml(text, str(file), PIPELINE_BOUNDS), file, None)


def pipeline_from_node(root: Node, file: Path, config: Path | None) -> Pipeline:
    """The pipeline in a YAML document."""
    if root.value is None:
        raise ContractError("the pipeline file is empty", hint="state `name:` and `steps:`", place=Place(str(file), 1))
    root.mapping("a pipeline")
    root.refuse_unknown_keys(PIPELINE_KEYS, "a pipeline")
    _refuse_duplicates(root)
    folder = file.resolve().parent
    name = _name(root, folder.name)
    steps = root.get("steps")
    if steps is None or not steps.value:
        raise ContractError("a pipeline has at least one step under `steps:`", place=(steps or root).place)
    parameters = root.get("parameters")
    declared = parameters.mapping("parameters") if parameters and parameters.value is not None else {}
    return Pipeline(
        name=name,
        folder=folder,
        file=file,
        parameters=tuple(_parameter(key, node) for key, node in declared.items()),
        steps=tuple(_steps(steps, declared.keys())),
        config=_config(root, file, config),
        track=_track(root),
    )


def _track(root: Node) -> tuple[str, ...] | None:
    node = root.get("track")
    if node is None:
        return None
    names = (node.value,) if isinstance(node.value, str) else node.strings("track")
    for name in names:
        if name not in TRACK_NAMES:
            near = near_matches(name, TRACK_NAMES)
            raise node.error(f"track names {', '.join(TRACK_NAMES)}, got {name!r}", hint=near)
    return tuple(names)


def _name(root: Node, default: str) -> str:
    node = root.get("name")
    if node is None:
        return re.sub(r"[^A-Za-z0-9_.-]+", "-", default).strip("-.") or "pipeline"
    try:
        return check_name(node.string("name"), "pipeline name")
    except UsageError as error:
        raise ContractError(error.message, hint=error.hint, place=node.place) from None


def _refuse_duplicates(node: Node) -> None:
    if node.duplicates:
        raise ContractError("a key is stated a second time", place=node.duplicates[0])


def _parameter(name: str, node: Node) -> Parameter:
    if not _parameter_name.match(name):
        raise ContractError(f"{name!r} cannot name a parameter", hint="use letters, digits and '_'", place=node.place)
    if not isinstance(node.value, dict):
        # `max_iter: 200`: the short form is the default, and its type.
        value = _scalar(node, f"the default of {name}")
        return Parameter(name, _type_of(value), default=value)
    node.refuse_unknown_keys(PARAMETER_KEYS, f"parameter {name}")
    _refuse_duplicates(node)
    default_node = node.get("default")
    default: Value | Required = REQUIRED if default_node is None else _scalar(default_node, f"the default of {name}")
    kind = node.get("type")
    choices = node.get("choices")
    try:
        parameter = Parameter(
            name=name,
            type=parameter_type(kind.string("type"), subject=f"parameter {name}")
            if kind
            else ParameterType.STR
            if isinstance(default, Required)
            else _type_of(default),
            default=default,
            optional=_flag(node, "optional", False) or default is None,
            description=description.string("description") if (description := node.get("description")) else "",
            minimum=minimum.number("minimum") if (minimum := node.get("minimum")) else None,
            maximum=maximum.number("maximum") if (maximum := node.get("maximum")) else None,
            choices=tuple(_scalar(element, "a choice") for element in choices.sequence("choices")) if choices else (),
            secret=_flag(node, "secret", False),
        )
        if not isinstance(default, Required):
            parameter.check(default)
    except UsageError as error:
        raise ContractError(error.message, place=(default_node or node).place) from None
    except ContractError as error:
        raise error.at((kind or node).place) from None
    return parameter


def _type_of(value: Value) -> ParameterType:
    return {bool: ParameterType.BOOL, int: ParameterType.INT, float: ParameterType.FLOAT}.get(
        type(value), ParameterType.STR
    )


def _flag(node: Node, key: str, default: bool) -> bool:
    found = node.get(key)
    return default if found is None else found.boolean(key)


def _scalar(node: Node, what: str) -> Value:
    value = node.value
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, (dict, list)):
        raise node.error(f"{what} must be a single value, got {node.shown()}")
    return node.text  # a date, which YAML reads and no parameter holds


def _steps(steps: Node, parameters: Collection[str]) -> Iterator[Step]:
    _refuse_duplicates(steps)
    for name, node in steps.mapping("steps").items():
        place = steps.key_place(name)
        try:
            check_name(name, "step name")
            if "." in name:
                raise UsageError(f"{name!r} cannot name a step: a dot ends a step's name in `${{step.output}}`")
        except UsageError as error:
            raise ContractError(error.message, hint=error.hint, place=place) from None
        node.mapping(f"step {name}")
        node.refuse_unknown_keys(STEP_KEYS, f"step {name}")
        _refuse_duplicates(node)
        component = node.get("component")
        if component is None:
            raise ContractError(f"step {name} names no component", hint="component: FOLDER", place=place)
        bound = node.get("with")
        bindings = bound.mapping("with") if bound is not None and bound.value is not None else {}
        if bound is not None:
            _refuse_duplicates(bound)
        entry_point = node.get("entry_point")
        yield Step(
            name=name,
            component=component.string("component"),
            entry_point=entry_point.string("entry_point") if entry_point else MAIN,
            bindings={key: read_binding(value, parameters) for key, value in bindings.items()},
            matrix=dict(_matrix(node)),
            retries=_count(node, "retries"),
            timeout=_timeout(node),
            tags=tags.strings("tags") if (tags := node.get("tags")) else (),
            after=after.strings("after") if (after := node.get("after")) else (),
            env=_environment(node),
            cache=_flag(node, "cache", True),
            place=place,
            places={key: value.place for key, value in bindings.items()},
        )


_DURATION_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "": 1}
_duration = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([smhd]?)\Z")


def duration(text: str) -> float | None:
    """Seconds in `90`, `90s`, `1.5m`, `2h` or `1d`; None for anything else.

    >>> duration("1.5m"), duration("soon")
    (90.0, None)
    """
    match = _duration.match(text.strip())
    return float(match[1]) * _DURATION_UNITS[match[2]] if match else None


def _timeout(step: Node) -> float | None:
    node = step.get("timeout")
    if node is None:
        return None
    seconds = duration(str(node.value)) if isinstance(node.value, (str, int, float)) else None
    if not seconds:
        raise node.error(f"timeout must be a duration, got {node.shown()}", hint="write it as 90s, 30m or 2h")
    return seconds


def _environment(step: Node) -> EnvironmentMode | None:
    node = step.get("env")
    if node is None:
        return None
    try:
        return EnvironmentMode(node.string("env"))
    except ValueError:
        raise node.error(f"env must be one of {', '.join(EnvironmentMode)}, got {node.shown()}") from None


def _count(step: Node, key: str) -> int:
    node = step.get(key)
    if node is None:
        return 0
    if not isinstance(node.value, int) or isinstance(node.value, bool) or node.value < 0:
        raise node.error(f"{key} must be a whole number of at least 0, got {node.shown()}")
    return node.value


def _matrix(step: Node) -> Iterator[tuple[str, tuple[Value, ...]]]:
    node = step.get("matrix")
    if node is None:
        return
    _refuse_duplicates(node)
    for name, values in node.mapping("matrix").items():
        cells = tuple(_scalar(value, f"a value of {name}") for value in values.sequence(f"matrix {name}"))
        if not cells:
            raise values.error(f"matrix {name} has no values")
        if len({format_value(cell) for cell in cells}) < len(cells):
            raise values.error(f"matrix {name} has a value twice")
        yield name, cells


def read_binding(node: Node, parameters: Collection[str] = ()) -> Binding:
    """What a value under `with:` means: a literal, a text with pipeline parameters, an output, a stored artifact.

    `${a.b}` is the output `b` of the step `a`, unless `a.b` is one of the pipeline's `parameters`.
    """
    value = _scalar(node, "a value under with:")
    if not isinstance(value, str):
        return Literal(value)
    if value.startswith(URI_PREFIX):
        try:
            return Stored(ArtifactRef.parse(value))
        except ArtifactflowError as error:
            raise ContractError(error.message, hint=error.hint, place=node.place) from None
    parts: list[str | ParameterName] = []
    names: list[str] = []
    end = 0
    for match in _reference.finditer(value):
        parts.append(value[end : match.start()])
        end = match.end()
        if match[0] == "$$":
            parts.append("$")
        elif match[1] is None:
            raise node.error("a '$' stands alone", hint="write $$ for a dollar, ${name} for a parameter")
        else:
            name = match[1].strip()
            if not _parameter_name.match(name):
                raise node.error(f"${{{match[1]}}} names nothing", hint="write ${parameter} or ${step.output}")
            names.append(name)
            parts.append(ParameterName(name))
    parts.append(value[end:])
    if not names:
        return Literal("".join(part for part in parts if isinstance(part, str)))
    whole = [part for part in parts if part != ""]
    outputs = [name for name in names if "." in name and name not in parameters]
    if outputs:
        step, _, key = outputs[0].partition(".")
        if len(whole) == 1 and "." not in key:
            return OutputOf(step, key)
        raise node.error("an artifact cannot be part of a text", hint="bind it whole: ${step.output}")
    return Interpolation(tuple(whole))


def _config(root: Node, file: Path, config: Path | None) -> Mapping[str, tuple[Value, Place]]:
    node = root.get("config")
    if config is not None:
        path = config
    elif node is not None:
        path = file.parent / node.string("config")
    else:
        return {}
    try:
        content = read_yaml_file(path)
    except NotFoundError as error:
        raise error.at(node.place) if config is None and node else error from None
    return dict(_flattened("", content)) if content.value is not None else {}


def _flattened(prefix: str, node: Node) -> Iterator[tuple[str, tuple[Value, Place]]]:
    """`train: {seed: 7}` gives `train.seed`."""
    _refuse_duplicates(node)
    for key, child in node.mapping("a config file").items():
        if isinstance(child.value, dict):
            yield from _flattened(f"{prefix}{key}.", child)
        else:
            value: Any = _scalar(child, f"{prefix}{key}")
            yield f"{prefix}{key}", (value, child.place)
