"""The command line of any Python script, told from its text: no code of the script is run and nothing is imported.

`read_script` knows argparse, click, Typer, Hydra and `sys.argv`. What it cannot know is UNKNOWN, or makes the command
line incomplete with a reason; it is never guessed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Final

from artifactflow.errors import ContractError, Place
from artifactflow.read.script.argparse_script import argparse_command_line
from artifactflow.read.script.argv_script import argv_command_line
from artifactflow.read.script.click_script import click_command_line
from artifactflow.read.script.command_line import CommandLine, Default, Kind, Option
from artifactflow.read.script.hydra_script import hydra_command_line
from artifactflow.read.script.module_constants import Module, parse_module, qualified_name, read_module
from artifactflow.read.script.static_values import UNKNOWN, Imported, Unknown
from artifactflow.read.script.typer_script import typer_command_line
from artifactflow.read.source import nodes_of

_READERS: Final[tuple[Callable[[Module], CommandLine | None], ...]] = (
    hydra_command_line,
    typer_command_line,
    click_command_line,
    argparse_command_line,
    argv_command_line,
)
_OTHERS: Final = frozenset(
    {"fire", "docopt", "absl", "tap", "simple_parsing", "jsonargparse", "tyro", "configargparse", "optparse", "getopt"}
    | {"plac", "cyclopts", "transformers.HfArgumentParser", "pydantic_settings", "argh", "clize", "defopt"}
)


def read_script(path: Path) -> CommandLine:
    """The command line of the script at `path`; modules beside it are followed where it imports them.

    Raises NotFoundError where there is none, OutsideError where it cannot be read, and ContractError with the place
    where it is no Python, larger than 2 MiB or 60,000 words and signs, or nested too deeply.
    """
    return _read(read_module(path))


def read_script_text(text: str, file: str, folder: Path | None = None) -> CommandLine:
    """The command line of a script with this text. `file` names it in places; modules are looked for in `folder`.

    >>> line = read_script_text("import sys; data = sys.argv[1]", "main.py")
    >>> line.kind, [option.dest for option in line.options]
    ('argv', ['data'])

    Raises ContractError as `read_script` does.
    """
    return _read(parse_module(text, file, folder))


def _read(module: Module) -> CommandLine:
    start = Place(module.file, 1, 1)
    imported = [value.name for value in module.names.values() if isinstance(value, Imported)]
    if _runs_step_function(module):
        note = "a step function: its signature is its command line"
        return CommandLine("step", complete=False, unknown_reasons=((note, start),), dash_underscore=True)
    try:
        for reader in _READERS:
            found = reader(module)
            if found is not None:
                return found
    except RecursionError:
        raise ContractError("the script is nested too deeply to be read", place=start) from None
    for name in imported:
        if name in _OTHERS or name.partition(".")[0] in _OTHERS:
            return CommandLine("none", complete=False, unknown_reasons=((f"{name} is not followed", start),))
    return CommandLine("none")


def _runs_step_function(module: Module) -> bool:
    if not any(
        isinstance(value, Imported) and value.name.startswith("artifactflow") for value in module.names.values()
    ):
        return False
    calls = (node.func for node in nodes_of(module.tree) if isinstance(node, ast.Call))
    return any(qualified_name(function, module.names) == "artifactflow.run" for function in calls)


__all__ = ["UNKNOWN", "CommandLine", "Default", "Kind", "Option", "Unknown", "read_script", "read_script_text"]
