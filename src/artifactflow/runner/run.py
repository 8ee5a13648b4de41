"""Binds, plans and runs pipelines: what every command that runs a step calls."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from artifactflow.artifact import Version
from artifactflow.errors import NotFoundError
from artifactflow.pipeline import Given, OutputOf, Pipeline
from artifactflow.read.component import load_component
from artifactflow.runner.binding import BoundPipeline, bind
from artifactflow.runner.bridge import Bridge
from artifactflow.runner.environments import EnvironmentExecutor, Environments
from artifactflow.runner.events import Observer, Silent
from artifactflow.runner.inline import InlineChoice
from artifactflow.runner.locks import RunLocks
from artifactflow.runner.options import ChooseExecutor, Options
from artifactflow.runner.pipeline_execution import PipelineExecution
from artifactflow.runner.planner import PlannedStep, Planner
from artifactflow.runner.space import clear
from artifactflow.runner.tracking import Tracking
from artifactflow.runs import PipelineRun, RunStatus, StepOutcome, now
from artifactflow.store import Store
from artifactflow.store.at_work import at_work


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
    known: dict[OutputOf, Version] = {}
    planned = []
    for step in bound.steps:
        decided = planner.plan(step, known) if step.step.name in selected else planner.skip(step)
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
        Tracking(store.root, bound, chosen.tracking, wait=chosen.wait_tracking) as tracking,
        closing(Bridge(store, bound, told.warned)) as bridge,
        _executors(chosen, environments) as choose,
    ):
        reconcile(store, locks)
        planner = _planner(bound, store, chosen, environments)
        return PipelineExecution(
            bound,
            store,
            locks,
            chosen,
            selected,
            told,
            planner=planner,
            choose_executor=choose,
            companions=[*([tracking] if chosen.tracking else []), bridge],
        ).run()


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
        if name != "all" and name not in names:
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
