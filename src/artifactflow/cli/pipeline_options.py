"""What `plan` and `run-pipeline` have in common: which pipeline, with which values, which of its steps."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from artifactflow.cli.stores import store_start
from artifactflow.contract import BUILT_IN_PREFIX
from artifactflow.errors import UsageError
from artifactflow.fetch.addresses import local_file, masked_text
from artifactflow.fetch.git import check_out, is_git_address, parse_git_address
from artifactflow.parameters import names_a_secret
from artifactflow.pipeline import Given
from artifactflow.read.component import load_pipeline
from artifactflow.runner import Options, bind_pipeline, refuse_secret_options
from artifactflow.runner.binding.bound import BoundPipeline
from artifactflow.runner.environment_modes import environment_modes
from artifactflow.selection import Selection
from artifactflow.store import Store, find_store

PathArgument = Annotated[
    str,
    typer.Argument(
        metavar="PATH",
        help="A pipeline.yaml, a folder that holds one, a component's folder, or a git address URL#FOLDER@REF.",
        show_default=False,
    ),
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
RefreshOption = Annotated[
    bool, typer.Option("--refresh", help="Let each download ask its server whether the file has changed.")
]
OnlyOption = Annotated[
    list[str] | None, typer.Option(metavar="STEP", help="These steps and no other; wildcards and tags too.")
]
FromOption = Annotated[list[str] | None, typer.Option("--from", metavar="STEP", help="These and all that follow them.")]
UntilOption = Annotated[list[str] | None, typer.Option(metavar="STEP", help="These and all that they need.")]
SkipOption = Annotated[list[str] | None, typer.Option(metavar="STEP", help="Not these.")]
EnvironmentOption = Annotated[
    list[str] | None,
    typer.Option(
        "--env",
        metavar="MODE|STEP=MODE",
        help="Where the steps run: `auto`, in the environment of artifactflow where it satisfies a component's file, "
        "else in one built by uv; `current`; `uv`; `conda`. [default: auto]",
        show_default=False,
    ),
]
ExitCodeOption = Annotated[bool, typer.Option("--exit-code", help="Exit with 8 where a step would run.")]

DOWNLOAD = f"{BUILT_IN_PREFIX}download"


@dataclass(frozen=True, slots=True)
class Found:
    """A pipeline with its values, where its store is looked for, and which commit it was checked out from."""

    bound: BoundPipeline
    store_start: Path
    source: Mapping[str, str | bool]


def find_pipeline(path: str, parameters: list[str] | None, config: Path | None, store: Path | None) -> Found:
    """The pipeline at a path or a git address; what is checked out is kept beside the store of the working folder."""
    if not is_git_address(path) or Path(path).exists():
        bound = bound_pipeline(Path(path), parameters, config)
        return Found(bound, store_start(bound.pipeline), {})
    address = parse_git_address(path)
    with Store.open(find_store(Path.cwd(), store)) as opened:
        checkout = check_out(address, opened.root / "git")
    source: dict[str, str | bool] = {"repository": str(address), "commit": checkout.commit, "dirty": False}
    return Found(bound_pipeline(checkout.path, parameters, config), Path.cwd(), source)


def bound_pipeline(path: Path, parameters: list[str] | None, config: Path | None) -> BoundPipeline:
    """The pipeline at `path` with every value resolved: options, then environment, then config, then defaults."""
    variables = {name: value for name, value in os.environ.items() if name.startswith("ARTIFACTFLOW_P_")}
    bound = bind_pipeline(load_pipeline(path, config), Given(parse_options(parameters or []), variables), Path.cwd())
    refuse_secret_options(bound)
    return bound


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
    rerun = shlex.join(["artifactflow", *map(_masked_argument, sys.argv[1:])])
    return Options(force=tuple(force or ()), use_cache=not no_cache, selection=selection, rerun=rerun)


def _masked_argument(argument: str) -> str:
    name, equals, _ = argument.partition("=")
    return f"{name}=***" if equals and names_a_secret(name) else masked_text(argument)


def with_environments(options: Options, env: list[str] | None, found: Found) -> Options:
    """The options with where each step is to run: `--env`, then the steps' own, the variable, and pyproject.toml."""
    pipeline = found.bound.pipeline
    return replace(options, environments=environment_modes(env or (), os.environ, pipeline.steps, pipeline.folder))


def with_refresh(options: Options, refresh: bool, found: Found) -> Options:
    """The options, with `refresh` such that every download from a server runs: its step asks whether it changed."""
    asking = [
        step.name
        for step in found.bound.steps
        if step.component.reference == DOWNLOAD and local_file(str(step.parameters["file_url"])) is None
    ]
    return replace(options, force=(*options.force, *asking)) if refresh else options


def parse_options(texts: list[str]) -> dict[str, str]:
    """`name=value` texts as a mapping. Raises UsageError for a text without `=`."""
    given: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"-P takes NAME=VALUE, got {text!r}", hint="for example: -P max_iter=300")
        given[name.strip().replace("-", "_") if "." not in name else name.strip()] = value
    return given
