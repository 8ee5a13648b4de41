"""`artifactflow report`: what a run did, as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from artifactflow.cli.options import JsonOption, new_app
from artifactflow.cli.render import print_json, shown_path
from artifactflow.cli.stores import StoreOption, required_store
from artifactflow.report.collect import collect, find_record
from artifactflow.report.page import render_page
from artifactflow.report.write import write_text

app = new_app()


@app.command()
def command(
    run: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="The id of a pipeline's run or a step's. [default: the newest]"),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to. [default: beside the run's record]")
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Write what a run did into one HTML page that needs no network."""
    opened = required_store(store)
    record = find_record(opened, run)
    page = render_page(collect(opened, record))
    file = output or opened.run_folder(record.id, create=True) / "report.html"
    write_text(file, page)
    if json:
        print_json({"run": record.id, "pipeline": record.pipeline, "status": record.status.value, "file": str(file)})
    else:
        typer.echo(shown_path(file))
    if show:
        import webbrowser

        webbrowser.open(file.absolute().as_uri())
