"""The command `artifactflow`: its commands, loaded when they are called, and the one place that prints errors."""

from __future__ import annotations

import errno
import gc
import importlib
import os
import signal
import sys
import traceback
from types import FrameType
from typing import Annotated, Any, Final, NoReturn

import typer

from artifactflow import __version__
from artifactflow.cli.options import CommandGroup, new_app
from artifactflow.cli.terminal import guard_terminals
from artifactflow.errors import ArtifactflowError, InterruptedRunError, near_matches
from artifactflow.fetch.addresses import masked_message

COMMANDS = {
    "download": "Download a file, verify it, extract it if it is an archive, and register it as an artifact.",
    "train": "Train a model on a table, or on scikit-learn's iris, and score it on rows that it has not seen.",
    "run-pipeline": "Run a pipeline, or a component, reusing what has not changed.",
    "plan": "Show what a run would do, and why, without running anything.",
    "why": "Tell why a step ran, or was reused, in a run of the past.",
    "artifacts": "List, show, fetch, put and name the artifacts in the store.",
    "runs": "List and show what was run, with its logs.",
    "report": "Write what a run did into one HTML page that needs no network.",
    "cache": "List what may be reused, and forget it.",
    "check": "Find where components contradict themselves, and mend it.",
    "env": "List, build, lock and remove the environments of components.",
    "workers": "List and stop the warm servers that runs have left.",
    "scaffold": "Write a new component that runs at once.",
    "adopt": "Turn a script or a folder into a component.",
    "sync": "Tell MLflow and W&B what they do not know yet, and send the runs that were kept offline.",
    "ui": "Open MLflow's pages on the project's runs. Further options go to `mlflow ui`.",
    "doctor": "Examine this machine and project, and say how to mend what is wrong.",
    "ci": "Tell reviewers what a change does: the Markdown of a comment on a pull request.",
    "schema": "Print a JSON Schema for editors.",
}
"""Each command with its line in the help; it lives in the module of its name, which has an `app`.

The help is stated here so that showing it loads no command. A test holds it against the commands' own words.
"""

NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)
STOPPED: Final = InterruptedRunError.exit_code


class LazyGroup(CommandGroup):
    """The commands of `COMMANDS`, each imported when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, from its module; `_` stands for `-`."""
        name = cmd_name.replace("_", "-")
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"artifactflow.cli.{name.replace('-', '_')}")
        command = typer.main.get_command(module.app)
        command.name = name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The table, without loading any command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


app = new_app(cls=LazyGroup, no_args_is_help=True)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"artifactflow {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Reproducible ML pipelines made of components with contracts."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and end the process with an exit code of `errors.py`."""
    if os.name == "nt":
        _fail("error: artifactflow does not run on Windows\nhint: use it under WSL 2", 7)
    guard_terminals()
    signal.signal(signal.SIGTERM, _interrupt)
    # What a command reads stays until its end: going through all of it again and again takes longer than reading it.
    gc.set_threshold(50_000, 20, 50)
    try:
        code = app(arguments, prog_name="artifactflow", standalone_mode=False)
    except ArtifactflowError as error:
        _fail(error.render(), error.exit_code)
    except typer.TyperException as error:
        _fail(_usage_text(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _fail("error: stopped by the user", STOPPED)
    except SystemExit as ended:
        if not isinstance(ended.__context__, BrokenPipeError):
            raise
        _print_no_more()  # the reader has gone (`| head`): not an error, though Typer ends with 1
        raise SystemExit(0) from None
    except Exception as error:
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            where = error.filename or "what is printed here"
            _fail(f"error: cannot write {where}: {error.strerror}\nhint: make room there, then run it again", 9)
        # A bug of ours: the traceback is what mends it, but for what an address in it may hold.
        _fail(traceback.format_exc().rstrip(), 1)
    if code == STOPPED:  # Typer's word for Ctrl-C
        _fail("error: stopped by the user", STOPPED)
    raise SystemExit(code if isinstance(code, int) else 0)


def _usage_text(error: typer.TyperException) -> str:
    if type(error).__name__ == "NoArgsIsHelpError":
        return error.format_message()
    context = getattr(error, "ctx", None)
    message = error.format_message().removeprefix("Invalid value: ")
    hint = "" if context is None or "hint:" in message else f"\nhint: {context.command_path} --help shows the options"
    if hasattr(error, "possibilities") and hasattr(error, "option_name"):
        message = f"there is no option {error.option_name}"
        near = near_matches(error.option_name, error.possibilities or ())
        hint = f"\nhint: {near}" if near else hint
    return f"error: {message[:1].lower()}{message[1:]}{hint}"


def _fail(text: str, code: int) -> NoReturn:
    try:
        sys.stdout.flush()
    except OSError:
        _print_no_more()
    typer.echo(masked_message(text), err=True)
    raise SystemExit(code)


def _print_no_more() -> None:
    """Let what is still in the buffer go nowhere: Python would try to write it at its end, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
