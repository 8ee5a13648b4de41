"""Executes a step's command as a process of its own, in a process group of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from artifactflow.errors import MissingToolError
from artifactflow.executors.task import PrintLine, Task
from artifactflow.parameters import Value, format_value
from artifactflow.read.command import Command, parse_command

GRACE_SECONDS = 5.0
"""How long a step may take to end after it was asked to, before it is killed."""


class CommandExecutor:
    """The interpreter that runs artifactflow also runs the steps: `python` in a command means this one."""

    def __init__(self, python: Path | None = None) -> None:
        self.python = python or Path(sys.executable)

    def command(self, task: Task) -> Command:
        """The command with its values in it, as it will be executed."""
        template = parse_command(task.contract.command, task.contract.places.get("command"))
        texts = {name: argument_text(value) for name, value in task.values.items()}
        flags = {parameter.name for parameter in task.contract.parameters if parameter.flag}
        optional = {parameter.name for parameter in task.contract.parameters if parameter.optional}
        optional |= {item.name for item in task.contract.inputs if item.optional}
        named = set(template.placeholders)
        extra = [
            (name, None if name in flags else texts[name])
            for name, value in task.values.items()
            if name in optional - named and value is not None and not (name in flags and not value)
        ]
        return template.render({**dict.fromkeys(named & optional, ""), **texts}, extra)

    def execute(self, task: Task, print_line: PrintLine) -> int:
        """Run the command in the component's folder. Raises MissingToolError where its program does not exist."""
        command = self.command(task)
        program = command.argv[0]
        if program in ("python", "python3"):
            program = str(self.python)
        search = os.pathsep.join([str(self.python.parent), task.environment.get("PATH", os.defpath)])
        with task.log.open("wb") as log:
            try:
                process = subprocess.Popen(
                    [program, *command.argv[1:]],
                    cwd=task.component.folder,
                    env={**task.environment, "PATH": search},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except FileNotFoundError as error:
                raise MissingToolError(
                    f"the program {program!r} of {task.component.name} is not installed",
                    place=task.contract.places.get("command"),
                    hint=f"install it, or correct the command: {task.contract.command}",
                ) from error
            with process:  # closes the pipe
                try:
                    _copy_lines(process.stdout or (), log, print_line)
                    return process.wait()
                except BaseException:
                    end_group(process)
                    raise


def argument_text(value: Value) -> str:
    """A value as MLflow hands it to a script: `True`, and a whole number without `.0`, which every parser takes.

    >>> [argument_text(value) for value in (True, 10.0, 0.5, None)]
    ['True', '10', '0.5', '']
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value) if isinstance(value, bool) else format_value(value)


def _copy_lines(source: Iterable[bytes], log: IO[bytes], print_line: PrintLine) -> None:
    for line in source:
        log.write(line)
        log.flush()
        print_line(line.decode(errors="replace").rstrip("\r\n"))


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and every descendant in its group: asked first, killed after a grace."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        deadline = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < deadline and _group_lives(process):
            time.sleep(0.02)
    process.wait()


def _group_lives(process: subprocess.Popen[bytes]) -> bool:
    process.poll()
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True
