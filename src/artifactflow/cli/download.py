"""`artifactflow download`: a file from somewhere, as an artifact."""

from __future__ import annotations

import inspect
from typing import Any

import typer

from artifactflow.cli.built_in import registered_text
from artifactflow.cli.options import JsonOption, new_app
from artifactflow.cli.render import print_json, print_table
from artifactflow.cli.stores import StoreOption, open_store
from artifactflow.errors import ArtifactflowError, UsageError
from artifactflow.invoke.command_line import add_command
from artifactflow.library import StoredVersion, run_downloads
from artifactflow.parameters import Value
from artifactflow.read.built_in import built_in_component
from artifactflow.runner import Silent
from artifactflow.runs import StepOutcome
from artifactflow.store import Store
from artifactflow.words import size_text

SHOWN_FILES = 10
ONE_FOR_EACH = ("artifact_name", "sha256")
"""The options that may be given once for each file, in the order of the files."""


class _Listener(Silent):
    """Hands on what a download says, beside the results, and remembers which of several arrived."""

    def __init__(self) -> None:
        self.ended: dict[str, StepOutcome] = {}

    def step_printed(self, step: str, line: str) -> None:
        typer.echo(line, err=True)

    def step_ended(self, outcome: StepOutcome) -> None:
        self.ended[outcome.step] = outcome


def _call(values: dict[str, Value], added: dict[str, Any]) -> None:
    requests = _requests(values, added)
    store = open_store(added["store"])
    before = {version.ref for version in store.versions()}
    listener = _Listener()
    try:
        run_downloads(requests, store, listener)
    except ArtifactflowError:
        if len(requests) > 1:
            _show_all(store, listener, before, json=added["json"])
        raise
    if len(requests) > 1:
        _show_all(store, listener, before, json=added["json"])
        return
    (outcome,) = listener.ended.values()
    if added["json"]:
        print_json(_json_of(store, outcome))
    else:
        _show(_stored(store, outcome), before)


def _requests(values: dict[str, Value], added: dict[str, Any]) -> list[dict[str, Value]]:
    """The values of each download. Raises UsageError where names or digests are fewer or more than the files."""
    addresses = added["file_url"]
    requests = [{"file_url": address, **values} for address in addresses]
    for name in ONE_FOR_EACH:
        given = added[name]
        if given and len(given) != len(addresses):
            option = f"--{name.replace('_', '-')}"
            raise UsageError(
                f"there are {len(addresses)} files and {len(given)} values of {option}",
                hint=f"give {option} once for each --file-url, in the same order, or not at all",
            )
        for request, value in zip(requests, given, strict=False):
            request[name] = value
    return requests


def _stored(store: Store, outcome: StepOutcome) -> StoredVersion:
    return StoredVersion(store.version(outcome.outputs["dataset"]), store)


def _json_of(store: Store, outcome: StepOutcome) -> dict[str, Any]:
    return {"run": outcome.run_id, "outputs": {"dataset": _stored(store, outcome).version.to_json()}}


def _show_all(store: Store, listener: _Listener, before: set[str], *, json: bool) -> None:
    """A line for each file that arrived."""
    arrived = [outcome for outcome in listener.ended.values() if outcome.outputs]
    if json:
        print_json({"downloads": [_json_of(store, outcome) for outcome in arrived]})
        return
    for outcome in arrived:
        typer.echo(registered_text(_stored(store, outcome), before))


def _show(stored: StoredVersion, before: set[str]) -> None:
    version, tree = stored.version, stored.tree
    same = "  (the same content as before, so the same version)" if version.ref in before else ""
    typer.echo(f"artifact     {version.ref}{same}")
    typer.echo(f"type         {version.type}")
    if version.description:
        typer.echo(f"description  {version.description}")
    typer.echo(f"digest       {version.digest}")
    typer.echo(f"size         {size_text(version.size)} in {version.files} file{'' if version.files == 1 else 's'}")
    for entry in tree.entries[:SHOWN_FILES]:
        typer.echo(f"  {entry.path}  {size_text(entry.size)}  {entry.digest.short}")
    if len(tree.entries) > SHOWN_FILES:
        typer.echo(f"  … and {len(tree.entries) - SHOWN_FILES} more")
    _show_table(stored)


def _show_table(stored: StoredVersion) -> None:
    from artifactflow.formats import format_of_file
    from artifactflow.formats.table import summary

    path = stored.path()
    if format_of_file(path).name != "table":
        return
    try:
        found = summary(path)
    except ArtifactflowError as error:
        # The file is stored whatever it holds; that it is no table after all is worth a line, not a failure.
        typer.echo(f"\nnot shown as a table: {error.message.replace(str(path), path.name)}")
        return
    typer.echo(f"\n{found.rows} rows, {len(found.columns)} columns")
    print_table(["column", "type"], [[name, kind] for name, kind in found.columns.items()])
    typer.echo("")
    print_table(list(found.columns), found.first_rows)


app = new_app()
add_command(
    app,
    built_in_component("download").contract(),
    "download",
    _call,
    outputs=False,
    added=[
        inspect.Parameter("store", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=StoreOption),
        inspect.Parameter("json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=JsonOption),
    ],
    repeated=("file_url", *ONE_FOR_EACH),
)
