"""`artifactflow ci`: what a workflow tells the people who review a change."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from artifactflow.cli.options import JsonOption, new_app
from artifactflow.cli.pipeline_options import ConfigOption, ParameterOption, find_pipeline
from artifactflow.cli.render import print_json
from artifactflow.cli.stores import StoreOption, existing_store, required_store
from artifactflow.errors import UsageError
from artifactflow.report.changes import baseline, changed_artifacts
from artifactflow.report.collect import find_record
from artifactflow.report.comment import Comment, marker, render_comment
from artifactflow.report.excerpts import read_log
from artifactflow.report.metrics import compared, measured
from artifactflow.report.write import write_text
from artifactflow.runner import plan_pipeline
from artifactflow.runs import StepOutcome
from artifactflow.store import Store

app = new_app(no_args_is_help=True)


@app.callback()
def ci() -> None:
    """Tell reviewers what a change does: the Markdown of a comment on a pull request."""


@app.command()
def comment(
    plan: Annotated[
        str | None, typer.Option(metavar="PATH", help="The plan of the pipeline at PATH, not what a run did.")
    ] = None,
    run: Annotated[str | None, typer.Option(help="The run to tell of. [default: the newest]")] = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="RUN|REVISION", help="What to compare with. [default: the last run that finished]"),
    ] = None,
    parameter: ParameterOption = None,
    config: ConfigOption = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="A file to write to.")] = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Print Markdown for a pull request: the plan, or what a run did with its metrics and changed artifacts."""
    if plan is not None and (run or against):
        raise UsageError("--plan tells of no run", hint="leave --run and --against out, or --plan")
    if plan is None and (parameter or config):
        raise UsageError("-P and --config are for a plan", hint="name the pipeline: --plan .")
    told = _planned(plan, parameter, config, store) if plan is not None else _done(required_store(store), run, against)
    markdown = render_comment(told)
    if output:
        write_text(output, markdown)
    if json:
        print_json({"marker": marker(told.pipeline), "markdown": markdown})
    elif not output:
        typer.echo(markdown, nl=False)


def _planned(path: str, parameter: list[str] | None, config: Path | None, store: Path | None) -> Comment:
    found = find_pipeline(path, parameter, config, store)
    planned = plan_pipeline(found.bound, existing_store(store, found.store_start))
    return Comment(
        found.bound.pipeline.name, [StepOutcome(step.name, step.decision.value, step.reason) for step in planned]
    )


def _done(store: Store, run: str | None, against: str | None) -> Comment:
    record = find_record(store, run)
    previous = baseline(store, record, against, Path.cwd())
    failed = [one for one in record.steps if one.decision == "FAILED" and one.run_id]
    logs = [(one.step, read_log(store, store.run(one.run_id).log)) for one in failed if one.run_id]
    steps = [one.step for one in record.steps]
    return Comment(
        pipeline=record.pipeline,
        outcomes=record.steps,
        record=record,
        previous=previous,
        metrics=compared(measured(store, record), measured(store, previous) if previous else {}, steps=steps),
        artifacts=changed_artifacts(store, previous, record) if previous else (),
        logs=[(step, log) for step, log in logs if log is not None],
    )
