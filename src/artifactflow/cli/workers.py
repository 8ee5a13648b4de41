"""`artifactflow workers`: the warm servers that runs have left."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from artifactflow.cli.options import JsonOption, new_app
from artifactflow.cli.render import print_json, print_table
from artifactflow.errors import NotFoundError
from artifactflow.executors.kept import KeptServer, kept_servers, stop_servers
from artifactflow.words import seconds_text, size_text

MOST_SHOWN_MODULES = 4

app = new_app(no_args_is_help=True)


@app.callback()
def workers() -> None:
    """List and stop the warm servers that runs have left."""


@app.command("ls")
def list_workers(json: JsonOption = False) -> None:
    """List them, the one that was used last first."""
    found = kept_servers()
    if json:
        print_json([server.to_json() for server in found])
        return
    if not found:
        typer.echo("no workers: run-pipeline --keep-warm 10m leaves some")
        return
    print_table(
        ["pid", "python", "imported", "memory", "steps", "idle", "until"],
        [
            [
                str(server.pid),
                server.python,
                _modules_text(server),
                size_text(server.memory),
                str(server.steps),
                "in use" if server.idle_seconds is None else seconds_text(server.idle_seconds),
                server.until or "",
            ]
            for server in found
        ],
        right=["pid", "memory", "steps", "idle"],
    )


@app.command()
def stop(
    pid: Annotated[
        list[int] | None, typer.Argument(metavar="PID", help="The servers to stop.", show_default=False)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Stop all of them, as without any PID.")] = False,
    json: JsonOption = False,
) -> None:
    """Stop servers, or all of them. Steps that run on them are asked to end, and killed when they do not."""
    found = kept_servers()
    wanted = set() if every or pid is None else set(pid)
    unknown = wanted - {server.pid for server in found}
    if unknown and found:
        raise NotFoundError(
            f"no worker has the process id {', '.join(map(str, sorted(unknown)))}",
            hint="artifactflow workers ls lists them",
        )
    stopped = [server for server in found if not wanted or server.pid in wanted]
    stop_servers(stopped)
    if json:
        print_json({"stopped": [server.pid for server in stopped]})
    else:
        typer.echo(f"stopped {len(stopped)} {'worker' if len(stopped) == 1 else 'workers'}")


def _modules_text(server: KeptServer) -> str:
    """The installed packages among its modules, the first few of them."""
    tops = dict.fromkeys(module.partition(".")[0] for module in server.modules)
    packages = [top for top in tops if top not in sys.stdlib_module_names]
    more = len(packages) - MOST_SHOWN_MODULES
    shown = ", ".join(packages[:MOST_SHOWN_MODULES]) or "the standard library"
    return f"{shown} and {more} more" if more > 0 else shown
