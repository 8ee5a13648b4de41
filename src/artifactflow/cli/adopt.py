"""`artifactflow adopt`: what exists already becomes a component or a pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from artifactflow.adopt import adopt, diff_of, write_adoption
from artifactflow.cli.options import JsonOption, new_app
from artifactflow.cli.render import print_json, shown_path
from artifactflow.contract import EnvironmentKind
from artifactflow.errors import UsageError, near_matches

app = new_app()

ENVIRONMENTS = {"conda": EnvironmentKind.CONDA, "python": EnvironmentKind.PYTHON}


@app.command()
def command(
    path: Annotated[Path, typer.Argument(help="A script, a folder with one, or a root that runs components.")],
    env_file: Annotated[
        str | None,
        typer.Option("--env-file", help="conda or python. [default: the folder's own, else conda]"),
    ] = None,
    diff: Annotated[bool, typer.Option("--diff", help="Show what would be written and write nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")] = False,
    json: JsonOption = False,
) -> None:
    """Turn a script or a folder into a component."""
    if env_file is not None and env_file not in ENVIRONMENTS:
        hint = near_matches(env_file, ENVIRONMENTS)
        raise UsageError(f"--env-file takes conda or python, got {env_file!r}", hint=hint)
    adoption = adopt(path, ENVIRONMENTS[env_file] if env_file else None)
    written = [] if diff else write_adoption(adoption, force=force)
    if json:
        files = [{"path": str(adoption.folder / name), "text": text} for name, text in adoption.texts.items()]
        remarks = [{"file": one.place.file, "line": one.place.line, "message": one.message} for one in adoption.remarks]
        print_json({"kind": adoption.kind, "written": bool(written), "files": files, "remarks": remarks})
        return
    if diff:
        typer.echo(diff_of(adoption), nl=False)
    for file in written:
        typer.echo(f"wrote {shown_path(file)}")
    for remark in adoption.remarks:
        typer.echo(str(remark), err=True)
