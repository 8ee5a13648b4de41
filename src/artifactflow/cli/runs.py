"""`artifactflow runs`: what was executed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from artifactflow.cli.options import JsonOption, new_app
from artifactflow.cli.render import print_json, print_table, shown_path
from artifactflow.cli.stores import StoreOption, existing_store, required_store
from artifactflow.errors import NotFoundError, near_matches
from artifactflow.parameters import format_value
from artifactflow.runs import PipelineRun, Run
from artifactflow.store import Store, find_store
from artifactflow.store.logs import log_place
from artifactflow.words import seconds_text

app = new_app(no_args_is_help=True)

RunArgument = Annotated[
    str, typer.Argument(metavar="RUN|STEP", help="A run's id or the beginning of it, or a step for its newest run.")
]


@app.callback()
def runs() -> None:
    """List and show what was run, with its logs."""


@app.command("ls")
def list_runs(
    limit: Annotated[int, typer.Option("--limit", "-n", help="How many to show, newest first.", min=1)] = 20,
    steps: Annotated[bool, typer.Option("--steps", help="The runs of steps instead of those of pipelines.")] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """List the runs of pipelines, newest first, or of steps."""
    opened = existing_store(store)
    if opened is None and not json:
        typer.echo(f"no runs yet in {shown_path(find_store(Path.cwd(), store))}")
    elif steps:
        _list_steps(opened.runs(limit) if opened else [], json=json)
    else:
        _list_pipelines(opened.pipeline_runs(limit) if opened else [], json=json)


def _list_pipelines(found: list[PipelineRun], *, json: bool) -> None:
    if json:
        print_json([run.to_json() for run in found])
        return
    rows = []
    for run in found:
        decisions = [outcome.decision for outcome in run.steps]
        counted = f"{decisions.count('RUN')} run, {decisions.count('REUSE')} reused"
        started = run.started[:16].replace("T", " ")
        rows.append([run.id, run.pipeline, run.status.value, counted, seconds_text(run.seconds), started])
    print_table(["run", "pipeline", "status", "steps", "time", "started"], rows, right=["time"])


def _list_steps(found: list[Run], *, json: bool) -> None:
    if json:
        print_json([run.to_json() for run in found])
        return
    rows = [
        [
            run.id,
            run.pipeline,
            run.step,
            run.status.value,
            ", ".join(run.outputs.values()),
            seconds_text(run.seconds),
            run.started[:16].replace("T", " "),
        ]
        for run in found
    ]
    print_table(["run", "pipeline", "step", "status", "outputs", "time", "started"], rows, right=["time"])


@app.command()
def show(run: RunArgument, store: StoreOption = None, json: JsonOption = False) -> None:
    """Show one run: status, parameters with their sources, inputs, outputs, command."""
    found = _find(required_store(store), run)
    if json:
        print_json(found.to_json())
    elif isinstance(found, Run):
        _show_run(found)
    else:
        _show_pipeline_run(found)


def _find(store: Store, name: str) -> Run | PipelineRun:
    """By id or the beginning of one; else the newest run of the step of that name."""
    try:
        return store.run(name)
    except NotFoundError as error:
        missing = error
    try:
        return store.pipeline_run(name)
    except NotFoundError:
        pass
    steps: set[str] = set()
    for run in store.runs():
        if run.step == name:
            return run
        steps.add(run.step)
    hint = missing.hint or near_matches(name, steps) or "artifactflow runs ls lists the runs"
    raise NotFoundError(missing.message, hint=hint)


def _show_run(run: Run) -> None:
    facts: dict[str, Any] = {
        "run": run.id,
        "step": run.step,
        "component": run.component,
        "pipeline": f"{run.pipeline} (run {run.pipeline_run_id})",
        "status": f"{run.status.value}: {run.message}" if run.message else run.status.value,
        "reason": run.reason,
        "started": run.started,
        "time": seconds_text(run.seconds),
        "command": run.command,
        "log": run.log,
    }
    print_table(["", ""], [[key, str(value)] for key, value in facts.items() if value])
    if run.parameters:
        typer.echo("\nparameters")
        rows = [[name, format_value(value), run.sources.get(name, "")] for name, value in run.parameters.items()]
        print_table(["name", "value", "from"], rows)
    for title, versions in (("inputs", run.inputs), ("outputs", run.outputs)):
        if versions:
            typer.echo(f"\n{title}")
            print_table(["name", "version"], [[name, ref] for name, ref in versions.items()])


def _show_pipeline_run(run: PipelineRun) -> None:
    facts = {"run": run.id, "pipeline": run.pipeline, "status": run.status.value, "started": run.started}
    print_table(["", ""], [[key, value] for key, value in facts.items()])
    if run.message:
        typer.echo(f"\n{run.message}")
    typer.echo("")
    print_table(
        ["step", "decision", "time", "reason", "run", "outputs"],
        [
            [
                outcome.step,
                outcome.decision,
                seconds_text(outcome.seconds),
                outcome.reason,
                outcome.run_id or "",
                ", ".join(outcome.outputs.values()),
            ]
            for outcome in run.steps
        ],
        right=["time"],
    )


@app.command()
def log(
    run: RunArgument,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the step ends, if it runs now.")] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Print what a step printed."""
    opened = required_store(store)
    from artifactflow.runner import follow_log, running_step  # which a list of runs does without

    running = running_step(opened, run) if follow else None
    if running is not None:
        for text in follow_log(opened, running):
            typer.echo(text, nl=False)
        return
    found = _find(opened, run)
    logs = [found] if isinstance(found, Run) else [opened.run(one.run_id) for one in found.steps if one.run_id]
    texts = {one.step: log_place(opened.root, one.log).read().decode(errors="replace") for one in logs}
    if json:
        print_json(texts)
        return
    for step, text in texts.items():
        if len(texts) > 1:
            typer.echo(f"== {step}")
        typer.echo(text, nl=bool(text) and not text.endswith("\n"))
