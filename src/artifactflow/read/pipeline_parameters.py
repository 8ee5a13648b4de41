"""The parameters that `pipeline.yaml` declares."""

from __future__ import annotations

import re

from artifactflow.errors import ContractError, UsageError
from artifactflow.parameters import REQUIRED, Parameter, ParameterType, Required, Value, parameter_type
from artifactflow.read.yaml_node import Node

PARAMETER_KEYS = ("type", "default", "description", "minimum", "maximum", "choices", "optional", "secret")
PARAMETER_NAME = r"[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*)*"
"""The pattern of a parameter's name; a dot joins the sections of a config file."""

_name = re.compile(PARAMETER_NAME)


def is_parameter_name(text: str) -> bool:
    """Whether a text can name a parameter of a pipeline.

    >>> is_parameter_name("etl.min_price"), is_parameter_name("min price")
    (True, False)
    """
    return _name.fullmatch(text) is not None


def read_parameter(name: str, node: Node) -> Parameter:
    """The parameter that stands under `name`, in its short form `max_iter: 200` or its long one."""
    if not is_parameter_name(name):
        raise ContractError(f"{name!r} cannot name a parameter", hint="use letters, digits and '_'", place=node.place)
    if not isinstance(node.value, dict):
        # The short form is the default, and its type.
        value = node.scalar(f"the default of {name}")
        return Parameter(name, _type_of(value), default=value)
    node.refuse_unknown_keys(PARAMETER_KEYS, f"parameter {name}")
    node.refuse_duplicates()
    default_node = node.get("default")
    default: Value | Required = REQUIRED if default_node is None else default_node.scalar(f"the default of {name}")
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
            optional=_flag(node, "optional") or default is None,
            description=description.string("description") if (description := node.get("description")) else "",
            minimum=minimum.number("minimum") if (minimum := node.get("minimum")) else None,
            maximum=maximum.number("maximum") if (maximum := node.get("maximum")) else None,
            choices=tuple(element.scalar("a choice") for element in choices.sequence("choices")) if choices else (),
            secret=_flag(node, "secret"),
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


def _flag(node: Node, key: str) -> bool:
    found = node.get(key)
    return found is not None and found.boolean(key)
