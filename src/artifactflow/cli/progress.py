"""What a person sees while a pipeline runs: a line for each decision, and under them what runs now."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import typer

from artifactflow.cli.terminal import plain
from artifactflow.runs import StepOutcome
from artifactflow.words import seconds_text

if TYPE_CHECKING:
    from rich.live import Live

COLOURS = {"RUN": "yellow", "REUSE": "green", "SKIP": "blue", "FAILED": "red", "BLOCKED": "red", "STOPPED": "magenta"}
SHOWN_LINE = 100


@dataclass
class _Running:
    started: float
    line: str = ""


class PipelineProgress:
    """Prints each decision with its reason as it is made.

    On a terminal each running step has a line below, with its time and the last line of its log, and how many steps
    are done. With `plain`, or elsewhere, there are lines only. With `quiet` nothing but warnings is shown.
    """

    def __init__(self, steps: list[str], *, quiet: bool = False, plain: bool = False) -> None:
        self.width = min(max(map(len, steps), default=0), 40)
        self.steps = set(steps)
        self.done = 0
        self.decided = ""  # the step of the line above
        self.quiet = quiet
        self.live_wanted = not plain and not quiet and sys.stdout.isatty()
        self.live: Live | None = None
        self.running: dict[str, _Running] = {}
        self.lock = threading.Lock()

    def __enter__(self) -> Self:
        if self.live_wanted:
            from rich.console import Console
            from rich.live import Live

            self.live = Live(
                get_renderable=self._running_lines,
                console=Console(highlight=False),
                refresh_per_second=8,
                transient=True,
            )
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.live is not None:
            self.live.stop()
            self.live = None

    def step_started(self, step: str, reason: str) -> None:
        """Show that the step runs, and why."""
        self._know(step)
        with self.lock:
            self.running[step] = _Running(time.monotonic())
        self._decision(step, "RUN", reason)

    def _know(self, step: str) -> None:
        """Make room for a step that another one has called."""
        self.steps.add(step)
        self.width = max(self.width, min(len(step), 40))

    def step_printed(self, step: str, line: str) -> None:
        """Remember the last line of a running step; called from the thread that watches it."""
        with self.lock:
            if line.strip() and step in self.running:
                self.running[step].line = line.strip()

    def step_ended(self, outcome: StepOutcome) -> None:
        """Show what became of the step; one that did not run says so here."""
        self._know(outcome.step)
        self.done += 1
        with self.lock:
            ran = self.running.pop(outcome.step, None) is not None
        if not ran:
            self._decision(outcome.step, outcome.decision, outcome.reason)
        elif outcome.decision == "RUN":
            self._print(f"{'':{self.width}}  → {', '.join(outcome.outputs.values()) or 'done'}", outcome)
        else:
            self._print(f"{'':{self.width}}  → {outcome.decision.lower()}", outcome)

    def warned(self, message: str) -> None:
        """Show a warning; it does not stop the run."""
        if self.live is not None:
            self.live.stop()
        typer.echo(f"warning: {message}", err=True)
        if self.live is not None:
            self.live.start()

    def noted(self, message: str) -> None:
        """Show a message that is no warning."""
        self._echo(message)

    def _decision(self, step: str, decision: str, reason: str) -> None:
        self.decided = step
        coloured = typer.style(f"{decision:5}", fg=COLOURS.get(decision))
        self._echo(f"{step:{self.width}}  {coloured}  {reason}")

    def _print(self, text: str, outcome: StepOutcome) -> None:
        of = f"{outcome.step}: " if self.running or outcome.step != self.decided else ""
        self._echo(f"{text.replace('→ ', f'→ {of}', 1)} in {seconds_text(outcome.seconds)}")

    def _echo(self, text: str) -> None:
        if self.quiet:
            return
        if self.live is None:
            try:
                typer.echo(text)
            except OSError:
                self.quiet = True  # whoever read along has gone (`| head`), or there is no room; the run goes on
        else:
            from rich.text import Text

            self.live.console.print(Text.from_ansi(plain(text, colours=True)))

    def _running_lines(self) -> Any:
        from rich.console import Group
        from rich.text import Text

        with self.lock:
            running = dict(self.running)
        lines = [
            Text.assemble(
                ("⠶ ", "yellow"),
                step,
                (f"  {seconds_text(time.monotonic() - state.started)}  {plain(state.line[:SHOWN_LINE])}", "dim"),
                no_wrap=True,
                overflow="ellipsis",
            )
            for step, state in running.items()
        ]
        return Group(*lines, Text(f"{self.done} of {len(self.steps)} steps done", style="dim"))
