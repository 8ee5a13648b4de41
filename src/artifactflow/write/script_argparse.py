"""Contract → a script with the same command line made by argparse, which runs without artifactflow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from artifactflow.contract import Contract
from artifactflow.parameters import Parameter, ParameterType, Required, format_value
from artifactflow.write.python_text import INDENT, Bracketed, call, lines_of, literal
from artifactflow.write.script_body import Body
from artifactflow.write.script_parts import Parts, parts_of, signature_lines
from artifactflow.write.script_step import typed

_BOOLEAN = '''\
def boolean(text: str) -> bool:
    """The truth value that MLflow passes as `True` or `false`: bool("false") would be True."""
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"expected true or false, got {text!r}")
    return text.lower() == "true"'''


def argparse_script(
    name: str, contract: Contract, formats: Mapping[str, str] | None = None, body: Body | None = None
) -> str:
    """The text of a script that takes its options with argparse and reads and writes its artifacts itself.

    Bounds are checked by the script, tables are CSV files. The arguments are those of `script_text`.
    """
    parts = parts_of(name, contract, formats, body)
    parts.imports.add("import argparse")
    outputs, signature, main = _outputs_class(parts), _signature(parts), _main(parts)
    boolean = any(parameter.type is ParameterType.BOOL and not parameter.flag for parameter in contract.parameters)
    return parts.text(
        f"The component {name}: its command line is made by argparse, and MLproject repeats it.",
        _BOOLEAN.split("\n") if boolean else [],
        outputs,
        [*signature, *parts.inside()],
        main,
        ['if __name__ == "__main__":', f"{INDENT}main()"],
    )


def _outputs_class(parts: Parts) -> list[str]:
    if len(parts.returned) < 2:
        return []
    parts.imports.add("from typing import NamedTuple")
    return [
        f"class {parts.outputs_class}(NamedTuple):",
        f'{INDENT}"""What the step makes."""',
        "",
        *(f"{INDENT}{output.key}: {parts.format(output.key).annotation}" for output in parts.returned),
    ]


def _signature(parts: Parts) -> list[str]:
    arguments = [
        f"{item.name}: {parts.format(item.name).annotation}{' | None' if item.optional else ''}"
        for item in parts.contract.inputs
    ]
    arguments += [f"{output.key}: {parts.format(output.key).annotation}" for output in parts.by_path]
    for parameter in parts.contract.parameters:
        kind = {ParameterType.PATH: "Path", ParameterType.URI: "str"}.get(parameter.type, parameter.type.value)
        arguments.append(f"{parameter.name}: {kind}{' | None' if parameter.optional else ''}")
    for option in parts.formats:
        parts.imports.update(parts.format(option).imports)
    if any(parameter.type is ParameterType.PATH for parameter in parts.contract.parameters):
        parts.imports.add("from pathlib import Path")
    returned = parts.returned
    result = (
        parts.outputs_class if len(returned) > 1 else parts.format(returned[0].key).annotation if returned else None
    )
    return signature_lines(f"def {parts.function}", [(False, argument) for argument in arguments], f") -> {result}:")


def _main(parts: Parts) -> list[str]:
    """The function that parses the options, reads the inputs, calls the step and writes what it returns."""
    contract = parts.contract
    lines = ["def main() -> None:", f'{INDENT}"""Read the options and the inputs, and write the outputs."""']
    made = f"parser = argparse.ArgumentParser(description={parts.function}.__doc__)"
    lines += [INDENT + made, *(line for added in _arguments(parts) for line in lines_of(added, 1))]
    lines.append(f"{INDENT}{'args = ' if list(contract.option_names()) else ''}parser.parse_args()")
    lines += [f"{INDENT}{line}" for parameter in contract.parameters for line in _bounds(parameter)]
    values = {item.name: _reading(parts, item.name, item.optional) for item in contract.inputs}
    values |= {output.key: f"args.{output.key}" for output in parts.by_path}
    values |= {parameter.name: f"args.{parameter.name}" for parameter in contract.parameters}
    called = call(parts.function, **values)
    result = Bracketed(f"result = {called.head}", called.items, called.tail) if parts.returned else called
    lines += ["", *lines_of(result, 1)]
    for output in parts.returned:
        chosen = parts.format(output.key)
        parts.imports.update(chosen.output_imports)
        value = f"result.{output.key}" if len(parts.returned) > 1 else "result"
        lines.append(INDENT + chosen.writing.format(value=value, path=f"args.{output.key}"))
    return lines


def _reading(parts: Parts, name: str, optional: bool) -> str:
    chosen = parts.format(name)
    parts.imports.update(chosen.input_imports)
    reading = chosen.reading.format(path=f"args.{name}")
    return f"{reading} if args.{name} else None" if optional and reading != f"args.{name}" else reading


def _arguments(parts: Parts) -> Iterator[Bracketed]:
    for item in parts.contract.inputs:
        facts = {"type": "Path"} if item.optional else {"type": "Path", "required": literal(True)}
        yield _argument(item.name, facts, item.description)
    for parameter in parts.contract.parameters:
        yield _argument(parameter.name, _facts(parameter), parameter.description, parameter.aliases)
    for output in parts.contract.outputs:
        yield _argument(output.key, {"type": "Path", "default": literal(output.path)}, output.description)
    if parts.formats:
        parts.imports.add("from pathlib import Path")


def _argument(name: str, facts: Mapping[str, str], description: str, aliases: tuple[str, ...] = ()) -> Bracketed:
    # argparse formats help with %.
    shown = {"help": literal(description.replace("%", "%%"))} if description else {}
    return call("parser.add_argument", literal(f"--{name}"), *map(literal, aliases), **facts, **shown)


def _facts(parameter: Parameter) -> dict[str, str]:
    if parameter.flag:
        return {"action": literal("store_true")}
    converter = {
        ParameterType.INT: "int",
        ParameterType.FLOAT: "float",
        ParameterType.BOOL: "boolean",
        ParameterType.PATH: "Path",
    }.get(parameter.type)
    facts = {"type": converter} if converter else {}
    if parameter.choices:
        facts["choices"] = f"[{', '.join(literal(typed(parameter, choice)) for choice in parameter.choices)}]"
    if parameter.required:
        facts["required"] = literal(True)
    elif not isinstance(parameter.default, Required) and parameter.default is not None:
        facts["default"] = literal(typed(parameter, parameter.default))
    return facts


def _bounds(parameter: Parameter) -> list[str]:
    """The check of a number's bounds, which argparse knows nothing of."""
    low, high = (None if bound is None else format_value(bound) for bound in (parameter.minimum, parameter.maximum))
    value = f"args.{parameter.name}"
    if low is not None and high is not None:
        wrong = f"not {low} <= {value} <= {high}"
    elif low is not None or high is not None:
        wrong = f"{value} < {low}" if low is not None else f"{value} > {high}"
    else:
        return []
    if parameter.optional:
        wrong = f"{value} is not None and {wrong}"
    message = literal(f"--{parameter.name} takes {parameter.expects()}")
    return [f"if {wrong}:", f"{INDENT}parser.error({message})"]
