"""Contract → a script with a typed step function, as `read/signature.py` and `read/signature_source.py` read it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

from artifactflow.contract import DEFAULT_OUTPUT_TYPE, Contract, Input, Output, template_names
from artifactflow.parameters import Parameter, ParameterType, Required, Value
from artifactflow.write.python_text import INDENT, Bracketed, call, lines_of, literal
from artifactflow.write.script_body import Body
from artifactflow.write.script_parts import Parts, parts_of, signature_lines


def step_script(
    name: str, contract: Contract, formats: Mapping[str, str] | None = None, body: Body | None = None
) -> str:
    """The text of a script with a typed step function whose signature is the contract of the component `name`.

    The arguments are those of `script_text`.
    """
    parts = parts_of(name, contract, formats, body)
    parts.imports.update(f"from artifactflow import {needed}" for needed in ("run", "step"))
    outputs, signature = _outputs_class(parts), _signature(parts)
    return parts.text(
        f"The component {name}: its contract is the signature below, which MLproject repeats.",
        outputs,
        ["@step", *signature, *parts.inside()],
        ['if __name__ == "__main__":', f"{INDENT}run({parts.function})"],
    )


def _outputs_class(parts: Parts) -> list[str]:
    """The NamedTuple of what the function returns, where that is more than one value."""
    if len(parts.returned) < 2:
        return []
    parts.imports.add("from typing import NamedTuple")
    lines = [f"class {parts.outputs_class}(NamedTuple):", f'{INDENT}"""What the step makes."""', ""]
    for output in parts.returned:
        lines += lines_of(_annotated(parts, f"{output.key}: ", output, output.key, ""), 1)
    return lines


def _signature(parts: Parts) -> list[str]:
    arguments: list[tuple[bool, str | Bracketed]] = [
        (item.optional, _input(parts, item)) for item in parts.contract.inputs
    ]
    arguments += [(False, _annotated(parts, f"{output.key}: ", output, output.key, "")) for output in parts.by_path]
    for parameter in parts.contract.parameters:
        has_default = parameter.optional or not isinstance(parameter.default, Required)
        arguments.append((has_default, _parameter(parts, parameter)))
    end: str | Bracketed = f") -> {parts.outputs_class if parts.returned else None}:"
    if len(parts.returned) == 1:
        end = _annotated(parts, ") -> ", parts.returned[0], "", ":")
    return signature_lines(f"def {parts.function}", arguments, end)


def _input(parts: Parts, item: Input) -> Bracketed:
    chosen = parts.format(item.name)
    parts.imports.update((*chosen.imports, "from typing import Annotated", "from artifactflow import Input"))
    facts = {"type": literal(item.type)} if item.type else {}
    facts |= {"description": literal(item.description)} if item.description else {}
    absent, default = (" | None", " = None") if item.optional else ("", "")
    marker = call("Input", **facts)
    return Bracketed(f"{item.name}: Annotated[", (f"{chosen.annotation}{absent}", marker), f"]{default}")


def _annotated(parts: Parts, before: str, output: Output, given_key: str, after: str) -> Bracketed:
    """An output's type and marker. `given_key` is the name of what it annotates, empty for a value that is returned."""
    chosen = parts.format(output.key)
    parts.imports.update((*chosen.imports, "from typing import Annotated", "from artifactflow import Output"))
    facts: dict[str, str] = {}
    names = [literal(output.name)] if output.name != given_key else []
    if not given_key and not _names_key(output):
        facts["key"] = literal(output.key)
    if output.type != DEFAULT_OUTPUT_TYPE:
        facts["type"] = literal(output.type)
    if output.description:
        facts["description"] = literal(output.description)
    if output.path != output.key + ("" if chosen.by_path else chosen.ending):
        facts["path"] = literal(output.path)
    if output.unwrap:
        facts["unwrap"] = literal(True)
    return Bracketed(f"{before}Annotated[", (chosen.annotation, call("Output", *names, **facts)), f"]{after}")


def _names_key(output: Output) -> bool:
    """Whether the reader finds the key in the output's name."""
    return not template_names(output.name) and output.name.replace("-", "_").replace(".", "_") == output.key


def _parameter(parts: Parts, parameter: Parameter) -> str | Bracketed:
    kind = _type(parts, parameter) + (" | None" if parameter.optional else "")
    default = ""
    if parameter.optional and isinstance(parameter.default, Required):
        default = " = None"
    elif not isinstance(parameter.default, Required):
        default = f" = {_default(parameter, parameter.default)}"
    facts = {"help": literal(parameter.description)} if parameter.description else {}
    for key, bound in (("min", parameter.minimum), ("max", parameter.maximum)):
        if bound is not None:
            facts[key] = literal(int(bound) if bound == bound // 1 and abs(bound) < 1e15 else bound)
    if not facts and not parameter.aliases:
        return f"{parameter.name}: {kind}{default}"
    parts.imports.update(("from typing import Annotated", "import typer"))
    option = call("typer.Option", *map(literal, parameter.aliases), **facts)
    return Bracketed(f"{parameter.name}: Annotated[", (kind, option), f"]{default}")


def _type(parts: Parts, parameter: Parameter) -> str:
    if parameter.choices:
        parts.imports.add("from typing import Literal")
        return f"Literal[{', '.join(literal(typed(parameter, choice)) for choice in parameter.choices)}]"
    if parameter.type is ParameterType.PATH:
        parts.imports.add("from pathlib import Path")
        return "Path"
    if parameter.type is ParameterType.URI:
        parts.imports.add("from artifactflow import Uri")
        return "Uri"
    return parameter.type.value


def _default(parameter: Parameter, default: Value) -> str:
    written = literal(typed(parameter, default))
    # A Path forgets a doubled or trailing slash: then the text is handed over as it is.
    is_path = parameter.type is ParameterType.PATH and isinstance(default, str) and str(PurePath(default)) == default
    return f"Path({written})" if is_path else written


def typed(parameter: Parameter, value: Value) -> Value:
    """`value` as the literal of the parameter's type: 10 is 10.0 to a float."""
    return float(value) if parameter.type is ParameterType.FLOAT and isinstance(value, (int, float)) else value
