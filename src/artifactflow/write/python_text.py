"""Values and structures → Python source, laid out as ruff and black lay it out."""

from __future__ import annotations

import math
import re
import sys
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass

from artifactflow.errors import ContractError
from artifactflow.parameters import Value

WIDTH = 120
"""The longest line, where its words can be broken."""

INDENT = "    "


@dataclass(frozen=True, slots=True)
class Bracketed:
    """Source with something between brackets: `head` ends with the opening one, `tail` begins with the closing one.

    `spread` sets every item on a line of its own even where one line would hold them all.
    """

    head: str
    items: tuple[str | Bracketed, ...]
    tail: str
    spread: bool = False

    def __str__(self) -> str:
        return f"{self.head}{', '.join(map(str, self.items))}{self.tail}"

    def spreads(self) -> bool:
        """Whether it, or anything in it, has to take several lines."""
        return self.spread or any(isinstance(item, Bracketed) and item.spreads() for item in self.items)


def lines_of(source: str | Bracketed, depth: int = 0, ending: str = "") -> list[str]:
    """The lines of `source` at an indentation of `depth` levels, with `ending` after it.

    What does not fit on a line is broken at its outermost brackets: the items together on one line, else one a line.

    >>> print("\\n".join(lines_of(Bracketed("run(", ("a=1", "b=2"), ")", spread=True))))
    run(
        a=1,
        b=2,
    )
    """
    indent = INDENT * depth
    flat = f"{indent}{source}{ending}"
    if isinstance(source, str) or not source.items:
        return [flat]
    if not source.spreads() and len(flat) <= WIDTH:
        return [flat]
    inside = f"{indent}{INDENT}{', '.join(map(str, source.items))}"
    if not source.spreads() and len(inside) <= WIDTH:
        return [f"{indent}{source.head}", inside, f"{indent}{source.tail}{ending}"]
    items = [line for item in source.items for line in lines_of(item, depth + 1, ",")]
    return [f"{indent}{source.head}", *items, f"{indent}{source.tail}{ending}"]


def call(function: str, *positional: str, **named: str) -> Bracketed:
    """A call, its arguments being source already.

    >>> str(call("Output", text_literal("clean"), type=text_literal("clean_data")))
    'Output("clean", type="clean_data")'
    """
    return Bracketed(f"{function}(", (*positional, *(f"{name}={value}" for name, value in named.items())), ")")


def literal(value: Value) -> str:
    """A scalar as a literal that `ast.literal_eval` reads back. Raises ContractError for NaN, which has none.

    >>> [literal(value) for value in ("it's", 10.0, float("-inf"), True, None)]
    ['"it\\'s"', '10.0', '-1e999', 'True', 'None']
    """
    if isinstance(value, str):
        return text_literal(value)
    if isinstance(value, float) and math.isnan(value):
        raise ContractError("NaN cannot be written as a Python literal", hint="choose a number for the contract")
    if isinstance(value, float) and math.isinf(value):
        return "1e999" if value > 0 else "-1e999"
    return repr(value)


def text_literal(text: str) -> str:
    """A text as a string literal, in double quotes unless it has some itself."""
    if '"' in text:
        return repr(text)
    # With a single quote in it, repr chooses double quotes; it is taken off again.
    return '"' + repr("'" + text)[2:]


def docstring_lines(text: str, depth: int = 0) -> list[str]:
    """A docstring of one paragraph, broken into lines where it is long; none for an empty text."""
    if not text:
        return []
    indent = INDENT * depth
    if not text.isprintable():
        return [f"{indent}{text_literal(text)}"]
    escaped = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    escaped = escaped[:-1] + '\\"' if escaped.endswith('"') else escaped
    if len(flat := f'{indent}"""{escaped}"""') <= WIDTH:
        return [flat]
    wrapper = textwrap.TextWrapper(WIDTH - len(indent), break_long_words=False, break_on_hyphens=False)
    return [*(indent + line for line in wrapper.wrap(f'"""{escaped}')), f'{indent}"""']


_import = re.compile(r"(?:from (?P<origin>[\w.]+) )?import (?P<name>[\w.]+)(?: as (?P<alias>\w+))?")


def import_lines(statements: Iterable[str]) -> list[str]:
    """Import statements (`import x`, `import x as y`, `from x import y`), each once, merged and sorted as isort does.

    >>> import_lines(["from typing import Any", "import typer", "import json", "from typing import Annotated"])
    ['import json', 'from typing import Annotated, Any', '', 'import typer']
    """
    plain: set[str] = set()
    members: dict[str, set[str]] = {}
    for statement in statements:
        match = _import.fullmatch(statement)
        if match is None:
            raise ValueError(f"not a single import: {statement}")
        if match["origin"]:
            members.setdefault(match["origin"], set()).add(match["name"])
        else:
            plain.add(statement)
    blocks: dict[bool, list[str]] = {}
    for module, line in [
        *sorted((line.split()[1], line) for line in plain),
        *((origin, f"from {origin} import {', '.join(sorted(names))}") for origin, names in sorted(members.items())),
    ]:
        blocks.setdefault(module.partition(".")[0] not in sys.stdlib_module_names, []).append(line)
    own, others = blocks.get(False, []), blocks.get(True, [])
    return [*own, *([""] if own and others else []), *others]
