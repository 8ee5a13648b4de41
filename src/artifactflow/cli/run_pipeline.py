"""`artifactflow run-pipeline`: run a pipeline, reusing what has not changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer

from artifactflow.cli.options import JsonOption, new_app
from artifactflow.cli.pipeline_options import (
    ConfigOption,
    EnvironmentOption,
    ForceOption,
    FromOption,
    NoCacheOption,
    OnlyOption,
    ParameterOption,
    PathArgument,
    RefreshOption,
    SkipOption,
    UntilOption,
    find_pipeline,
    run_options,
    with_environments,
    with_refresh,
)
from artifactflow.cli.plan import print_plan
from artifactflow.cli.progress import PipelineProgress
from artifactflow.cli.render import print_json, print_table, shown_path
from artifactflow.cli.stores import StoreOption, existing_store, open_store
from artifactflow.cli.tracking_options import (
    RegisterOption,
    TrackOption,
    WaitTrackingOption,
    print_tracking,
    tracking_results,
    with_tracking,
)
from artifactflow.errors import ArtifactflowError, UsageError
from artifactflow.runner import plan_pipeline, run_pipeline, totals
from artifactflow.runner.keep_warm import keep_warm_seconds
from artifactflow.runs import PipelineRun, StepOutcome
from artifactflow.words import seconds_text

app = new_app()


@app.command()
def command(
    path: PathArgument = ".",
    parameter: ParameterOption = None,
    config: ConfigOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Print the plan and run nothing.")] = False,
    force: ForceOption = None,
    no_cache: NoCacheOption = False,
    refresh: RefreshOption = False,
    only: OnlyOption = None,
    start: FromOption = None,
    until: UntilOption = None,
    skip: SkipOption = None,
    jobs: Annotated[
        str | None, typer.Option("--jobs", "-j", metavar="N", help="Steps side by side. [default: cores]")
    ] = None,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", "-k", help="When a step fails, go on with those that do not need it.")
    ] = False,
    env: EnvironmentOption = None,
    cold: Annotated[bool, typer.Option("--cold", help="Each step in a fresh process, none forked from a warm one.")] = (
        False
    ),
    keep_warm: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Let warm servers stay for `90s`, `10m` or `2h` since their last use."),
    ] = None,
    inline: Annotated[
        bool,
        typer.Option(
            "--inline",
            help="Step functions in this one process, one after another, which they share: for many small steps.",
        ),
    ] = False,
    track: TrackOption = None,
    register: RegisterOption = None,
    wait_tracking: WaitTrackingOption = False,
    plain: Annotated[bool, typer.Option("--plain", help="Lines only, on a terminal too.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show nothing while it runs.")] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Run a pipeline, or a component, reusing what has not changed."""
    if jobs is not None and not (jobs.isdecimal() and int(jobs)):
        raise UsageError(f"--jobs takes a whole number of at least 1, got {jobs!r}")
    found = find_pipeline(path, parameter, config, store)
    bound = found.bound
    options = with_environments(run_options(force, no_cache, only, start, until, skip), env, found)
    options = with_refresh(options, refresh, found)
    if dry_run:
        planned = plan_pipeline(bound, existing_store(store, found.store_start), options)
        print_plan(planned, json=json)
        return
    options = with_tracking(options, track, register, wait_tracking, found)
    options = replace(
        options,
        jobs=int(jobs or 0),
        keep_going=keep_going,
        cold=cold,
        keep_warm=keep_warm_seconds(keep_warm, bound.pipeline.folder),
        inline=inline,
        source=found.source,
    )
    with PipelineProgress([step.name for step in bound.steps], quiet=quiet or json, plain=plain) as progress:
        opened = open_store(store, found.store_start)
        try:
            record = run_pipeline(bound, opened, options, progress)
        except ArtifactflowError:
            if json:
                newest = opened.pipeline_runs(1)
                print_json(_json_of(newest[0]) if newest else {})
            raise
    if json:
        told = tracking_results(options, opened.root)
        print_json(_json_of(record) | ({"tracking": told} if told else {}))
    elif not quiet:
        _print_table(record)
        typer.echo(f"the artifacts are in {shown_path(opened.root)}")
        print_tracking(options, opened.root, ran=bool(totals(record.steps)["run"]), track=track)


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
    left_out = f", {counted['skip']} left out" if counted["skip"] else ""
    typer.echo(
        f"\n{record.pipeline}: {counted['run']} run, {counted['reuse']} reused{left_out} in "
        f"{seconds_text(record.seconds)}  (run {record.id})"
    )


def _table_row(outcome: StepOutcome) -> list[str]:
    return [
        outcome.step,
        outcome.decision,
        seconds_text(outcome.seconds),
        ", ".join(outcome.outputs.values()),
    ]
