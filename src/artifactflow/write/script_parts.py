"""What the manners of writing a script share: names, formats, the body, and what no script can state."""

from __future__ import annotations

import builtins
import keyword
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from artifactflow.contract import Contract, Output
from artifactflow.errors import ContractError
from artifactflow.parameters import Parameter, ParameterType
from artifactflow.write.python_text import INDENT, Bracketed, docstring_lines, import_lines, lines_of
from artifactflow.write.script_body import NAMES_USED, Body, example_body
from artifactflow.write.script_formats import FORMATS, ScriptFormat, format_of_type

_TAKEN_BY_SCRIPTS: Final = frozenset(
    {"Annotated", "Any", "Input", "Literal", "NamedTuple", "Output", "Path", "Uri"}
    | {"boolean", "main", "run", "skops", "step", "typer"}
    | {*NAMES_USED, *dir(builtins), *sys.stdlib_module_names}
)


@dataclass(frozen=True, slots=True)
class Parts:
    """A script before it is text. `name` is the component's, `formats` has every input and output by option name."""

    name: str
    contract: Contract
    function: str
    outputs_class: str
    formats: Mapping[str, str]
    body: Body
    imports: set[str]

    def format(self, option: str) -> ScriptFormat:
        """The format of an input or output."""
        return FORMATS[self.formats[option]]

    @property
    def returned(self) -> list[Output]:
        """The outputs that the function returns as objects; of the others it is given the path."""
        return [output for output in self.contract.outputs if not self.format(output.key).by_path]

    @property
    def by_path(self) -> list[Output]:
        """The outputs that the function is given the path of."""
        return [output for output in self.contract.outputs if self.format(output.key).by_path]

    def inside(self) -> list[str]:
        """The docstring and the statements of the function."""
        return [
            *docstring_lines(" ".join(self.contract.description.split()), 1),
            *(f"{INDENT}{line}".rstrip() for line in self.body.lines),
        ]

    def text(self, about: str, *blocks: Iterable[str]) -> str:
        """The whole script: what it is about, the imports that were asked for, and the blocks that are not empty."""
        lines = [*docstring_lines(about), "", *import_lines({*self.imports, *self.body.imports})]
        for block in map(list, blocks):
            lines += ["", "", *block] if block else []
        return "\n".join(lines) + "\n"


def parts_of(name: str, contract: Contract, formats: Mapping[str, str] | None, body: Body | None) -> Parts:
    """The parts of a script for the component `name`. Raises ContractError for what a script cannot state."""
    _refuse(contract)
    types = {item.name: item.type for item in contract.inputs} | {each.key: each.type for each in contract.outputs}
    chosen = {option: format_of_type(kind) for option, kind in types.items()} | dict(formats or {})
    for item in contract.inputs:
        if chosen[item.name] == "figure":
            chosen[item.name] = "file"  # no figure can be read back from a picture
    function = function_name(name)
    outputs_class = "".join(word.capitalize() for word in function.split("_")) + "Outputs"
    body = body or example_body(contract, chosen, name, outputs_class)
    return Parts(name, contract, function, outputs_class, chosen, body, set())


def function_name(component: str) -> str:
    """The name of the function in a component's script; `_step` is added to what would hide something else.

    >>> function_name("new-step"), function_name("filter")
    ('new_step', 'filter_step')
    """
    name = component.replace("-", "_")
    return f"{name}_step" if name in _TAKEN_BY_SCRIPTS else name


def option_name_problem(name: str) -> str | None:
    """Why an input, output or parameter of a script cannot be called `name`, or None.

    >>> option_name_problem("lambda"), option_name_problem("max_iter")
    ('it is a keyword of Python', None)
    """
    if not name.isidentifier() or not name.isascii() or name.startswith("_"):
        return "it is no name that a Python function can give a parameter"
    if keyword.iskeyword(name):
        return "it is a keyword of Python"
    if name == "help":
        return "--help shows the help"
    if name in NAMES_USED:
        return "the script needs that name itself"
    return None


def signature_lines(start: str, arguments: Iterable[tuple[bool, str | Bracketed]], end: str | Bracketed) -> list[str]:
    """A `def` to its colon, one argument a line where any of them is annotated with more than a name.

    Each argument comes with whether it has a default; from the first on that has none though one before it has, all
    are taken by name only, which is how Python allows that.
    """
    listed: list[str | Bracketed] = []
    defaulted = False
    for has_default, argument in arguments:
        if defaulted and not has_default and "*" not in listed:
            listed.append("*")
        defaulted = defaulted or has_default
        listed.append(argument)
    if not listed and isinstance(end, Bracketed):
        return lines_of(Bracketed(f"{start}({end.head}", end.items, end.tail))
    if isinstance(end, str):
        spread = any(isinstance(argument, Bracketed) for argument in listed)
        return lines_of(Bracketed(f"{start}(", tuple(listed), end, spread=spread))
    return [*lines_of(Bracketed(f"{start}(", tuple(listed), "", spread=True))[:-1], *lines_of(end)]


def _refuse(contract: Contract) -> None:
    for option in contract.option_names():
        problem = option_name_problem(option)
        if problem:
            raise ContractError(f"a script cannot have an option called {option!r}: {problem}", hint="rename it")
    for parameter in contract.parameters:
        _refuse_parameter(parameter)
    for output in contract.outputs:
        if not output.placeholder:
            raise ContractError(
                f"the output {output.key} is collected from {output.path!r}, and a script is told where to write",
                hint=f"put {{{output.key}}} into the command",
            )


def _refuse_parameter(parameter: Parameter) -> None:
    if parameter.secret:
        raise ContractError(
            f"the parameter {parameter.name} is secret, and a secret never comes by the command line",
            hint="leave it out, and read an environment variable in the script",
        )
    if parameter.choices and parameter.type in (ParameterType.PATH, ParameterType.URI):
        raise ContractError(
            f"the parameter {parameter.name} is a {parameter.type} with choices", hint="only a str can have them"
        )
