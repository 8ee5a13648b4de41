"""`artifactflow download`: a file from somewhere, as an artifact."""

from __future__ import annotations

import typer

from artifactflow.cli.built_in import built_in_app
from artifactflow.cli.render import print_table, size_text
from artifactflow.errors import ArtifactflowError
from artifactflow.library import StoredVersion

SHOWN_FILES = 10


def _show(versions: dict[str, StoredVersion], before: set[str]) -> None:
    stored = versions["dataset"]
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
        typer.echo(f"\nnot shown as a table: {error.message}")
        return
    typer.echo(f"\n{found.rows} rows, {len(found.columns)} columns")
    print_table(["column", "type"], [[name, kind] for name, kind in found.columns.items()])
    typer.echo("")
    print_table(list(found.columns), found.first_rows)


app = built_in_app("download", _show)
