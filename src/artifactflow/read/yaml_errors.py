"""PyYAML's errors in plain words, with a place and a mend where one is known."""

from __future__ import annotations

from typing import Any

import yaml

from artifactflow.errors import ContractError, Place

_HINTS = {
    "mapping values are not allowed": "a colon and a blank start a value: put a text that has them in quotes",
    "that cannot start any token": "put the text in quotes; indent with blanks, never with tabs",
    "could not find expected ':'": "a key needs a colon and a blank after it, and keys of one level the same indent",
    "expected <block end>": "keys of one level need the same indent",
    "expected ',' or": "close the bracket, and put a text with commas or brackets in quotes",
    "unexpected end of stream": "close the quote or the bracket that is open",
    "undefined alias": "a text that begins with * has to be quoted",
}


def place_of(file: str, mark: Any) -> Place:
    """The place of PyYAML's mark, which counts from 0."""
    return Place(file, mark.line + 1, mark.column + 1)


def translated(error: yaml.MarkedYAMLError, source: str, file: str) -> ContractError:
    """What PyYAML says of a text that is not YAML."""
    problem = " ".join(part for part in (error.problem, error.context) if part) or "it cannot be parsed"
    mark = error.problem_mark or error.context_mark
    hint = next((hint for words, hint in _HINTS.items() if words in problem), None)
    if "{{" in source or "{%" in source:
        hint = "this looks like a template: fill it in first"
    return ContractError(f"this is not YAML: {problem}", hint=hint, place=place_of(file, mark) if mark else Place(file))


def unprintable(source: str, file: str) -> ContractError:
    """The error for a text with a control character or half a surrogate pair, at the first of them."""
    found = yaml.reader.Reader.NON_PRINTABLE.search(source)
    if found is None:
        return ContractError("this is not YAML: it holds a character that cannot be printed", place=Place(file))
    line_start = source.rfind("\n", 0, found.start()) + 1
    return ContractError(
        f"this is not YAML: it holds the character U+{ord(found[0]):04X}",
        hint='write it as an escape in double quotes: "\\x07"',
        place=Place(file, source.count("\n", 0, found.start()) + 1, found.start() - line_start + 1),
    )
