"""`artifactflow cache`: the results that a run may reuse."""

from __future__ import annotations

import fnmatch
from dataclasses import replace
from typing import Annotated

import typer

from artifactflow.cli.options import JsonOption, new_app
from artifactflow.cli.render import print_json, print_table
from artifactflow.cli.stores import StoreOption, existing_store, required_store
from artifactflow.errors import NotFoundError, near_matches
from artifactflow.runs import Run, RunStatus
from artifactflow.store import Store

app = new_app(no_args_is_help=True)


@app.callback()
def cache() -> None:
    """List what may be reused, and forget it."""


@app.command("ls")
def list_cached(store: StoreOption = None, json: JsonOption = False) -> None:
    """List the runs whose results a later run may reuse, newest first."""
    opened = existing_store(store)
    found = _cached(opened) if opened else []
    if json:
        rows = [
            {
                "key": run.cache_key,
                "step": run.step,
                "pipeline": run.pipeline,
                "run": run.id,
                "outputs": dict(run.outputs),
            }
            for run in found
        ]
        print_json(rows)
        return
    if not found:
        typer.echo("nothing to reuse yet")
        return
    print_table(
        ["key", "pipeline", "step", "run", "outputs"],
        [[run.cache_key[:12], run.pipeline, run.step, run.id, ", ".join(run.outputs.values())] for run in found],
    )


@app.command()
def clear(
    steps: Annotated[list[str] | None, typer.Argument(help="Steps, with wildcards. [default: all]")] = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Forget what may be reused, so that the steps run again. Artifacts and records stay."""
    opened = required_store(store)
    cached = _cached(opened)
    chosen = [run for run in cached if not steps or any(fnmatch.fnmatchcase(run.step, word) for word in steps)]
    if steps and not chosen:
        names = {run.step for run in cached}
        hint = near_matches(steps[0], names) or "artifactflow cache ls lists what can be"
        raise NotFoundError(f"nothing of {', '.join(steps)} can be reused", hint=hint)
    with opened.transaction() as transaction:
        for run in chosen:
            transaction.record_run(replace(run, cache_key=""))
    if json:
        print_json({"forgotten": [run.id for run in chosen]})
    else:
        typer.echo(f"forgot {len(chosen)} result{'' if len(chosen) == 1 else 's'}")


def _cached(store: Store) -> list[Run]:
    """Finished runs with a key; of several with the same key the newest counts."""
    newest: dict[str, Run] = {}
    for run in store.runs():
        if run.cache_key and run.status is RunStatus.FINISHED:
            newest.setdefault(run.cache_key, run)
    return list(newest.values())
