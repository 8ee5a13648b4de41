"""`artifactflow run-pipeline`: run a pipeline, reusing what has not changed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from artifactflow.cli.options import JsonOption, StoreOption, existing_store, new_app, open_store
from artifactflow.cli.progress import PipelineProgress
from artifactflow.cli.render import print_json, print_table, seconds_text, shown_path
from artifactflow.errors import ArtifactflowError, UsageError
from artifactflow.parameters import format_value
from artifactflow.pipeline import Given
from artifactflow.plan import Decision
from artifactflow.read.component import load_pipeline
from artifactflow.runner import Options, bind_pipeline, plan_pipeline, run_pipeline, totals
from artifactflow.runner.binding import shown_value
from artifactflow.runner.planner import PlannedStep
from artifactflow.runs import PipelineRun, StepOutcome

app = new_app()


@app.command()
def command(
    path: Annotated[
        Path, typer.Argument(help="A pipeline.yaml, a folder that holds one, or a component's folder.")
    ] = Path(),
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-P", metavar="NAME=VALUE", help="Set a parameter; STEP.NAME for a step's own."),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A config file in place of the pipeline's own.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Print the plan and run nothing.")] = False,
    force: Annotated[
        list[str] | None, typer.Option(metavar="STEP", help="Run a step though nothing changed; `all` for every one.")
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Run every step, whatever was run before.")] = False,
    env: Annotated[str, typer.Option(help="The environment of the steps; `current` is the one in which this runs.")] = (
        "current"
    ),
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Run a pipeline, or a component, reusing what has not changed."""
    if env != "current":
        raise UsageError(f"--env takes current, got {env!r}")
    pipeline = load_pipeline(path, config)
    variables = {name: value for name, value in os.environ.items() if name.startswith("ARTIFACTFLOW_P_")}
    bound = bind_pipeline(pipeline, Given(parse_options(parameter or []), variables), Path.cwd())
    options = Options(force=tuple(force or ()), use_cache=not no_cache)
    if dry_run:
        planned = plan_pipeline(bound, existing_store(store, pipeline.folder), options)
        _print_plan(planned, json=json)
        return
    with PipelineProgress([step.name for step in bound.steps], quiet=json) as progress:
        opened = open_store(store, pipeline.folder)
        try:
            record = run_pipeline(bound, opened, options, progress)
        except ArtifactflowError:
            if json:
                newest = opened.pipeline_runs(1)
                print_json(_json_of(newest[0]) if newest else {})
            raise
    if json:
        print_json(_json_of(record))
    else:
        _print_table(record)
        typer.echo(f"the artifacts are in {shown_path(opened.root)}")


def parse_options(texts: list[str]) -> dict[str, str]:
    """`name=value` texts as a mapping. Raises UsageError for a text without `=`."""
    given: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"-P takes NAME=VALUE, got {text!r}", hint="for example: -P max_iter=300")
        given[name.strip().replace("-", "_") if "." not in name else name.strip()] = value
    return given


def _print_plan(planned: list[PlannedStep], *, json: bool) -> None:
    if json:
        print_json({"steps": [_plan_row(step) for step in planned], "totals": _plan_totals(planned)})
        return
    print_table(
        ["step", "decision", "reason", "parameters"],
        [[step.name, step.decision.value, step.reason, _parameters_text(step)] for step in planned],
    )
    counted = _plan_totals(planned)
    typer.echo(f"\n{counted['run']} to run, {counted['reuse']} to reuse")


def _plan_row(step: PlannedStep) -> dict[str, Any]:
    return {
        "step": step.name,
        "decision": step.decision.value,
        "reason": step.reason,
        "run": step.reused.id if step.reused else None,
        "outputs": dict(step.reused.outputs) if step.reused else {},
        "parameters": {name: _masked(step, name) for name in step.bound.parameters},
        "sources": {name: str(source) for name, source in step.bound.sources.items()},
    }


def _plan_totals(planned: list[PlannedStep]) -> dict[str, int]:
    decisions = [step.decision for step in planned]
    return {"run": decisions.count(Decision.RUN), "reuse": decisions.count(Decision.REUSE)}


def _masked(step: PlannedStep, name: str) -> Any:
    return shown_value(step.bound.contract.parameter(name), step.bound.parameters[name])


def _parameters_text(step: PlannedStep) -> str:
    sources = step.bound.sources
    shown = []
    for name in step.bound.parameters:
        value = _masked(step, name)
        if value is not None and value != "":
            source = sources[name].kind.value
            shown.append(f"{name}={format_value(value)} ({source})")
    return ", ".join(shown)


def _json_of(record: PipelineRun) -> dict[str, Any]:
    return {
        "pipeline": record.pipeline,
        "run": record.id,
        "status": record.status.value,
        "steps": [outcome.to_json() for outcome in record.steps],
        "totals": {**totals(record.steps), "seconds": round(record.seconds, 3)},
    }


def _print_table(record: PipelineRun) -> None:
    typer.echo("")
    print_table(
        ["step", "decision", "time", "outputs"],
        [_table_row(outcome) for outcome in record.steps],
        right=["time"],
    )
    counted = totals(record.steps)
    typer.echo(
        f"\n{record.pipeline}: {counted['run']} run, {counted['reuse']} reused in {seconds_text(record.seconds)}"
        f"  (run {record.id})"
    )


def _table_row(outcome: StepOutcome) -> list[str]:
    return [
        outcome.step,
        outcome.decision,
        seconds_text(outcome.seconds),
        ", ".join(outcome.outputs.values()),
    ]
