"""Values → YAML on one line, such that YAML 1.1 and 1.2 read back what was meant; edits that leave the rest alone."""

from __future__ import annotations

import difflib
import io
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import yaml

from artifactflow.errors import ContractError, Place

_TEXT_TAG = "tag:yaml.org,2002:str"
_plain_in_flow = re.compile(r"[\w./]([\w ./@%+-]*[\w./@%+-])?")
_plain_in_block = re.compile(r"""[\w./]([\w ./@%+=$(){}\[\]<>|&;,*!?~^'"-]*[\w./@%+=$(){}\[\]<>|&;,*!?~^'"-])?""")
_number_like = re.compile(r"[-+.]?[0-9][0-9a-fA-FxXoO_.:+-]*")
_escaped = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


def format_text(text: str, *, flow: bool = True) -> str:
    """A text as YAML, plain where every reader takes it for a text, else in double quotes on one line.

    `flow` is for values inside of braces or brackets, where fewer characters may stand bare.

    >>> [format_text(text) for text in ("mean", "no", "1.10", "a: b", "Lowest price, in USD")]
    ['mean', '"no"', '"1.10"', '"a: b"', '"Lowest price, in USD"']
    """
    plain = (_plain_in_flow if flow else _plain_in_block).fullmatch(text)
    if plain and not _number_like.fullmatch(text) and _reads_as_text(text):
        return text
    return _escaped.sub(_escape, json.dumps(text, ensure_ascii=False))


def _reads_as_text(text: str) -> bool:
    tag = yaml.resolver.Resolver().resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    # What YAML 1.1 and other readers than PyYAML take for truth values.
    return tag == _TEXT_TAG and text.lower() not in ("y", "n") and len(text) < 1000


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def format_scalar(value: str | int | float | bool) -> str:
    """A scalar as YAML; a whole float is written as an int, which a float parameter reads alike.

    >>> [format_scalar(value) for value in (True, 3, 10.0, 0.001, 1e-05, float("inf"), "on")]
    ['true', '3', '10', '0.001', '1.0e-05', '.inf', '"on"']
    """
    if isinstance(value, str):
        return format_text(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 and str(value) != "-0.0":
        value = int(value)
    dumped: str = yaml.safe_dump(value)
    return dumped.removesuffix("\n...\n").strip()


def format_list(values: Sequence[Any]) -> str:
    """A list of scalars in brackets."""
    return "[" + ", ".join(format_scalar(value) for value in values) + "]"


def format_mapping(items: Mapping[str, Any]) -> str:
    """A mapping of scalars and lists of scalars in braces.

    >>> format_mapping({"type": "str", "choices": ["mean", "no"]})
    '{type: str, choices: [mean, "no"]}'
    """
    return "{" + ", ".join(f"{format_text(key)}: {_format(value)}" for key, value in items.items()) + "}"


def _format(value: Any) -> str:
    return format_list(value) if isinstance(value, (list, tuple)) else format_scalar(value)


def edit_yaml(text: str, change: Callable[[Any], None], file: str) -> str:
    """`text` after `change` has altered its mapping in place: comments, order, quotes and untouched lines stay.

    A text that `change` puts in is quoted where YAML 1.1 would read it as something else.
    Raises ContractError for a text that is not a mapping in YAML, or has a key twice: which one is meant is not ours to
    say. `file` names the text in messages.
    """
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        before, after = _load(text), _load(text)
        if not isinstance(before, dict):
            raise ContractError("only a mapping can be edited", place=Place(file))
        change(after)
        _quote_new(before, after)
        written, edited = _dump(text, before), _dump(text, after)
    except YAMLError as error:
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        raise ContractError(
            f"the file cannot be edited: {getattr(error, 'problem', None) or type(error).__name__}",
            hint="mend it by hand first",
            place=Place(file, mark.line + 1, mark.column + 1) if mark else Place(file),
        ) from None
    merged = _keep_lines(text, written, edited)
    # Lines of a text that was laid out in another way do not fit together: then the whole is written anew.
    return merged if _same_data(merged, edited) else edited


def _ruamel(text: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.util import load_yaml_guess_indent

    _, indent, offset = load_yaml_guess_indent(text)
    editor = YAML()
    editor.preserve_quotes = True
    editor.width = sys.maxsize
    editor.indent(mapping=indent or 2, sequence=indent or 2, offset=offset or 0)
    return editor


def _load(text: str) -> Any:
    return _ruamel(text).load(text)


def _dump(text: str, data: Any) -> str:
    stream = io.StringIO()
    _ruamel(text).dump(data, stream)
    return stream.getvalue()


def _quote_new(before: Any, after: Any) -> None:
    """Quote what `change` put in and YAML 1.1 would misread; ruamel knows the rules of YAML 1.2 only."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    if isinstance(after, dict):
        pairs = [(key, before.get(key) if isinstance(before, dict) else None) for key in after]
    elif isinstance(after, list):
        pairs = [
            (index, before[index] if isinstance(before, list) and index < len(before) else None)
            for index in range(len(after))
        ]
    else:
        return
    for key, old in pairs:
        new = after[key]
        if type(new) is str and new != old and format_text(new, flow=False) != new:
            after[key] = DoubleQuotedScalarString(new)
        else:
            _quote_new(old, new)


def _keep_lines(text: str, written: str, edited: str) -> str:
    """The edited text with the lines of the original wherever the edit left them alone."""
    original, before, after = (part.splitlines(keepends=True) for part in (text, written, edited))
    if len(original) != len(before):
        return edited
    lines: list[str] = []
    for kind, first, last, start, end in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        lines += original[first:last] if kind == "equal" else after[start:end]
    return "".join(lines)


def _same_data(one: str, other: str) -> bool:
    try:
        return bool(yaml.safe_load(one) == yaml.safe_load(other))
    except yaml.YAMLError:
        return False
