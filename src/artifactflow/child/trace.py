"""Runs a script until it parses its command line, and writes down the options that its argparse parser has then.

Started as `python trace.py SCRIPT FILE`. The script runs as `__main__` up to its first `parse_args` or
`parse_known_args`, where the process ends: nothing behind that is run. FILE is then JSON: the parser under `parser`,
or what went wrong under `error`.
"""

import argparse
import enum
import json
import os
import runpy
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any, NoReturn

MOST_CHOICES = 1000
"""Choices that are written down; what has more, or has no end, is not."""


def main() -> None:
    """Trace the script that the command line names."""
    script, file = sys.argv[1], Path(sys.argv[2])
    container: Any = argparse._ActionsContainer
    container.add_argument = _placed(container.add_argument)
    for name in ("parse_args", "parse_known_args", "parse_intermixed_args"):
        setattr(argparse.ArgumentParser, name, _stop(file, known="known" in name))
    sys.argv = [script]
    sys.path[0] = str(Path(script).parent)
    try:
        runpy.run_path(script, run_name="__main__")
    except BaseException as error:
        _end(file, {"error": f"{type(error).__name__}: {error}"[:500]})
    _end(file, {"error": "it does not parse its arguments by argparse"})


def _placed(add_argument: Callable[..., Any]) -> Callable[..., Any]:
    """`add_argument`, which notes the line of its caller on what it adds."""

    def add(self: Any, *names: Any, **settings: Any) -> Any:
        action = add_argument(self, *names, **settings)
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_code.co_filename == argparse.__file__:
            frame = frame.f_back
        action.added_at = (frame.f_code.co_filename, frame.f_lineno)
        return action

    return add


def _stop(file: Path, *, known: bool) -> Callable[..., NoReturn]:
    def parse(self: argparse.ArgumentParser, *_arguments: Any, **_settings: Any) -> NoReturn:
        _end(file, {"parser": _parser(self), "known": known})

    return parse


def _end(file: Path, content: Mapping[str, Any]) -> NoReturn:
    """Write what is known and end at once: no handler and no `except` of the script's has a say in it."""
    file.write_text(json.dumps(content), encoding="utf-8")
    os._exit(0)


def _parser(parser: argparse.ArgumentParser) -> dict[str, Any]:
    return {
        "options": [_option(parser, action) for action in parser._actions],
        "abbreviates": parser.allow_abbrev,
        "subcommands": {
            name: _parser(sub)
            for action in parser._actions
            if isinstance(action, argparse._SubParsersAction)
            for name, sub in action.choices.items()
        },
    }


def _option(parser: argparse.ArgumentParser, action: argparse.Action) -> dict[str, Any]:
    words = {kind: word for word, kind in parser._registries["action"].items() if word is not None}
    default = parser._defaults.get(action.dest, action.default)
    return {
        "names": list(action.option_strings),
        "dest": action.dest,
        "action": "boolean"
        if isinstance(action, argparse.BooleanOptionalAction)
        else words.get(type(action), type(action).__name__),
        "nargs": action.nargs,
        "type": _converter(action.type),
        "default": _data(default),
        "suppressed": isinstance(default, str) and default == argparse.SUPPRESS,
        "required": action.required,
        "choices": None if action.choices is None else _data(_some(action.choices)),
        "help": None if action.help is None else str(action.help),
        "added_at": getattr(action, "added_at", None),
    }


def _some(choices: Iterable[Any]) -> object:
    found: list[Any] = []
    for choice in choices:
        found.append(choice)
        if len(found) > MOST_CHOICES:
            return ...
    return found


def _converter(kind: object) -> str | None:
    """The name of a converter, by which the reader knows those of the standard library."""
    if kind is None:
        return None
    if isinstance(kind, argparse.FileType):
        return "argparse.FileType"
    name = getattr(kind, "__qualname__", type(kind).__qualname__)
    module = getattr(kind, "__module__", None) or ""
    return f"{module.partition('._')[0]}.{name}"


def _data(value: object) -> list[Any]:
    """The value in a list, or an empty list where it is no plain data."""
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, PurePath):
        value = str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return [value]
    if isinstance(value, list | tuple):
        parts = [_data(part) for part in value]
        if all(part and not isinstance(part[0], list) for part in parts):
            return [[part[0] for part in parts]]
    return []


if __name__ == "__main__":
    main()
