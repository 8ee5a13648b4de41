"""Executes a built-in step function in this process: what `artifactflow train`, typed directly, does."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import TextIO

from artifactflow.errors import ArtifactflowError
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
            contextlib.redirect_stdout(_Lines(log, _to(sys.stdout, print_line))) as lines,
            _variables(task.environment),
        ):
            try:
                call_step_function(self.function, task.values)
            except ArtifactflowError:
                raise
            except Exception:
                lines.write(traceback.format_exc())
                return Ended(1, facts={"process": "inline"})
            finally:
                lines.finish()
        return Ended(0, facts={"process": "inline"})


def _to(stream: TextIO, print_line: PrintLine) -> PrintLine:
    """`print_line` with standard output as it was before it was redirected: an observer may print there."""

    def print_there(line: str) -> None:
        with contextlib.redirect_stdout(stream):
            print_line(line)

    return print_there


class _Lines(io.TextIOBase):
    """A stream that writes to the log and hands on whole lines."""

    def __init__(self, log: TextIO, print_line: PrintLine) -> None:
        self.log = log
        self.print_line = print_line
        self.rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.log.write(text)
        *lines, self.rest = (self.rest + text).split("\n")
        for line in lines:
            self.print_line(line)
        return len(text)

    def finish(self) -> None:
        """Hand on a last line that has no end."""
        if self.rest:
            self.print_line(self.rest)
            self.rest = ""


@contextlib.contextmanager
def _variables(wanted: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
