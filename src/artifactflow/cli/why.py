"""`artifactflow why`: why a step ran, or was reused, in a run of the past."""

from __future__ import annotations

from typing import Annotated

import typer

from artifactflow.cli.options import JsonOption, new_app
from artifactflow.cli.render import print_json, print_table
from artifactflow.cli.stores import StoreOption, required_store
from artifactflow.errors import NotFoundError, near_matches
from artifactflow.parameters import format_value
from artifactflow.runs import PipelineRun, Run, StepOutcome
from artifactflow.store import Store

app = new_app()


@app.command()
def command(
    step: Annotated[str, typer.Argument(help="The step, or the cell of a matrix.")],
    run: Annotated[str | None, typer.Option(help="The pipeline run. [default: the newest that has the step]")] = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Tell why a step ran, or was reused, in a run of the past."""
    opened = required_store(store)
    record, outcome = _outcome(opened, step, run)
    made = opened.run(outcome.run_id) if outcome.run_id else None
    if json:
        print_json({**outcome.to_json(), "pipeline_run": record.id, "made_by": made.to_json() if made else None})
        return
    typer.echo(f"{outcome.step}: {outcome.decision}, {outcome.reason}")
    typer.echo(f"in run {record.id} of {record.pipeline}, {record.started}")
    if made is not None:
        _show(made)


def _outcome(store: Store, step: str, run: str | None) -> tuple[PipelineRun, StepOutcome]:
    records = [store.pipeline_run(run)] if run else store.pipeline_runs()
    names: set[str] = set()
    for record in records:
        for outcome in record.steps:
            if outcome.step == step:
                return record, outcome
            names.add(outcome.step)
    where = f"run {run}" if run else "any run"
    raise NotFoundError(
        f"no step {step!r} in {where}", hint=near_matches(step, names) or "artifactflow runs ls lists the runs"
    )


def _show(run: Run) -> None:
    if run.parameters:
        typer.echo("\nparameters")
        rows = [[name, format_value(value), run.sources.get(name, "")] for name, value in run.parameters.items()]
        print_table(["name", "value", "from"], rows)
    if run.inputs:
        typer.echo("\ninputs")
        print_table(["name", "version"], [[name, ref] for name, ref in run.inputs.items()])
    code = run.ingredients.get("code", {})
    packages = run.ingredients.get("environment", {})
    typer.echo(f"\ncode: {', '.join(code) or 'none'}")
    typer.echo(f"environment: {len(packages)} packages, Python {packages.get('python', 'unknown')}")
