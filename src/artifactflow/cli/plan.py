"""`artifactflow plan`: what a run would do, and why."""

from __future__ import annotations

from typing import Any

import typer

from artifactflow.cli.options import JsonOption, new_app
from artifactflow.cli.pipeline_options import (
    ConfigOption,
    EnvironmentOption,
    ExitCodeOption,
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
from artifactflow.cli.render import print_json, print_table
from artifactflow.cli.stores import StoreOption, existing_store
from artifactflow.errors import FindingsError
from artifactflow.parameters import SourceKind, format_value
from artifactflow.plan import Decision
from artifactflow.runner import plan_pipeline
from artifactflow.runner.planning.planned import PlannedStep
from artifactflow.runner.secrets import shown_value

app = new_app()


@app.command()
def command(
    path: PathArgument = ".",
    parameter: ParameterOption = None,
    config: ConfigOption = None,
    force: ForceOption = None,
    no_cache: NoCacheOption = False,
    refresh: RefreshOption = False,
    only: OnlyOption = None,
    start: FromOption = None,
    until: UntilOption = None,
    skip: SkipOption = None,
    env: EnvironmentOption = None,
    exit_code: ExitCodeOption = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Show what a run would do, and why, without running anything."""
    found = find_pipeline(path, parameter, config, store)
    bound = found.bound
    options = with_environments(run_options(force, no_cache, only, start, until, skip), env, found)
    options = with_refresh(options, refresh, found)
    planned = plan_pipeline(bound, existing_store(store, found.store_start), options)
    print_plan(planned, json=json)
    if exit_code and any(step.decision is Decision.RUN for step in planned):
        raise typer.Exit(FindingsError.exit_code)


def print_plan(planned: list[PlannedStep], *, json: bool) -> None:
    """A line for each step, the parameters that somebody set, and the totals."""
    if json:
        print_json({"steps": [_row(step) for step in planned], "totals": _totals(planned)})
        return
    print_table(
        ["step", "decision", "reason", "parameters"],
        [[step.name, step.decision.value, step.reason, _parameters_text(step)] for step in planned],
    )
    counted = _totals(planned)
    left_out = f", {counted['skip']} left out" if counted["skip"] else ""
    typer.echo(f"\n{counted['run']} to run, {counted['reuse']} to reuse{left_out}")


def _row(step: PlannedStep) -> dict[str, Any]:
    return {
        "step": step.name,
        "decision": step.decision.value,
        "reason": step.reason,
        "run": step.reused.id if step.reused else None,
        "outputs": dict(step.reused.outputs) if step.reused else {},
        "parameters": {name: _masked(step, name) for name in step.bound.parameters},
        "sources": {name: str(source) for name, source in step.bound.sources.items()},
    }


def _totals(planned: list[PlannedStep]) -> dict[str, int]:
    decisions = [step.decision for step in planned]
    return {decision.value.lower(): decisions.count(decision) for decision in Decision}


def _masked(step: PlannedStep, name: str) -> Any:
    return shown_value(step.bound.contract.parameter(name), step.bound.parameters[name])


def _parameters_text(step: PlannedStep) -> str:
    """The parameters with where each came from; what is at the component's own default goes without saying."""
    shown = []
    for name, source in step.bound.sources.items():
        value = _masked(step, name)
        if source.kind is not SourceKind.DEFAULT and value not in (None, ""):
            shown.append(f"{name}={format_value(value)} ({source.kind.value})")
    return ", ".join(shown)
