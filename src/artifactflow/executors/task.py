"""What an executor is given, and what it promises."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from artifactflow.contract import Component, Contract
from artifactflow.parameters import Value

PrintLine = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Task:
    """One execution: `values` has every parameter, and inputs and outputs as paths; `log` is where output goes.

    After `timeout` seconds, where it is given, the step is ended. `shown` has what stands on the command line in place
    of values that go by environment variable, an empty text for what must not stand there at all. `secrets` are the
    texts that are masked in what the step prints.
    """

    component: Component
    contract: Contract
    values: Mapping[str, Value]
    environment: Mapping[str, str]
    log: Path
    timeout: float | None = None
    shown: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ended:
    """How an execution ended.

    `exit_code` is negative for the signal that ended it. `facts` are what is known of it beside: how it was started,
    its peak memory in bytes, its processor time in seconds.
    """

    exit_code: int
    timed_out: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)


class Stop:
    """Asked by whoever waits for executions, obeyed by those that run: an event with a way to be woken by it."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._kill = threading.Event()

    def set(self) -> None:
        """Ask everything that runs to end."""
        self._event.set()

    def kill(self) -> None:
        """Ask for no more, but kill."""
        self._kill.set()
        self._event.set()

    def is_killing(self) -> bool:
        """Whether the time of asking is over."""
        return self._kill.is_set()

    def is_set(self) -> bool:
        """Whether it was asked."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep, but not beyond being asked to stop; says whether it was."""
        return self._event.wait(seconds)


class Executor(Protocol):
    """Runs a task to its end, with what it prints in the task's log and, line by line, handed to `print_line`.

    `in_this_thread` says that it must be called in the main thread; any other is called in a thread of its own.
    """

    in_this_thread: bool

    def execute(self, task: Task, print_line: PrintLine, stop: Stop) -> Ended:
        """How it ended. When `stop` is set, or on KeyboardInterrupt, nothing is left running behind."""
