"""Executes a step's command as a process of its own, in a process group of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from artifactflow.child.processes import RUN_ID_VARIABLE
from artifactflow.errors import MissingToolError
from artifactflow.executors.orphans import noted
from artifactflow.executors.process import OwnChild, watch
from artifactflow.executors.task import Ended, PrintLine, Stop, Task
from artifactflow.parameters import Value, format_value
from artifactflow.read.command import Command, parse_command


class CommandExecutor:
    """Runs each step in a fresh process; `python` in a command means the interpreter that is given here.

    Without one it is the interpreter that runs artifactflow.
    """

    in_this_thread = False

    def __init__(self, python: Path | None = None) -> None:
        self.python = python or Path(sys.executable)

    def execute(self, task: Task, print_line: PrintLine, stop: Stop) -> Ended:
        """Run the command in the component's folder. Raises MissingToolError where its program does not exist."""
        command = filled_command(task)
        program = command.argv[0]
        if program in ("python", "python3"):
            program = str(self.python)
        run_id = task.environment.get(RUN_ID_VARIABLE, "")
        with noted("run_id", run_id):
            try:
                process = subprocess.Popen(
                    [program, *command.argv[1:]],
                    cwd=task.component.folder,
                    env=process_environment(task, self.python),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except (FileNotFoundError, PermissionError) as error:
                raise MissingToolError(
                    f"the program {program!r} of {task.component.name} cannot be started: {error.strerror}",
                    place=task.contract.places.get("command"),
                    hint=f"install it, or correct the command: {task.contract.command}",
                ) from error
            with noted("leader", str(process.pid)):
                ended = watch(OwnChild(process), task, print_line, stop)
        return replace(ended, facts={"process": "fresh", **ended.facts})


def process_environment(task: Task, python: Path) -> dict[str, str]:
    """The environment variables of the step's process: programs beside its interpreter are found first."""
    search = os.pathsep.join([str(python.parent), task.environment.get("PATH", os.defpath)])
    return {**task.environment, "PATH": search}


def filled_command(task: Task) -> Command:
    """The command with its values in it, as it will be executed."""
    template = parse_command(task.contract.command, task.contract.places.get("command"))
    texts = {name: argument_text(value) for name, value in task.values.items()} | dict(task.shown)
    flags = {parameter.name for parameter in task.contract.parameters if parameter.flag}
    optional = {parameter.name for parameter in task.contract.parameters if parameter.optional}
    optional |= {item.name for item in task.contract.inputs if item.optional}
    named = set(template.placeholders)
    extra = [
        (name, None if name in flags else texts[name])
        for name, value in task.values.items()
        if name in optional - named
        and value is not None
        and not (name in flags and not value)
        and task.shown.get(name) != ""
    ]
    return template.render({**dict.fromkeys(named & optional, ""), **texts}, extra)


def argument_text(value: Value) -> str:
    """A value as MLflow hands it to a script: `True`, and a whole number without `.0`, which every parser takes.

    >>> [argument_text(value) for value in (True, 10.0, 0.5, None)]
    ['True', '10', '0.5', '']
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value) if isinstance(value, bool) else format_value(value)
