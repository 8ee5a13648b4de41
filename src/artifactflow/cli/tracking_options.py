"""Who is told of a run: the options of `run-pipeline` for it, and what it says about it at the end."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from artifactflow.cli.pipeline_options import Found
from artifactflow.errors import UsageError
from artifactflow.runner import Options
from artifactflow.runner.tracking import registered_models
from artifactflow.trackers.choice import TRACK_VARIABLE, chosen_trackers, settings_of
from artifactflow.tracking.start import last_status
from artifactflow.words import seconds_text

TrackOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAMES",
        help="Who is told: `mlflow`, `wandb`, both with a comma, `none`; `auto`, whom the surroundings name. "
        "[default: the pipeline's `track:`, else auto]",
        show_default=False,
    ),
]
RegisterOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME|STEP=NAME", help="Register the pipeline's model, or a step's, under a name in MLflow."),
]
WaitTrackingOption = Annotated[
    bool, typer.Option("--wait-tracking", help="Wait until the trackers are told of everything, and say how long.")
]

HOW = "nobody was told of this run: --track mlflow, or `track: mlflow` in pipeline.yaml, tells MLflow; `wandb` W&B"


def with_tracking(options: Options, track: str | None, register: list[str] | None, wait: bool, found: Found) -> Options:
    """The options with the settings of the trackers that are to be told."""
    bound = found.bound
    names = chosen_trackers(track, bound.pipeline.track, found.store_start, os.environ)
    settings = settings_of(names, bound.pipeline.name, found.store_start, os.environ)
    if register:
        if "mlflow" not in settings:
            raise UsageError("--register names a model in MLflow, which is not told", hint="add --track mlflow")
        settings["mlflow"]["register"] = registered_models(register, bound)
    return replace(options, tracking=settings, wait_tracking=wait)


def tracking_results(options: Options, root: Path) -> dict[str, Mapping[str, Any]]:
    """What each tracker's process said of itself, where the command waited for it."""
    return {name: last_status(root, name) for name in options.tracking} if options.wait_tracking else {}


def print_tracking(options: Options, root: Path, *, ran: bool, track: str | None) -> None:
    """A line for each tracker that was waited for or that has a backlog; how to turn one on where there is none."""
    for name in options.tracking:
        status = last_status(root, name)
        if options.wait_tracking and not status.get("error"):
            typer.echo(f"{name} was told in {seconds_text(status.get('seconds', 0.0))}")
        elif status.get("error"):
            waiting = status.get("waiting", 0)
            left = f" has {waiting} runs still to be told" if waiting else ""
            typer.echo(f"warning: {name}{left}: {status['error']}", err=True)
            typer.echo("hint: the next run tries again, and so does: artifactflow sync", err=True)
    silenced = track or os.environ.get(TRACK_VARIABLE)
    if not options.tracking and ran and not silenced and sys.stdout.isatty():
        typer.echo(HOW)
