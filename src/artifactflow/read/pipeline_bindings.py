"""What a value under `with:` of a pipeline's step means."""

from __future__ import annotations

import re
from collections.abc import Collection

from artifactflow.artifact import URI_PREFIX, ArtifactRef
from artifactflow.errors import ArtifactflowError, ContractError
from artifactflow.pipeline import Binding, Interpolation, Literal, OutputOf, ParameterName, Stored
from artifactflow.read.pipeline_parameters import is_parameter_name
from artifactflow.read.yaml_node import Node

_reference = re.compile(r"\$(?:\$|\{([^{}]*)\}|)")


def read_binding(node: Node, parameters: Collection[str] = ()) -> Binding:
    """What a value under `with:` means: a literal, a text with pipeline parameters, an output, a stored artifact.

    `${a.b}` is the output `b` of the step `a`, unless `a.b` is one of the pipeline's `parameters`.
    """
    value = node.scalar("a value under with:")
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
            if not is_parameter_name(name):
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
