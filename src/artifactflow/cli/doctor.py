"""`artifactflow doctor`: what works on this machine and in this project, and how to mend what does not."""

from __future__ import annotations

from pathlib import Path

import typer

from artifactflow.cli.options import JsonOption, new_app
from artifactflow.cli.render import print_json, print_table
from artifactflow.cli.stores import StoreOption
from artifactflow.doctor import Mark, examine
from artifactflow.errors import MissingToolError
from artifactflow.store import find_store

app = new_app()


@app.command()
def command(store: StoreOption = None, json: JsonOption = False) -> None:
    """Examine this machine and project, and say how to mend what is wrong."""
    found = examine(find_store(Path.cwd(), store), Path.cwd())
    counts = {mark.value: sum(one.mark is mark for one in found) for mark in Mark}
    if json:
        print_json({"observations": [one.to_json() for one in found], "totals": counts})
    else:
        rows = []
        for one in found:
            rows.append([one.mark.value, one.subject, one.text])
            rows += [["", "", f"mend: {one.mend}"]] if one.mend else []
        print_table(["", "", ""], rows)
        typer.echo(f"\n{counts['ok']} ok, {counts['warn']} to know of, {counts['fail']} broken")
    if counts[Mark.FAIL]:
        raise typer.Exit(MissingToolError.exit_code)
