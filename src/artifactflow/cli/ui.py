"""`artifactflow ui`: MLflow's pages on what the project's runs were told."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer

from artifactflow.cli.options import CONTEXT, new_app
from artifactflow.errors import NotFoundError, OutsideError
from artifactflow.fetch.addresses import masked_address
from artifactflow.trackers.choice import mlflow_address

app = new_app()


@app.command(context_settings={**CONTEXT, "allow_extra_args": True, "ignore_unknown_options": True})
def command(
    context: typer.Context,
    path: Annotated[Path, typer.Option("--path", help="The project's folder.", exists=True, file_okay=False)] = Path(),
    port: Annotated[int, typer.Option(help="Where the pages are served on this machine.", min=1, max=65535)] = 5000,
) -> None:
    """Open MLflow's pages on the project's runs. Further options go to `mlflow ui`."""
    address = mlflow_address(path, os.environ)
    if address.startswith(("http://", "https://")):
        typer.echo(f"the runs are on a server, which has its own pages: {masked_address(address)}")
        return
    database = Path(address.removeprefix("sqlite:///"))
    if address.startswith("sqlite:") and not database.is_file():
        raise NotFoundError(
            f"MLflow was told nothing here yet: there is no {database}",
            hint="run a pipeline first: artifactflow run-pipeline --track mlflow",
        )
    if not any(word.startswith("--host") for word in context.args):
        _refuse_used(port)
    os.chdir(path)
    words = ["-P", "-m", "mlflow", "ui", "--backend-store-uri", address, "--port", str(port), *context.args]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *words])  # noqa: S606 - no shell is what is wanted


def _refuse_used(port: int) -> None:
    """MLflow would say so only after seconds of loading, and end as if it had gone well."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that was just given up may be taken
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise OutsideError(
                f"port {port} cannot be used: {error.strerror}", hint=f"take another one: --port {port % 65535 + 1}"
            ) from error
