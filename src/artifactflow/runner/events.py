"""What the runner says while it works. It never prints: whoever wants to show something observes."""

from __future__ import annotations

from typing import Protocol

from artifactflow.runs import StepOutcome


class Observer(Protocol):
    """Told of each step as it starts, of each line that it prints, and of what became of it."""

    def step_started(self, step: str, reason: str) -> None:
        """The step is about to be executed."""

    def step_printed(self, step: str, line: str) -> None:
        """The step wrote a line to its log."""

    def step_ended(self, outcome: StepOutcome) -> None:
        """The step was executed, reused, or failed."""

    def warned(self, message: str) -> None:
        """Something that a person should know and that does not stop the run."""

    def noted(self, message: str) -> None:
        """Something that a person may want to know and that is as it should be."""


class Silent:
    """The observer for those who only want the result."""

    def step_started(self, step: str, reason: str) -> None:
        """Say nothing."""

    def step_printed(self, step: str, line: str) -> None:
        """Say nothing."""

    def step_ended(self, outcome: StepOutcome) -> None:
        """Say nothing."""

    def warned(self, message: str) -> None:
        """Say nothing."""

    def noted(self, message: str) -> None:
        """Say nothing."""
