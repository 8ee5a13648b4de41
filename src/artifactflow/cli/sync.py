"""`artifactflow sync`: tell the trackers what they do not know yet, and send what W&B kept offline."""

from __future__ import annotations

import typer

from artifactflow.cli.options import JsonOption, new_app
from artifactflow.cli.render import print_json
from artifactflow.cli.stores import StoreOption, required_store
from artifactflow.errors import OutsideError
from artifactflow.trackers import TRACKERS
from artifactflow.tracking.sync import catch_up, send_offline_runs
from artifactflow.words import seconds_text

app = new_app()


@app.command()
def command(store: StoreOption = None, json: JsonOption = False) -> None:
    """Tell MLflow and W&B what they do not know yet, and send the runs that were kept offline."""
    root = required_store(store).root
    told = {name: status for name in TRACKERS if (status := catch_up(root, name)) is not None}
    sent = send_offline_runs(root)
    if json:
        print_json({"told": told, "wandb": sent.to_json()})
    else:
        for name, status in told.items():
            typer.echo(f"{name}: {status['told']} runs told in {seconds_text(status['seconds'])}")
        typer.echo(f"W&B offline runs: {len(sent.sent)} sent, {len(sent.waiting)} waiting")
        if sent.why:
            typer.echo(sent.why)
    failed = [f"{name}: {status['error']}" for name, status in told.items() if status["error"]]
    if failed:
        raise OutsideError(
            f"not everything could be told: {'; '.join(failed)}", hint="mend that, then: artifactflow sync"
        )
    if sent.failed:
        raise OutsideError(
            f"W&B did not take {len(sent.waiting)} runs: {sent.failed}", hint="try again: artifactflow sync"
        )
