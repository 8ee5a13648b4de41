"""`artifactflow schema`: what editors need to complete and check MLproject and pipeline.yaml."""

from __future__ import annotations

from typing import Annotated

import typer

from artifactflow.cli.options import new_app
from artifactflow.cli.render import print_json
from artifactflow.schema import schema_of

app = new_app()


@app.command()
def command(
    what: Annotated[str, typer.Argument(metavar="mlproject|pipeline", help="Which file the schema describes.")],
) -> None:
    """Print a JSON Schema for editors."""
    print_json(schema_of(what))
