"""What `download` and `train` have in common: their options come from the contract, their work from the library."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import typer

from artifactflow.cli.options import JsonOption, new_app
from artifactflow.cli.render import print_json
from artifactflow.cli.stores import StoreOption, open_store
from artifactflow.invoke.command_line import add_command
from artifactflow.library import StoredVersion, run_built_in
from artifactflow.parameters import Value
from artifactflow.read.built_in import built_in_component
from artifactflow.runner import Silent
from artifactflow.words import size_text

Show = Callable[[dict[str, StoredVersion], set[str]], None]
"""Shows the versions by output key, and which refs stood in the store before."""


class PassThrough(Silent):
    """Prints what the step prints, as it prints it."""

    def step_printed(self, step: str, line: str) -> None:
        """Hand the line on."""
        typer.echo(line)


def built_in_app(name: str, show: Show) -> typer.Typer:
    """The command of a built-in step."""
    app = new_app()

    def call(values: dict[str, Value], added: dict[str, Any]) -> None:
        store = open_store(added["store"])
        before = {version.ref for version in store.versions()}
        record = run_built_in(name, values, store, Silent() if added["json"] else PassThrough())
        versions = {key: StoredVersion(store.version(ref), store) for key, ref in record.steps[0].outputs.items()}
        if added["json"]:
            print_json(
                {"run": record.steps[0].run_id, "outputs": {key: v.version.to_json() for key, v in versions.items()}}
            )
        else:
            show(versions, before)

    added = [
        inspect.Parameter("store", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=StoreOption),
        inspect.Parameter("json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=JsonOption),
    ]
    contract = built_in_component(name).contract()
    add_command(app, contract, name, call, outputs=False, input_metavar="NAME[:ALIAS]|PATH", added=added)
    return app


def registered_text(stored: StoredVersion, before: set[str]) -> str:
    """One line that says which version it is, and whether it is new."""
    version = stored.version
    news = "the same content as before" if version.ref in before else "new"
    return f"{version.ref}  {version.type}  {version.digest}  {size_text(version.size)}  ({news})"
