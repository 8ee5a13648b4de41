"""Chooses which steps of a run with `--inline` are called in this process."""

from __future__ import annotations

from dataclasses import replace

from artifactflow.executors import Ended, Executor, Stop, Task
from artifactflow.executors.inline import StepFunctionExecutor
from artifactflow.executors.step_functions import StepFunctions
from artifactflow.executors.task import PrintLine
from artifactflow.runner.binding.bound import BoundStep
from artifactflow.runner.environments import EnvironmentExecutor


class InlineChoice:
    """Gives step functions of the current environment to this process, and every other step to `others`."""

    def __init__(self, others: EnvironmentExecutor) -> None:
        self._others = others
        self._functions = StepFunctions()
        self._inline = StepFunctionExecutor(self._functions)

    def choose(self, bound: BoundStep) -> Executor:
        """Who executes the step."""
        reason = self._why_not(bound)
        return _Elsewhere(self._others.of(bound), reason) if reason else self._inline

    def _why_not(self, bound: BoundStep) -> str:
        if bound.step.timeout is not None:
            return "it has a timeout, and what runs in this process cannot be ended"
        reason = self._functions.why_not(bound.component, bound.contract)
        if not reason and not self._others.environments.fit(bound).current:
            return "it has an environment of its own"
        return reason


class _Elsewhere:
    """Executes a step as usual, and has the record say why it was not in this process."""

    def __init__(self, executor: Executor, reason: str) -> None:
        self.in_this_thread = executor.in_this_thread
        self._executor = executor
        self._reason = reason

    def execute(self, task: Task, print_line: PrintLine, stop: Stop) -> Ended:
        """What the executor does."""
        ended = self._executor.execute(task, print_line, stop)
        return replace(ended, facts={**ended.facts, "not_inline_because": self._reason})
