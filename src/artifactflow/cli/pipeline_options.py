"""What `plan` and `run-pipeline` have in common: which pipeline, with which values, which of its steps."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from artifactflow.errors import UsageError
from artifactflow.pipeline import Given
from artifactflow.read.component import load_pipeline
from artifactflow.runner import Options, bind_pipeline
from artifactflow.runner.binding import BoundPipeline
from artifactflow.selection import Selection

PathArgument = Annotated[
    Path, typer.Argument(help="A pipeline.yaml, a folder that holds one, or a component's folder.")
]
ParameterOption = Annotated[
    list[str] | None,
    typer.Option("--parameter", "-P", metavar="NAME=VALUE", help="Set a parameter; STEP.NAME for a step's own."),
]
ConfigOption = Annotated[Path | None, typer.Option(help="A config file in place of the pipeline's own.")]
ForceOption = Annotated[
    list[str] | None, typer.Option(metavar="STEP", help="Run a step though nothing changed; `all` for every one.")
]
NoCacheOption = Annotated[bool, typer.Option("--no-cache", help="Run every step, whatever was run before.")]
OnlyOption = Annotated[
    list[str] | None, typer.Option(metavar="STEP", help="These steps and no other; wildcards and tags too.")
]
FromOption = Annotated[list[str] | None, typer.Option("--from", metavar="STEP", help="These and all that follow them.")]
UntilOption = Annotated[list[str] | None, typer.Option(metavar="STEP", help="These and all that they need.")]
SkipOption = Annotated[list[str] | None, typer.Option(metavar="STEP", help="Not these.")]
ExitCodeOption = Annotated[bool, typer.Option("--exit-code", help="Exit with 8 where a step would run.")]


def bound_pipeline(path: Path, parameters: list[str] | None, config: Path | None) -> BoundPipeline:
    """The pipeline at `path` with every value resolved: options, then environment, then config, then defaults."""
    variables = {name: value for name, value in os.environ.items() if name.startswith("ARTIFACTFLOW_P_")}
    return bind_pipeline(load_pipeline(path, config), Given(parse_options(parameters or []), variables), Path.cwd())


def run_options(
    force: list[str] | None,
    no_cache: bool,
    only: list[str] | None,
    start: list[str] | None,
    until: list[str] | None,
    skip: list[str] | None,
) -> Options:
    """What was asked for, as the runner takes it."""
    selection = Selection(tuple(only or ()), tuple(start or ()), tuple(until or ()), tuple(skip or ()))
    rerun = shlex.join(["artifactflow", *sys.argv[1:]])
    return Options(force=tuple(force or ()), use_cache=not no_cache, selection=selection, rerun=rerun)


def parse_options(texts: list[str]) -> dict[str, str]:
    """`name=value` texts as a mapping. Raises UsageError for a text without `=`."""
    given: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"-P takes NAME=VALUE, got {text!r}", hint="for example: -P max_iter=300")
        given[name.strip().replace("-", "_") if "." not in name else name.strip()] = value
    return given
