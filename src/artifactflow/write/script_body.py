"""The lines inside of a step function that is written for somebody to replace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from artifactflow.contract import Contract
from artifactflow.parameters import ParameterType
from artifactflow.write.python_text import Bracketed, call, lines_of, text_literal

RECEIVED: Final = "received"

NAMES_USED: Final = frozenset({"pd", "Figure", "LinearRegression", "len", "list", "print", "str", RECEIVED})
"""What the example calls by name: an option of the same name would hide it."""


@dataclass(frozen=True, slots=True)
class Body:
    """The statements of a step function, not indented, and the imports that they need beside those of its signature."""

    lines: tuple[str, ...]
    imports: tuple[str, ...] = ()


_TOLD: Final = {
    "table": "len({name})",
    "model": "str({name})",
    "json": "len({name})",
    "figure": "{name}.name",
    "file": "{name}.name",
    "folder": "len(list({name}.iterdir()))",
}
"""What is told of an input of each format."""


def example_body(contract: Contract, formats: Mapping[str, str], step: str, outputs_class: str) -> Body:
    """Statements that tell what came in and write it to every output: they run at once, whatever the contract is.

    `formats` has the name of the format of each input and output, `step` is what the step is called, `outputs_class`
    the NamedTuple in which several values are returned.
    """
    made = ", and every output is made from that" if contract.outputs else ""
    lines = [f"# An example to replace: it tells what came in{made}."]
    lines += lines_of(Bracketed(f"{RECEIVED} = {{", tuple(_received(contract, formats, step)), "}"))
    lines.append(f"print({RECEIVED})")
    imports: list[str] = []
    results: dict[str, str] = {}
    for output in contract.outputs:
        key = output.key
        match formats[key]:
            case "file":
                lines.append(f'{key}.write_text(f"{{{RECEIVED}}}\\n", encoding="utf-8")')
            case "folder":
                lines.append(f"{key}.mkdir(parents=True, exist_ok=True)")
                lines.append(f'({key} / "{RECEIVED}.txt").write_text(f"{{{RECEIVED}}}\\n", encoding="utf-8")')
            case "figure":
                lines += [f"{key} = Figure()", f"{key}.subplots().plot([1, 2, 3], [1, 4, 9])"]
                results[key] = key
            case "table":
                results[key] = _given(contract, formats, "table", "{name}.dropna()", f"pd.DataFrame([{RECEIVED}])")
            case "model":
                fitted = "LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])"
                results[key] = _given(contract, formats, "model", "{name}", fitted)
                if results[key] == fitted:
                    imports.append("from sklearn.linear_model import LinearRegression")
            case _:
                results[key] = RECEIVED
    if len(results) == 1:
        lines.append(f"return {next(iter(results.values()))}")
    elif results:
        lines += lines_of(call(f"return {outputs_class}", **results))
    return Body(tuple(lines), tuple(imports))


def _received(contract: Contract, formats: Mapping[str, str], step: str) -> list[str]:
    told: dict[str, str] = {}
    for item in contract.inputs:
        value = _TOLD[formats[item.name]].format(name=item.name)
        told[item.name] = f"None if {item.name} is None else {value}" if item.optional else value
    for parameter in contract.parameters:
        name = parameter.name
        told[name] = f"str({name})" if parameter.type is ParameterType.PATH and not parameter.optional else name
    told = told or {"step": text_literal(step)}
    return [f'"{name}": {value}' for name, value in told.items()]


def _given(contract: Contract, formats: Mapping[str, str], wanted: str, made: str, otherwise: str) -> str:
    """An expression over the first input of the wanted format that is always there, or another one."""
    for item in contract.inputs:
        if formats[item.name] == wanted and not item.optional:
            return made.format(name=item.name)
    return otherwise
