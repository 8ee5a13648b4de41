"""Mappings and lists as JSON: UTF-8, indented, keys in the order in which they were given.

JSON knows fewer things than Python. numpy scalars and arrays become numbers and lists, dates ISO 8601 texts, paths
texts, tuples lists. NaN and the infinities become null: JSON has no word for them, and a file that only Python can
read is worse than a hole. Anything else is an error, never a guess.
"""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from artifactflow.errors import IntegrityError, Place, StepFailedError
from artifactflow.formats.folder import file_to_read

name = "structured"
ending = ".json"


def read(path: Path) -> Any:
    """What the JSON in the file says. Raises IntegrityError with line and column where it is no JSON in UTF-8."""
    file = file_to_read(path, "a JSON file", lambda candidate: candidate.suffix.lower() == ending)
    try:
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise IntegrityError(f"not JSON: {error.msg}", place=Place(str(file), error.lineno, error.colno)) from error
    except UnicodeDecodeError as error:
        raise IntegrityError(f"{file} is not UTF-8: {error.reason} at byte {error.start}") from error


def write(value: Any, path: Path) -> None:
    """Write a mapping or a list. Raises StepFailedError naming the place in `value` that JSON cannot hold."""
    if not isinstance(value, (Mapping, list, tuple)):
        raise StepFailedError(f"the step gave a {type(value).__name__}, expected a dict or a list")
    text = json.dumps(to_json(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        path.write_bytes(text.encode())
    except UnicodeEncodeError as error:
        raise StepFailedError(f"a text cannot be written as UTF-8: {error.reason} in {error.object!r:.60}") from error


def to_json(value: Any, where: str = "the result") -> Any:
    """`value` with nothing in it but what JSON has. `where` names it in errors.

    >>> to_json({"loss": float("nan"), 3: (1, Path("a/b"))})
    {'loss': None, '3': [1, 'a/b']}
    """
    match value:
        case None | bool() | str() | int():
            return value
        case float():
            return float(value) if math.isfinite(value) else None
        case Mapping():
            result: dict[str, Any] = {}
            for key, item in value.items():
                text = _key(key, where)
                if text in result:
                    raise StepFailedError(f"{where} has two keys that JSON both writes as {text!r}")
                result[text] = to_json(item, f"{where}[{text!r}]")
            return result
        case list() | tuple():
            return [to_json(item, f"{where}[{position}]") for position, item in enumerate(value)]
        case datetime.datetime() | datetime.date() | datetime.time():
            return value.isoformat()
        case PurePath():
            return str(value)
    # numpy and pandas are known by what they offer, without importing them.
    if hasattr(value, "tolist"):
        return to_json(value.tolist(), where)
    raise StepFailedError(f"{where} is a {type(value).__name__}, which JSON cannot hold")


def _key(key: Any, where: str) -> str:
    plain = key.item() if hasattr(key, "item") else key
    match plain:
        case str():
            return plain
        case None | bool() | int() | float():
            return json.dumps(plain)
    raise StepFailedError(f"{where} has a key of type {type(key).__name__}, expected a text or a number")
