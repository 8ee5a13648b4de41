"""The parameters of an entry point: scalars and inputs, from MLflow's keys and ours."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from artifactflow.contract import Input
from artifactflow.errors import ContractError, Place, UsageError
from artifactflow.parameters import REQUIRED, TYPE_SYNONYMS, Parameter, ParameterType, Required, Value
from artifactflow.read.yaml_node import Node

PARAMETER_KEYS = (
    "type",
    "default",
    "artifact",
    "minimum",
    "maximum",
    "choices",
    "flag",
    "secret",
    "description",
)

_TEXT_TYPES = (ParameterType.STR, ParameterType.PATH, ParameterType.URI)


def mlflow_text(value: object) -> str:
    """The text that MLflow passes for a value of YAML: `True`, `1.1`, `[1, 2]`."""
    return str(value)


def text_of(node: Node | None, what: str) -> str:
    """A text of the dialect; a number or a truth value is taken as it is written. Absent and null are empty.

    Raises ContractError for a mapping or a list.
    """
    if node is None or node.value is None:
        return ""
    if isinstance(node.value, (dict, list)):
        return node.string(what)
    return node.value if isinstance(node.value, str) else node.text or ""


def read_parameters(
    node: Node | None, places: dict[str, Place], *, optional: bool = False
) -> dict[str, Parameter | Input]:
    """What `parameters` or `optional_parameters` states, by name. Adds to `places`.

    Raises ContractError where MLflow would crash (`parameters:` with nothing below it, a parameter that is a list), and
    for keys of our dialect that make no sense.
    """
    if node is None:
        return {}
    section = "optional_parameters" if optional else "parameters"
    if node.value is None:
        raise ContractError(f"{section} is empty", hint="leave the line out, or write {} behind it", place=node.place)
    return {
        name: _read(name, stated, node.key_place(name), places, optional)
        for name, stated in node.mapping(section).items()
    }


def _read(name: str, node: Node, place: Place, places: dict[str, Place], optional: bool) -> Parameter | Input:
    where = f"parameters.{name}"
    places[where] = place
    if isinstance(node.value, str):
        places[f"{where}.type"] = node.place
        return Parameter(name, _type(node.value), default=None if optional else REQUIRED, optional=optional)
    if not isinstance(node.value, dict):
        raise node.error(
            f"parameter {name} must be a type or a mapping, got {node.shown()}", hint=f"write {name}: {{type: str}}"
        )
    for key in PARAMETER_KEYS:
        if key in node.items:
            places[f"{where}.{key}"] = node.items[key].place
    flag = _boolean(node, "flag")
    stated_type = node.items["type"].value if "type" in node.items else None
    kind = _type(stated_type) if stated_type is not None or not flag else ParameterType.BOOL
    if flag and kind is not ParameterType.BOOL:
        raise ContractError(f"flag: true belongs to a bool, {name} is {kind}", place=node.key_place("flag"))
    description = text_of(node.get("description"), f"the description of {name}")
    default = node.items["default"].value if "default" in node.items else None
    artifact = node.get("artifact")
    if artifact is not None and artifact.value is not False:
        if kind not in _TEXT_TYPES:
            raise ContractError(
                f"an input is a path, {name} is {kind}", hint="write type: path", place=node.key_place("artifact")
            )
        wanted = "" if artifact.value is True else text_of(artifact, f"the artifact type of {name}")
        return Input(name, wanted, description, optional=optional or default == "")
    return _with_default(
        Parameter(
            name,
            kind,
            default=None if optional else REQUIRED,
            optional=optional,
            description=description,
            minimum=_bound(node, "minimum", name),
            maximum=_bound(node, "maximum", name),
            choices=_choices(node, name, kind),
            secret=_boolean(node, "secret"),
            flag=flag,
        ),
        default,
    )


def _type(word: Any) -> ParameterType:
    return TYPE_SYNONYMS.get(word.strip().lower(), ParameterType.STR) if isinstance(word, str) else ParameterType.STR


def _with_default(parameter: Parameter, value: Any) -> Parameter:
    """The parameter with the default that MLflow would use; None is none."""
    if value is None:
        return parameter
    text = mlflow_text(value)
    if parameter.type in _TEXT_TYPES:
        return replace(parameter, default=text)
    if text == "":
        # The empty text is how an absent number is said to MLflow.
        return replace(parameter, default=None, optional=True)
    typed = _typed(parameter.name, parameter.type, text)
    if isinstance(typed, Required):
        # MLflow passes the text all the same, so the step gets it, and `check` reports it.
        return Parameter(
            parameter.name,
            default=text,
            optional=parameter.optional,
            description=parameter.description,
            secret=parameter.secret,
        )
    return replace(parameter, default=typed)


def _typed(name: str, kind: ParameterType, text: str) -> Value | Required:
    """The text as a value of the type, or REQUIRED where it is none."""
    try:
        return Parameter(name, kind).parse(text)
    except (UsageError, ValueError):
        return REQUIRED


def _choices(node: Node, name: str, kind: ParameterType) -> tuple[Value, ...]:
    choices = node.get("choices")
    if choices is None:
        return ()
    found: list[Value] = []
    for element in choices.sequence(f"the choices of {name}"):
        value = element.value
        typed = _typed(name, kind, mlflow_text(value)) if isinstance(value, (str, bool, int, float)) else REQUIRED
        if isinstance(typed, Required):
            raise element.error(f"{element.shown()} among the choices of {name} is no {kind}")
        found.append(typed)
    return tuple(found)


def _bound(node: Node, key: str, name: str) -> float | None:
    return node.items[key].number(f"the {key} of {name}") if key in node.items else None


def _boolean(node: Node, key: str) -> bool:
    return key in node.items and node.items[key].boolean(key)
