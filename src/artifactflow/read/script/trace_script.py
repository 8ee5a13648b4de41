"""The command line of a script, learnt by running it up to where it parses its arguments: only on request.

`read_script` tells it from the text and runs nothing. Where that cannot be complete (options made in a loop over a
file, a parser that a library builds), `trace_script` starts the script in a process of its own, with the parsing of
argparse intercepted: what stands before it in the script is run, what stands behind it is not.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from artifactflow.errors import ContractError, Place
from artifactflow.parameters import REQUIRED, ParameterType
from artifactflow.read.script.argparse_options import SUPPRESS
from artifactflow.read.script.command_line import CommandLine, Default, Option
from artifactflow.read.script.converters import CONVERTERS
from artifactflow.read.script.static_values import UNKNOWN, Unknown

LONGEST: Final = 10.0
"""Seconds that a script may take until it parses its arguments."""

_CHILD: Final = Path(__file__).resolve().parents[2] / "child" / "trace.py"
_BOOLEANS: Final = frozenset({"store_true", "store_false", "boolean"})
_FLAGS: Final = _BOOLEANS | {"store_const", "append_const", "count", "help", "version"}
_VALUES: Final = frozenset({"store", "append", "extend", "parsers"})
_MAY_BE_NONE: Final = frozenset({"?", "*", "...", SUPPRESS})


def trace_script(script: Path, folder: Path, seconds: float = LONGEST) -> CommandLine:
    """The options of the parser that `script` has when it first parses arguments, started in `folder`.

    This runs the script's code. Its output is thrown away, and what it has started is killed with it.
    Raises ContractError where it does not come so far: it fails before, takes longer than `seconds`, or has no argparse
    parser.
    """
    with tempfile.TemporaryDirectory(prefix="artifactflow-trace-") as temporary:
        file = Path(temporary, "parser.json")
        _run([sys.executable, str(_CHILD), str(script.resolve()), str(file)], folder, seconds, Place(str(script)))
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise ContractError(
                "the script cannot be traced: its process ended before it parsed its arguments",
                place=Place(str(script)),
            ) from None
    if "error" in found:
        raise ContractError(f"the script cannot be traced: {found['error']}", place=Place(str(script)))
    line = _command_line(found["parser"], script)
    if not found["known"]:
        return line
    reason = "the script may parse what this parser leaves over", Place(str(script), 1, 1)
    return replace(line, complete=False, accepts_unknown=True, unknown_reasons=(reason,))


def _run(command: list[str], folder: Path, seconds: float, place: Place) -> None:
    with subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise ContractError(
                f"the script cannot be traced: it has not parsed its arguments after {seconds:g} s", place=place
            ) from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def merge(static: CommandLine, traced: CommandLine) -> CommandLine:
    """What was traced, with what only the text tells: exact places, what a lambda gives, the uses of the namespace.

    What the namespace may have besides cannot be traced: a script that sets attributes itself does so later.
    """
    known = {option.names: option for option in static.options}
    options = tuple(_merged(known.get(option.names), option) for option in traced.options)
    return replace(traced, options=options, uses=static.uses, attributes=static.attributes)


def _merged(static: Option | None, traced: Option) -> Option:
    if static is None:
        return traced
    kind = static.type if traced.type is UNKNOWN else traced.type
    return replace(traced, place=static.place, converter=static.converter, type=kind)


def _command_line(parser: Mapping[str, Any], script: Path) -> CommandLine:
    return CommandLine(
        "argparse",
        options=tuple(_option(each, script) for each in parser["options"]),
        subcommands={name: _command_line(sub, script) for name, sub in parser["subcommands"].items()},
        abbreviates=parser["abbreviates"],
    )


def _option(stated: Mapping[str, Any], script: Path) -> Option:
    names, action, nargs = tuple(stated["names"]), stated["action"], stated["nargs"]
    flag = action in _FLAGS
    # argparse itself calls a positional of any number required, though none will do.
    required = stated["required"] if names or action == "parsers" else nargs not in _MAY_BE_NONE
    suppressed = stated["suppressed"] or action in ("help", "version")
    hidden = stated["help"] == SUPPRESS
    choices = stated["choices"]
    return Option(
        names=names or (stated["dest"],),
        dest=stated["dest"],
        place=_place(stated["added_at"], script),
        type=_type(action, stated["type"]),
        default=None if suppressed else REQUIRED if required else _default(stated["default"], action),
        required=required,
        choices=None if choices is None else tuple(choices[0]) if choices else UNKNOWN,
        description="" if hidden else stated["help"] or "",
        flag=flag,
        action=action,
        nargs=0 if flag else nargs,
        positional=not names,
        converter="bool" if stated["type"] == "builtins.bool" else stated["type"],
        multiple=action in {"append", "append_const", "extend"},
        off_names=tuple(name for name in names if action == "boolean" and f"--{name[5:]}" in names),
        suppressed=suppressed,
        hidden=hidden,
    )


def _type(action: str, converter: str | None) -> ParameterType | Unknown | None:
    if action in _BOOLEANS:
        return ParameterType.BOOL
    if action == "count":
        return ParameterType.INT
    if action in _FLAGS or action == "parsers":
        return None
    if action not in _VALUES:
        return UNKNOWN
    return ParameterType.STR if converter is None else CONVERTERS.get(converter, UNKNOWN)


def _default(data: list[Any], action: str) -> Default:
    return data[0] if data and action in _FLAGS | _VALUES else UNKNOWN


def _place(added_at: list[Any] | None, script: Path) -> Place:
    """Where the option was added: the line, from its first character on."""
    if added_at is None:
        return Place(str(script))
    file, line = Path(added_at[0]), int(added_at[1])
    folder = script.resolve().parent
    shown = script.parent / file.relative_to(folder) if file.is_relative_to(folder) else file
    try:
        text = file.read_text(encoding="utf-8", errors="replace").splitlines()[line - 1]
    except (OSError, IndexError):
        return Place(str(shown), line)
    return Place(str(shown), line, len(text) - len(text.lstrip()) + 1)
