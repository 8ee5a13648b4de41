"""Binds, plans and runs pipelines: what every command that runs a step calls."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from artifactflow.artifact import Version
from artifactflow.errors import NotFoundError
from artifactflow.pipeline import Given, OutputOf, Pipeline
from artifactflow.read.component import load_component
from artifactflow.runner.binding.bind import bind
from artifactflow.runner.binding.bound import BoundPipeline
from artifactflow.runner.bridge import Bridge
from artifactflow.runner.companions import Companion
from artifactflow.runner.environments import EnvironmentExecutor, Environments
from artifactflow.runner.events import Observer, Silent
from artifactflow.runner.execution.inline import InlineChoice
from artifactflow.runner.execution.space import clear
from artifactflow.runner.locks import RunLocks
from artifactflow.runner.means import Means
from artifactflow.runner.nested.calls import NestedCalls
from artifactflow.runner.options import ChooseExecutor, Options
from artifactflow.runner.pipeline_execution import PipelineExecution
from artifactflow.runner.planning.component_folder import FolderWatch
from artifactflow.runner.planning.planned import PlannedStep
from artifactflow.runner.planning.planner import Planner, needed_by
from artifactflow.runner.secrets import refuse_secret_option, warnings_of
from artifactflow.runner.tracking import Tracking
from artifactflow.runs import PipelineRun, RunStatus, StepOutcome, now
from artifactflow.store import Store
from artifactflow.store.at_work import at_work

SWITCH_SECONDS: Final = 0.0005
"""How long a thread that computes may keep the others waiting; Python's own 5 ms are as long as a small step takes."""


def bind_pipeline(pipeline: Pipeline, given: Given, caller: Path) -> BoundPipeline:
    """The pipeline with every value resolved and every name checked; nothing has been written or run."""
    return bind(pipeline, given, load_component, caller)


def plan_pipeline(bound: BoundPipeline, store: Store | None, options: Options | None = None) -> list[PlannedStep]:
    """What a run would do, decided without running anything; `store` is None where there is none yet.

    A step whose inputs are still to be made is planned as RUN. When its turn comes it may turn out as REUSE after all,
    if what was made is the same as before.
    """
    chosen = options or Options()
    planner = _planner(bound, store, chosen)
    selected = chosen.selection.chosen(bound.pipeline.steps)
    needed = needed_by(bound.steps, selected)
    known: dict[OutputOf, Version] = {}
    planned = []
    for step in bound.steps:
        if step.step.name in selected:
            decided = planner.plan(step, known)
        else:
            decided = planner.skip(step, needed=step.name in needed)
        planned.append(decided)
        if store is not None and decided.reused is not None:
            planner.settled(step.name, decided.reused.id)
            known |= {OutputOf(step.name, key): store.version(ref) for key, ref in decided.reused.outputs.items()}
    return planned


def run_pipeline(
    bound: BoundPipeline, store: Store, options: Options | None = None, observer: Observer | None = None
) -> PipelineRun:
    """Run the pipeline and return its record.

    Raises StepFailedError where a step failed, after recording it and with everything before it kept, and
    InterruptedRunError on Ctrl-C.
    """
    chosen = options or Options()
    selected = chosen.selection.chosen(bound.pipeline.steps)
    environments = Environments(chosen.environments, store.root, resolve=True)
    told = observer or Silent()
    with (
        RunLocks(store.root / "locks") as locks,
        Tracking(store.root, bound, chosen.tracking, told.warned, wait=chosen.wait_tracking) as tracking,
        closing(NestedCalls(store, bound, told.warned)) as nested,
        closing(Bridge(store, bound, told.warned, nested.operations)) as bridge,
        _executors(chosen, environments) as choose,
        _prompt_threads(),
    ):
        for warning in _secret_warnings(bound, selected):
            told.warned(warning)
        reconcile(store, locks)
        planner = _planner(bound, store, chosen, environments)
        watch = FolderWatch(store.root, told.warned)
        companions: list[Companion] = [*([tracking] if chosen.tracking else []), bridge, nested, watch]
        means = Means(store, locks, told, planner, choose, nested, companions)
        return PipelineExecution(bound, chosen, means).run()


def _secret_warnings(bound: BoundPipeline, selected: Collection[str]) -> Iterator[str]:
    """Each once, also where the step has many cells."""
    steps = {step.step.name: step for step in bound.steps if step.step.name in selected}
    for name, step in steps.items():
        yield from warnings_of(name, step.contract, step.parameters, step.sources, step.presumed, step.hand_over())


def refuse_secret_options(bound: BoundPipeline) -> None:
    """Raise UsageError where a secret was given by an option of a command line, which everybody can read."""
    for step in bound.steps:
        refuse_secret_option(step.contract, step.sources, step.presumed)


@contextmanager
def _prompt_threads() -> Iterator[None]:
    """Let threads that wait for a step have the interpreter soon after it has ended: the processors idle meanwhile."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def _executors(options: Options, environments: Environments) -> Iterator[ChooseExecutor]:
    """Who executes each step; warm servers end with the run."""
    if options.choose_executor is not None:
        yield options.choose_executor
        return
    with closing(EnvironmentExecutor(environments, cold=options.cold, keep_warm=options.keep_warm)) as executor:
        yield InlineChoice(executor).choose if options.inline else executor.of


def reconcile(store: Store, locks: RunLocks) -> None:
    """Mark as interrupted what says that it is running and whose process is gone."""
    for run in store.pipeline_runs(20):
        if run.status is RunStatus.RUNNING and locks.try_acquire(run.id):
            folder = store.run_folder(run.id)
            killed = [step for step in at_work(folder) if not _is_recorded(store, step.id)]
            status, message = RunStatus.INTERRUPTED, "its process is gone"
            with store.transaction() as transaction:
                for step in killed:
                    transaction.record_run(replace(step, status=status, ended=now(), message=message))
                transaction.record_pipeline_run(replace(run, status=status, ended=now(), message=message))
            clear(folder)
            locks.release(run.id)


def _is_recorded(store: Store, run_id: str) -> bool:
    """Whether a step's end is in the store: its process may have been killed before it said so elsewhere."""
    try:
        return store.run(run_id).id == run_id
    except NotFoundError:
        return False


def _planner(
    bound: BoundPipeline, store: Store | None, options: Options, environments: Environments | None = None
) -> Planner:
    names = {step.name for step in bound.steps}
    for name in options.force:
        if name != "all" and name not in names and name.partition("/")[0] not in names:
            bound.pipeline.step(name)
    return Planner(
        store,
        bound.pipeline.name,
        force=options.force,
        use_cache=options.use_cache,
        environments=environments or Environments(options.environments, store.root if store else None),
    )


def totals(outcomes: Collection[StepOutcome]) -> dict[str, Any]:
    """How many steps ran, were reused, failed, and were left out or could not run."""
    decisions = [outcome.decision for outcome in outcomes]
    counted = {"run": "RUN", "reuse": "REUSE", "failed": "FAILED", "skip": "SKIP", "blocked": "BLOCKED"}
    return {key: decisions.count(decision) for key, decision in counted.items()}
