"""Runs a pipeline: plans each step when its turn has come, reuses or executes it, and keeps the record."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from artifactflow.artifact import Version
from artifactflow.environments.current import unsatisfied
from artifactflow.errors import ArtifactflowError, InterruptedRunError
from artifactflow.executors import Executor
from artifactflow.executors.command import CommandExecutor
from artifactflow.pipeline import Given, OutputOf, Pipeline, Stored
from artifactflow.read.component import load_component
from artifactflow.runner.binding import BoundPipeline, BoundStep, bind, shown_value
from artifactflow.runner.events import Observer, Silent
from artifactflow.runner.execute import StepExecution
from artifactflow.runner.planner import PlannedStep, Planner
from artifactflow.runs import PipelineRun, Run, RunStatus, StepOutcome, new_run_id, now
from artifactflow.store import Store

ChooseExecutor = Callable[[BoundStep], Executor]


@dataclass(frozen=True, slots=True)
class Options:
    """How to run: which steps to force (`all` for every one), and whether the cache is asked at all."""

    force: Collection[str] = ()
    use_cache: bool = True
    choose_executor: ChooseExecutor = field(default=lambda _bound: CommandExecutor())


def bind_pipeline(pipeline: Pipeline, given: Given, caller: Path) -> BoundPipeline:
    """The pipeline with every value resolved and every name checked; nothing has been written or run."""
    return bind(pipeline, given, load_component, caller)


def plan_pipeline(bound: BoundPipeline, store: Store | None, options: Options | None = None) -> list[PlannedStep]:
    """What a run would do, decided without running anything; `store` is None where there is none yet.

    A step whose inputs are still to be made is planned as RUN. When its turn comes it may turn out as REUSE after all,
    if what was made is the same as before.
    """
    planner = _planner(bound, store, options or Options())
    known: dict[OutputOf, Version] = {}
    planned = []
    for step in bound.steps:
        decided = planner.plan(step, known)
        planned.append(decided)
        if store is not None and decided.reused is not None:
            known |= {OutputOf(step.name, key): store.version(ref) for key, ref in decided.reused.outputs.items()}
    return planned


def run_pipeline(
    bound: BoundPipeline, store: Store, options: Options | None = None, observer: Observer | None = None
) -> PipelineRun:
    """Run the pipeline and return its record.

    Raises StepFailedError where a step failed, after recording it and with everything before it kept, and
    InterruptedRunError on Ctrl-C.
    """
    return _PipelineExecution(bound, store, options or Options(), observer or Silent()).run()


def _planner(bound: BoundPipeline, store: Store | None, options: Options) -> Planner:
    for name in options.force:
        if name != "all":
            bound.pipeline.step(name)
    return Planner(store, bound.pipeline.name, force=options.force, use_cache=options.use_cache)


class _PipelineExecution:
    def __init__(self, bound: BoundPipeline, store: Store, options: Options, observer: Observer) -> None:
        self.bound = bound
        self.store = store
        self.options = options
        self.observer = observer
        self.planner = _planner(bound, store, options)
        self.known: dict[OutputOf, Version] = {}
        self.outcomes: list[StepOutcome] = []
        self.record = PipelineRun(
            id=new_run_id(),
            pipeline=bound.pipeline.name,
            parameters={
                parameter.name: shown_value(parameter, bound.parameters[parameter.name][0])
                for parameter in bound.pipeline.parameters
            },
            sources={name: str(source) for name, (_, source) in bound.parameters.items()},
            started=now(),
        )

    def run(self) -> PipelineRun:
        for step in self.bound.steps:
            for source in step.inputs.values():
                if isinstance(source, Stored):
                    self.store.version(source.ref)  # a missing artifact is found before anything runs
        for message in environment_warnings(self.bound):
            self.observer.warned(message)
        clock = time.monotonic()
        try:
            with self._recorded(clock):
                for step in self.bound.steps:
                    self._step(step)
        except KeyboardInterrupt as error:
            raise InterruptedRunError(
                "the run was stopped",
                hint="what is finished is kept; run the same command again to go on from there",
            ) from error
        return self.record

    @contextmanager
    def _recorded(self, clock: float) -> Iterator[None]:
        status, message = RunStatus.FAILED, "a bug of artifactflow"
        try:
            yield
            status, message = RunStatus.FINISHED, ""
        except KeyboardInterrupt:
            status, message = RunStatus.INTERRUPTED, "stopped by the user"
            raise
        except ArtifactflowError as error:
            message = error.message
            raise
        finally:
            self.record = replace(
                self.record,
                status=status,
                message=message,
                steps=tuple(self.outcomes),
                ended=now(),
                seconds=round(time.monotonic() - clock, 3),
            )
            with self.store.transaction() as transaction:
                transaction.record_pipeline_run(self.record)

    def _step(self, step: BoundStep) -> None:
        clock = time.monotonic()
        planned = self.planner.plan(step, self.known)
        if planned.reused is not None:
            outcome, versions = self._reuse(planned, planned.reused)
        else:
            self.observer.step_started(step.name, planned.reason)
            execution = StepExecution(
                self.store,
                planned,
                self.options.choose_executor(step),
                self.observer,
                pipeline=self.bound.pipeline.name,
                parent=self.record.id,
            )
            try:
                finished = execution.execute()
            except BaseException:
                failed = StepOutcome(step.name, "FAILED", planned.reason, execution.run.id)
                self._ended(replace(failed, seconds=time.monotonic() - clock))
                raise
            versions = dict(finished.outputs)
            outcome = StepOutcome(
                step.name, planned.decision.value, planned.reason, finished.run.id, finished.run.outputs
            )
        self.known |= {OutputOf(step.name, key): version for key, version in versions.items()}
        self._ended(replace(outcome, seconds=time.monotonic() - clock))

    def _ended(self, outcome: StepOutcome) -> None:
        self.outcomes.append(outcome)
        self.observer.step_ended(outcome)

    def _reuse(self, planned: PlannedStep, run: Run) -> tuple[StepOutcome, dict[str, Version]]:
        """Do to names what a RUN would do: `latest` moves to the versions that are reused."""
        versions = {key: self.store.version(ref) for key, ref in run.outputs.items()}
        moved = [version for version in versions.values() if self._moves(version)]
        if moved:
            with self.store.transaction() as transaction:
                for version in moved:
                    transaction.point(version.name, version.number)
        outcome = StepOutcome(planned.name, planned.decision.value, planned.reason, run.id, run.outputs)
        return outcome, versions

    def _moves(self, version: Version) -> bool:
        return self.store.aliases(version.name).get("latest") != version.number


def environment_warnings(bound: BoundPipeline) -> list[str]:
    """Where the running environment is not what a component's file asks for, each component once."""
    messages = []
    components = {step.component.folder: step.component for step in bound.steps if not step.component.built_in}
    for component in components.values():
        if component.environment is None:
            continue
        wrong = unsatisfied(component.environment)
        if wrong:
            shown = ", ".join(map(str, wrong))
            messages.append(
                f"{component.name} runs in the current environment, which {component.environment.file.name} "
                f"does not describe: {shown}"
            )
    return messages


def totals(outcomes: Collection[StepOutcome]) -> dict[str, Any]:
    """How many steps ran, were reused and failed."""
    decisions = [outcome.decision for outcome in outcomes]
    return {"run": decisions.count("RUN"), "reuse": decisions.count("REUSE"), "failed": decisions.count("FAILED")}
