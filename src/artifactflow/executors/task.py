"""What an executor is given, and what it promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from artifactflow.contract import Component, Contract
from artifactflow.parameters import Value

PrintLine = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Task:
    """One execution: `values` has every parameter, and inputs and outputs as paths; `log` is where output goes."""

    component: Component
    contract: Contract
    values: Mapping[str, Value]
    environment: Mapping[str, str]
    log: Path


class Executor(Protocol):
    """Runs a task to its end, with what it prints in the task's log and, line by line, handed to `print_line`."""

    def execute(self, task: Task, print_line: PrintLine) -> int:
        """The exit code, negative for the signal that ended it. KeyboardInterrupt leaves nothing running behind."""
