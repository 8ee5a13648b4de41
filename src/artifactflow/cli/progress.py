"""What a person sees while a pipeline runs: a line for each step, and under it the last line that it printed."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

import typer

from artifactflow.cli.render import seconds_text
from artifactflow.runs import StepOutcome

if TYPE_CHECKING:
    from rich.status import Status


class PipelineProgress:
    """Prints RUN or REUSE with the reason as each step comes up.

    On a terminal the running step has a spinner, its time and its last line; elsewhere there are plain lines only.
    With `quiet` nothing but warnings and failures is shown, on standard error.
    """

    def __init__(self, steps: list[str], *, quiet: bool = False) -> None:
        self.width = max(map(len, steps), default=0)
        self.quiet = quiet
        self.status: Status | None = None
        self.started = 0.0
        self.running = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()

    def step_started(self, step: str, reason: str) -> None:
        """Show that the step runs, and why."""
        self._line(step, "RUN", reason)
        self.started, self.running = time.monotonic(), step
        if not self.quiet and sys.stdout.isatty():
            from rich.status import Status

            self.status = Status(step, spinner="dots")
            self.status.start()

    def step_printed(self, step: str, line: str) -> None:
        """Show the last line of the running step."""
        if self.status is not None and line.strip():
            from rich.markup import escape

            elapsed = seconds_text(time.monotonic() - self.started)
            self.status.update(f"{step}  [dim]{elapsed}  {escape(line.strip()[:100])}[/]")

    def step_ended(self, outcome: StepOutcome) -> None:
        """Show what became of the step; one that was reused says so here."""
        self._stop()
        if outcome.decision == "REUSE":
            self._line(outcome.step, "REUSE", outcome.reason)
        elif not self.quiet:
            made = ", ".join(outcome.outputs.values()) or outcome.decision.lower()
            self._say(f"{'':{self.width}}         → {made} in {seconds_text(outcome.seconds)}")

    def warned(self, message: str) -> None:
        """Show a warning; it does not stop the run."""
        typer.echo(f"warning: {message}", err=True)

    def _line(self, step: str, decision: str, reason: str) -> None:
        if not self.quiet:
            colour = {"RUN": typer.colors.YELLOW, "REUSE": typer.colors.GREEN}[decision]
            self._say(f"{step:{self.width}}  {typer.style(f'{decision:5}', fg=colour)}  {reason}")

    def _say(self, text: str) -> None:
        try:
            typer.echo(text)
        except BrokenPipeError:
            self.quiet = True  # whoever read along has gone (`| head`); the run goes on

    def _stop(self) -> None:
        if self.status is not None:
            self.status.stop()
            self.status = None
