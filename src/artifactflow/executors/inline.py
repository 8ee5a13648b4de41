"""Executes step functions in this process: `artifactflow train`, typed directly, and steps run with `--inline`."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TextIO

from artifactflow.errors import ArtifactflowError
from artifactflow.executors.masking import Masking
from artifactflow.executors.step_functions import StepFunctions
from artifactflow.executors.task import Ended, PrintLine, Stop, Task
from artifactflow.invoke.step_function import call_step_function


class InlineExecutor:
    """Calls `function` itself. An artifactflow error passes through as it is: there is no process between."""

    in_this_thread = True

    def __init__(self, function: Callable[..., object]) -> None:
        self.function = function

    def execute(self, task: Task, print_line: PrintLine, stop: Stop) -> Ended:
        """Exit code 0, or 1 where the function raised something else than an artifactflow error.

        The traceback is then in the log. A function that runs in this process cannot be stopped from outside.
        """
        with (
            task.log.open("a", encoding="utf-8") as log,
            contextlib.redirect_stdout(_Lines(log, _to(sys.stdout, print_line), task.secrets)) as lines,
            _variables(task.environment, dict(os.environ)),
            _measured() as facts,
        ):
            try:
                call_step_function(self.function, task.values)
            except ArtifactflowError:
                raise
            except Exception:
                lines.write(traceback.format_exc())
                return Ended(1, facts=facts)
            finally:
                lines.finish()
        return Ended(0, facts=facts)


class StepFunctionExecutor:
    """Calls the step function of any component that `StepFunctions` can load, as its own process would call it.

    What it prints by Python goes to the log, on both streams; an exception is an exit code and a traceback there. Steps
    that run so share one process, one after another: its memory, its modules and what they change in them.
    """

    in_this_thread = True

    def __init__(self, functions: StepFunctions) -> None:
        self.functions = functions
        self._variables = dict(os.environ)

    def execute(self, task: Task, print_line: PrintLine, stop: Stop) -> Ended:
        """Exit code 0, that of an artifactflow error or of `sys.exit`, or 1 for another exception."""
        code = 0
        # Most steps print a line or none: the log is written once, at the end.
        printed = io.StringIO()
        with (
            _Lines(printed, _to(sys.stdout, print_line), task.secrets) as lines,
            contextlib.redirect_stdout(lines),
            contextlib.redirect_stderr(lines),
            _variables(task.environment, self._variables),
            _measured() as facts,
        ):
            try:
                with self.functions.loaded(task.component, task.contract) as function:
                    call_step_function(function, self.functions.values(function, task.values))
            except ArtifactflowError as error:
                lines.write(f"{error.render()}\n")
                code = error.exit_code
            except SystemExit as error:
                code = _exit_code(error, lines)
            except Exception:
                lines.write(traceback.format_exc())
                code = 1
            finally:
                lines.finish()
                with task.log.open("a", encoding="utf-8") as log:
                    log.write(printed.getvalue())
        return Ended(code, facts=facts)


def _exit_code(error: SystemExit, lines: _Lines) -> int:
    """As Python ends a process: a number is the code, anything else is printed."""
    if error.code is None or isinstance(error.code, int):
        return (error.code or 0) & 0xFF
    lines.write(f"{error.code}\n")
    return 1


@contextlib.contextmanager
def _measured() -> Iterator[dict[str, Any]]:
    """The facts of an execution, complete when the body has ended. The peak is that of the whole process."""
    facts: dict[str, Any] = {"process": "inline"}
    before = time.process_time()
    try:
        yield facts
    finally:
        facts["peak_memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
            1 if sys.platform == "darwin" else 1024
        )
        facts["cpu_seconds"] = round(time.process_time() - before, 3)


def _to(stream: TextIO, print_line: PrintLine) -> PrintLine:
    """`print_line` with standard output as it was before it was redirected: an observer may print there."""

    def print_there(line: str) -> None:
        with contextlib.redirect_stdout(stream):
            print_line(line)

    return print_there


class _Lines(io.TextIOBase):
    """A stream that writes to the log and hands on whole lines, with the secrets in them masked."""

    def __init__(self, log: TextIO, print_line: PrintLine, secrets: tuple[str, ...]) -> None:
        self.log = log
        self.print_line = print_line
        self.masking = Masking(secrets)
        self.rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._keep(self.masking.feed_text(text))
        return len(text)

    def _keep(self, text: str) -> None:
        self.log.write(text)
        *lines, self.rest = (self.rest + text).split("\n")
        for line in lines:
            self.print_line(line)

    def finish(self) -> None:
        """Hand on a last line that has no end."""
        self._keep(self.masking.finish_text())
        if self.rest:
            self.print_line(self.rest)
            self.rest = ""


@contextlib.contextmanager
def _variables(wanted: Mapping[str, str], before: Mapping[str, str]) -> Iterator[None]:
    """Have environment variables as wanted during the body, and as they were `before` after it."""
    for name, value in wanted.items():
        if before.get(name) != value:
            os.environ[name] = value
    try:
        yield
    finally:
        now = dict(os.environ)
        for name in now.keys() - before.keys():
            del os.environ[name]
        for name, value in before.items():
            if now.get(name) != value:
                os.environ[name] = value
