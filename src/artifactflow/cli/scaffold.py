"""`artifactflow scaffold`: write a new component, or a new project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from artifactflow.cli.options import JsonOption, new_app
from artifactflow.cli.render import print_json
from artifactflow.errors import UsageError
from artifactflow.parameters import ParameterType
from artifactflow.scaffold import (
    check_component_name,
    component_commands,
    component_texts,
    design_component,
    project_commands,
    project_texts,
    write_files,
)
from artifactflow.write.script_formats import FORMATS, type_words

app = new_app()

FIRST_COMPONENT = "estimate"
"""What the component of a new project is called, after what it does."""


def _format_line(name: str) -> str:
    words = ", ".join(type_words(name)) or "any other"
    return f"  {name:8}{FORMATS[name].annotation:16}{words}"


EPILOG = "\n".join(
    [
        # Typer keeps the lines of a paragraph that begins so.
        "\b",
        "Parameters, in quotes for the shell:",
        "  'count:int=3[1..10]'            a default and bounds; [0..] and [..1] have one",
        "  'method:str=mean{mean,median}'  a default and choices",
        "  'limit:int'                     no default: required",
        "  'seed=42'                       the default tells the type",
        f"Types: {', '.join(kind.value for kind in ParameterType)}.",
        "",
        "\b",
        "Inputs and outputs: raw:raw_data, or raw:raw_data:file with a format. What the function holds in",
        "its hands follows from the format, and the format from the last word of the type if it is left out:",
        f"  {'format':8}{'annotation':16}last word of the type",
        *map(_format_line, FORMATS),
    ]
)


@app.command(epilog=EPILOG)
def command(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The name of the component, which is that of its folder: new-step.")
    ],
    pipeline: Annotated[
        bool, typer.Option("--pipeline", help="Start a project instead: a pipeline with one component.")
    ] = False,
    into: Annotated[Path, typer.Option(metavar="DIR", help="The folder to make it in.")] = Path(),
    param: Annotated[
        list[str] | None, typer.Option(metavar="NAME:TYPE=DEFAULT", help="A parameter; as often as there are.")
    ] = None,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", metavar="NAME:TYPE[:FORMAT]", help="An artifact that it takes.")
    ] = None,
    outputs: Annotated[
        list[str] | None, typer.Option("--output", metavar="NAME:TYPE[:FORMAT]", help="An artifact that it makes.")
    ] = None,
    package: Annotated[
        list[str] | None,
        typer.Option(metavar="REQUIREMENT", help="A package to install; a bare name is pinned to what is here."),
    ] = None,
    python: Annotated[
        str | None, typer.Option(metavar="VERSION", help="The version of Python. [default: the running one]")
    ] = None,
    env_file: Annotated[
        str, typer.Option(metavar="KIND", help="conda (conda.yaml) or python (python_env.yaml).")
    ] = "conda",
    template: Annotated[
        str,
        typer.Option(
            metavar="TEMPLATE", help="step (a typed step function) or argparse (needs no artifactflow to run)."
        ),
    ] = "step",
    description: Annotated[str, typer.Option(metavar="TEXT", help="What it does, in a sentence.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there already.")] = False,
    json: JsonOption = False,
) -> None:
    """Write a new component that runs at once."""
    if pipeline and (param or inputs or outputs or package):
        raise UsageError(
            "--pipeline starts a project, and --param, --input, --output and --package describe a component",
            hint=f"start the project, then: artifactflow scaffold new-step --into {into / name}/components --param …",
        )
    check_component_name(name, "project" if pipeline else "component")
    design = design_component(
        FIRST_COMPONENT if pipeline else name,
        parameters=param or (),
        inputs=inputs or (),
        outputs=outputs or (),
        packages=package or (),
        python=python,
        environment=env_file,
        template=template,
        description="" if pipeline else description,
    )
    folder = into / name
    texts = project_texts(name, design, description) if pipeline else component_texts(design)
    commands = project_commands(folder) if pipeline else component_commands(design, folder)
    write_files(folder, texts, force=force)
    if json:
        print_json({"name": name, "folder": str(folder), "files": list(texts), "commands": commands})
        return
    typer.echo("\n".join(f"wrote {folder / file}" for file in texts))
    typer.echo("\nrun and test it:")
    typer.echo("\n".join(f"  {line}" for line in commands))
