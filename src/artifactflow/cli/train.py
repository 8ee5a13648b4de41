"""`artifactflow train`: a scikit-learn model, with its metrics, as artifacts."""

from __future__ import annotations

import typer

from artifactflow.cli.built_in import built_in_app, registered_text
from artifactflow.library import StoredVersion


def _show(versions: dict[str, StoredVersion], before: set[str]) -> None:
    # Standard output holds the report and nothing else; what was registered is said beside it.
    for stored in versions.values():
        typer.echo(f"registered {registered_text(stored, before)}", err=True)


app = built_in_app("train", _show)
