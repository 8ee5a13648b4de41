"""Components that a step starts by calling `mlflow.run`: they become steps of the run that it belongs to.

A call arrives by the line of the bridge, in a thread of its own. The thread that coordinates the run plans it and keeps
the books; what there is to do goes back to the thread of the call, which waits anyway.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from artifactflow.errors import ArtifactflowError, InterruptedRunError, UsageError
from artifactflow.executors import Stop
from artifactflow.fetch.addresses import masked_address
from artifactflow.plan import Decision, InputIdentity
from artifactflow.runner.binding.bound import BoundPipeline, BoundStep
from artifactflow.runner.bridge.line import Caller, Operation
from artifactflow.runner.execution.step_execution import StepExecution
from artifactflow.runner.nested.call import Call
from artifactflow.runner.nested.callers import CALLS, calls_components
from artifactflow.runner.planning.identities import path_identity
from artifactflow.runner.secrets import shown_value
from artifactflow.runner.tracking import MLFLOW, imports_mlflow
from artifactflow.runs import Run, RunStatus, StepOutcome
from artifactflow.store import Store
from artifactflow.trackers.choice import mlflow_address

EXPERIMENT_VARIABLE: Final = "MLFLOW_EXPERIMENT_NAME"

RECENT_RUNS: Final = 100
"""So far back runs are looked at that were killed and may have left a run of MLflow's open."""

_NOT_HANDED_ON: Final = frozenset({"PATH", "PYTHONPATH", "PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"})
_NOT_HANDED_ON_PREFIXES: Final = ("ARTIFACTFLOW_", "WANDB_SERVICE", "_WANDB")
"""Variables that differ in every process, or that belong to one."""


class NestedCalls:
    """Serves the calls of one pipeline run, and goes along with its executions as a companion.

    `operations` are for the bridge. Whoever coordinates the run says by `connect` where calls are handed over, and by
    `serve` which executions may call; close it when the run is over.
    """

    def __init__(self, store: Store, pipeline: BoundPipeline, warn: Callable[[str], None]) -> None:
        self.store = store
        self.pipeline = pipeline
        self.warn = warn
        self.operations: dict[str, Operation] = {
            "begin_project": self._begin_project,
            "settle_project": self._settle_project,
            "run_project": self._run_project,
            "cancel_project": self._cancel_project,
        }
        self._changed = threading.Condition()
        self._hand_over: Callable[[Call | None], None] = _refuse
        self._stop = Stop()
        self._served: dict[str, tuple[int, StepExecution]] = {}
        self._names: Counter[str] = Counter()
        self._tickets = itertools.count(1)
        self._calls: dict[int, Call] = {}
        self._waiting: set[Call] = set()
        self._executing: dict[str, Call] = {}
        self._called: dict[str, list[str]] = {}
        self._not_reused: dict[str, str] = {}
        self._said: set[str] = set()
        self._is_first = True

    def connect(self, hand_over: Callable[[Call | None], None], stop: Stop) -> None:
        """Say where calls go from now on, and what ends them all; None says that some are to be stopped."""
        with self._changed:
            self._hand_over, self._stop = hand_over, stop

    def serve(self, position: int, execution: StepExecution, call: Call | None) -> None:
        """Let the processes of an execution, to which a call may have led, call components themselves.

        Those of one in the coordinating thread cannot: nobody would serve them.
        """
        with self._changed:
            if call is not None:
                self._executing[execution.run.id] = call
            if not execution.executor.in_this_thread:
                self._served[execution.run.id] = (position, execution)

    def close(self) -> None:
        """Refuse what is still asked for, and end the waiting of those who did."""
        with self._changed:
            self._hand_over = _refuse
            for call in self._waiting:
                call.told.put(InterruptedRunError("the run is over"))

    # the companion

    def environment(self, run: Run, bound: BoundStep, folder: Path, stop: Stop) -> Mapping[str, str]:
        """For a called component what its caller would hand on to it; for a caller where MLflow's runs are kept.

        By default that is a path relative to the working folder, which callers like to change, and an experiment that
        is not the one in which the pipeline is told of.
        """
        with self._changed:
            call = self._executing.get(run.id)
        if call is not None:
            return call.variables
        if not calls_components(bound):
            return {}
        project = self.pipeline.pipeline.folder if self.pipeline.pipeline.file else Path.cwd()
        address = {"MLFLOW_TRACKING_URI": mlflow_address(project, os.environ)}
        if os.environ.keys() & {EXPERIMENT_VARIABLE, "MLFLOW_EXPERIMENT_ID"}:
            return address
        return {**address, EXPERIMENT_VARIABLE: self.pipeline.pipeline.name}

    def left(self, run: Run, bound: BoundStep) -> None:
        """End what the step has called and not waited for, and look at what a called one has done to named files."""
        with self._changed:
            mine = {call for call in self._waiting if call.caller.run.id == run.id}
            for call in mine:
                call.stop.set()
            if mine:
                self._hand_over(None)
            self._changed.wait_for(lambda: not mine & self._waiting)
            executed = self._executing.get(run.id)
        if executed is not None and executed.planned is not None and executed.planned.ingredients is not None:
            reason = _written(bound, executed.planned.ingredients.inputs)
            with self._changed:
                self._not_reused[run.id] = reason

    def ended(self, run: Run, bound: BoundStep) -> Run:
        """The record, without a cache key where the step must not be reused as a whole."""
        with self._changed:
            called = self._called.pop(run.id, [])
            reason = self._not_reused.pop(run.id, "")
            self._executing.pop(run.id, None)
            self._served.pop(run.id, None)
        if reason and run.status is RunStatus.FINISHED:
            self.warn(f"step {run.step} cannot be reused: {reason}")
        if called or calls_components(bound):
            reason = CALLS
        if not reason:
            return run
        return replace(run, cache_key="", facts={**run.facts, "calls": called, "not_reused": reason})

    # operations, each in a thread of the line

    def _begin_project(self, caller: Caller, asked: Mapping[str, Any]) -> dict[str, Any] | None:
        """Plan a call. Returns None for a step whose calls MLflow has to serve."""
        with self._changed:
            served = self._served.get(caller.run.id)
        if served is None:
            return None
        # For roots only: no other run is to wait until it is imported.
        from artifactflow.runner.nested.binding import argument_texts, bind_call, called_component, step_name

        position, execution = served
        given: dict[str, str] = asked["parameters"]
        component, contract = called_component(Path(asked["folder"]), asked["entry_point"], given)
        name = self._name(caller, step_name(caller.bound, component, asked["entry_point"]))
        bound = bind_call(name, component, contract, given, Path(asked["caller"]), caller.bound.step.env)
        bound = replace(bound, pipeline_secrets=caller.bound.pipeline_secrets)
        call = Call(bound, execution, position, self._stop, self._notes(asked["env_manager"]))
        call.variables = {
            name: value
            for name, value in asked["environment"].items()
            if execution.environment.get(name) != value
            and name not in _NOT_HANDED_ON
            and not name.startswith(_NOT_HANDED_ON_PREFIXES)
        }
        self._go_on(call)
        ticket = next(self._tickets)
        reused = call.planned.reused if call.planned is not None else None
        shown = {one.name: shown_value(one, bound.parameters[one.name]) for one in bound.contract.parameters}
        with self._changed:
            self._calls[ticket] = call
            self._called.setdefault(caller.run.id, []).append(name)
        return {
            "ticket": ticket,
            "reused": reused.id if reused is not None else "",
            "mlflow_run": reused.facts.get(MLFLOW, {}).get("run_id", "") if reused is not None else "",
            "uses_mlflow": imports_mlflow(bound),
            "parameters": argument_texts(bound, shown, given),
            "abandoned": self._abandoned(asked["tracking_uri"]),
        }

    def _settle_project(self, caller: Caller, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Reuse, as planned."""
        call = self._call(caller, asked)
        call.agreed = Decision.REUSE
        return _answer(self._go_on(call))

    def _run_project(self, caller: Caller, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Execute, with a run of MLflow's that was made for it, and wait for the end."""
        call = self._call(caller, asked)
        call.agreed = Decision.RUN
        call.because = asked["because"]
        call.mlflow = {"run_id": asked["mlflow_run"], "address": masked_address(asked["tracking_uri"])}
        call.variables |= asked["variables"]
        return _answer(self._go_on(call))

    def _cancel_project(self, caller: Caller, asked: Mapping[str, Any]) -> None:
        """End an execution; whoever waits for it is told."""
        self._call(caller, asked).stop.set()
        with self._changed:
            self._hand_over(None)

    def _call(self, caller: Caller, asked: Mapping[str, Any]) -> Call:
        with self._changed:
            call = self._calls.get(asked["ticket"])
        if call is None or call.caller.run.id != caller.run.id:
            raise UsageError(f"step {caller.run.step} has made no call {asked['ticket']!r}")
        return call

    def _go_on(self, call: Call) -> StepOutcome | None:
        """Hand the call over, do what comes back, and return what has become of it."""
        with self._waits(call):
            while True:
                told = call.told.get()
                if isinstance(told, BaseException):
                    raise told
                if not callable(told):
                    return told
                told()

    @contextlib.contextmanager
    def _waits(self, call: Call) -> Iterator[None]:
        with self._changed:
            self._hand_over(call)
            self._waiting.add(call)
        try:
            yield
        finally:
            with self._changed:
                self._waiting.discard(call)
                self._changed.notify_all()

    def _name(self, caller: Caller, name: str) -> str:
        """The name, numbered where the same execution has called the same before."""
        with self._changed:
            self._names[f"{caller.run.id} {name}"] += 1
            count = self._names[f"{caller.run.id} {name}"]
        return name if count == 1 else f"{name}#{count}"

    def _notes(self, env_manager: str | None) -> list[str]:
        """What is said once: that somebody asked for an environment in MLflow's way."""
        if env_manager in (None, "local"):
            return []
        with self._changed:
            is_new = MLFLOW not in self._said
            self._said.add(MLFLOW)
        told = f"mlflow.run asks for env_manager={env_manager!r}: its components run where --env says, as all steps do"
        return [told] if is_new else []

    def _abandoned(self, tracking_uri: str) -> list[str]:
        """Runs of MLflow's whose steps were killed together with us; the first caller ends those that are open."""
        with self._changed:
            is_first, self._is_first = self._is_first, False
        if not is_first:
            return []
        killed = [run for run in self.store.runs(RECENT_RUNS) if run.status is RunStatus.INTERRUPTED]
        own = [run.facts[MLFLOW] for run in killed if MLFLOW in run.facts]
        return [run["run_id"] for run in own if run["address"] == masked_address(tracking_uri)]


def _answer(outcome: StepOutcome | None) -> dict[str, Any]:
    if outcome is None:
        return {"succeeded": False, "reused": ""}
    reused = outcome.run_id if outcome.decision == Decision.REUSE else ""
    return {"succeeded": outcome.decision in (Decision.RUN, Decision.REUSE), "reused": reused}


def _refuse(call: Call | None) -> None:
    if call is not None:
        raise InterruptedRunError(f"step {call.bound.name} cannot start: the run is over")


def _written(bound: BoundStep, before: Mapping[str, InputIdentity]) -> str:
    """What the step has written to a place that a parameter names: nobody keeps that, so nobody could bring it back."""
    from artifactflow.runner.nested.binding import named_files

    for name, path in named_files(bound).items():
        try:
            now = path_identity(path)
        except ArtifactflowError:
            continue
        if name not in before or before[name].digest != now.digest:
            return f"it has written to {path}, which {name} names, and no version of that is kept"
    return ""
