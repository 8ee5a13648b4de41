"""`artifactflow env`: the environments that components run in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from artifactflow.cli.options import JsonOption, new_app
from artifactflow.cli.render import print_json, print_table
from artifactflow.cli.stores import StoreOption, open_store
from artifactflow.contract import Component
from artifactflow.environments.choose import choose_environment, lock_component
from artifactflow.environments.uses import collect, environments
from artifactflow.pipeline import EnvironmentMode
from artifactflow.read.component import load_component, load_pipeline
from artifactflow.store import find_store
from artifactflow.words import size_text

app = new_app(no_args_is_help=True)

PathArgument = Annotated[
    Path, typer.Argument(metavar="PATH", help="A component's folder, a pipeline's, or a pipeline file.")
]


@app.callback()
def env() -> None:
    """List, build, lock and remove the environments of components."""


@app.command("ls")
def list_environments(store: StoreOption = None, json: JsonOption = False) -> None:
    """List the environments that were built, with what they take on disk and who uses them."""
    found = environments(_root(find_store(Path.cwd(), store)))
    if json:
        print_json([one.to_json() for one in found])
        return
    if not found:
        typer.echo("no environments yet: artifactflow env build makes those of a component or pipeline")
        return
    print_table(
        ["key", "made by", "python", "packages", "size", "created", "used by"],
        [
            [
                one.key[:12],
                one.facts.get("kind", "(unfinished)"),
                one.facts.get("python", ""),
                str(max(len(one.facts.get("packages", ())) - 2, 0)),
                size_text(one.size),
                one.facts.get("created", "")[:16].replace("T", " "),
                ", ".join(str(path) for path in one.used_by) or "(nobody)",
            ]
            for one in found
        ],
        right=["packages", "size"],
    )


@app.command()
def build(
    path: PathArgument = Path(),
    mode: Annotated[str, typer.Option("--env", help="auto, uv or conda.")] = "uv",
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Build the environments of a component, or of all components of a pipeline, before they are needed."""
    if mode not in ("auto", "uv", "conda"):
        raise typer.BadParameter(f"--env takes auto, uv or conda here, got {mode!r}")
    root = _root(open_store(store, _folder(path)).root)
    rows = []
    for component in _components(path):
        chosen = choose_environment(component, EnvironmentMode(mode), root)
        rows.append(
            {
                "component": component.name,
                "kind": chosen.kind.value,
                "python": str(chosen.python),
                "reason": chosen.reason,
                "lock": chosen.lock_digest,
                "packages": dict(chosen.packages or {}),
            }
        )
        if not json:
            typer.echo(f"{component.name}: {chosen.kind.value}, {chosen.reason}\n  {chosen.python}")
    if json:
        print_json(rows)


@app.command()
def lock(
    path: PathArgument = Path(),
    upgrade: Annotated[bool, typer.Option("--upgrade", help="Resolve again, to the newest versions allowed.")] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Resolve the environments of a component or pipeline and keep what was found, without building them."""
    root = _root(open_store(store, _folder(path)).root)
    rows = []
    for component in _components(path):
        if component.environment is None:
            continue
        found = lock_component(component.environment, root, upgrade=upgrade)
        rows.append(
            {
                "component": component.name,
                "file": str(found.file),
                "digest": found.digest,
                "python": found.interpreter.version,
                "fresh": found.fresh,
                "packages": found.packages,
            }
        )
        if not json:
            what = "resolved now" if found.fresh else "as kept"
            typer.echo(f"{component.name}: {len(found.packages) - 2} packages, {what}: {found.file}")
    if json:
        print_json(rows)
    elif not rows:
        typer.echo("nothing to lock: no component here has an environment file")


@app.command()
def gc(store: StoreOption = None, json: JsonOption = False) -> None:
    """Remove the environments that no component leads to any more, and unfinished ones."""
    removed = collect(_root(find_store(Path.cwd(), store)))
    if json:
        print_json({"removed": list(removed.keys), "bytes": removed.bytes})
    else:
        count = len(removed.keys)
        typer.echo(f"removed {count} environment{'' if count == 1 else 's'}, {size_text(removed.bytes)}")


def _root(store: Path) -> Path:
    return store / "environments"


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _components(path: Path) -> list[Component]:
    """The components of a pipeline, each once, in the order of its steps."""
    pipeline = load_pipeline(path)
    references = dict.fromkeys(step.component for step in pipeline.steps)
    loaded = [load_component(reference, pipeline.folder) for reference in references]
    return [component for component in loaded if not component.built_in]
