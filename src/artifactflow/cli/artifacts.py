"""`artifactflow artifacts`: what is in the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from artifactflow.artifact import ArtifactRef, Version, check_alias
from artifactflow.cli import artifacts_diff, artifacts_upkeep
from artifactflow.cli.lineage_formats import FORMATS
from artifactflow.cli.options import JsonOption, new_app
from artifactflow.cli.render import print_json, print_table, shown_path
from artifactflow.cli.stores import StoreOption, existing_store, open_store, required_store
from artifactflow.contract import DEFAULT_OUTPUT_TYPE, stem
from artifactflow.errors import NotFoundError, UsageError
from artifactflow.lineage import LineageNode, upstream, users
from artifactflow.runs import Run
from artifactflow.store import Store, find_store
from artifactflow.words import size_text

app = new_app(no_args_is_help=True)

RefArgument = Annotated[str, typer.Argument(metavar="NAME[:VERSION|:ALIAS]", help="A version; the latest if bare.")]


@app.callback()
def artifacts() -> None:
    """List, show, fetch, put and name the artifacts in the store."""


@app.command("ls")
def list_artifacts(
    name: Annotated[str | None, typer.Argument(help="Show the versions of this artifact.")] = None,
    kind: Annotated[str | None, typer.Option("--type", help="Show artifacts of this type only.")] = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """List artifacts, or the versions of one."""
    opened = existing_store(store)
    if opened is None and name is not None:
        required_store(store)
    versions: list[Version] = []
    if opened is not None:
        # A store may have a million versions, of which most people want to see the newest of each artifact.
        versions = opened.versions(name) if name is not None or json else opened.latest_versions()
    if name is not None and not versions and opened is not None:
        opened.version(ArtifactRef.parse(name))  # says which names there are
    versions = [version for version in versions if kind in (None, version.type)]
    aliases = {known: _aliases_by_number(opened, known) for known in {v.name for v in versions}} if opened else {}
    if json:
        print_json([_brief(version, aliases[version.name]) for version in versions])
        return
    if not versions:
        typer.echo(f"no artifacts {'of this type' if kind else 'yet'} in {shown_path(find_store(Path.cwd(), store))}")
        return
    print_table(
        ["name", "version", "type", "size", "files", "digest", "aliases", "created", "description"],
        [_row(version, aliases[version.name].get(version.number, [])) for version in versions],
        right=["size", "files"],
    )


def _aliases_by_number(store: Store, name: str) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for alias, number in store.aliases(name).items():
        found.setdefault(number, []).append(alias)
    return found


def _row(version: Version, aliases: list[str]) -> list[str]:
    return [
        version.name,
        f"v{version.number}",
        version.type,
        size_text(version.size),
        str(version.files),
        version.digest.short,
        ", ".join(sorted(aliases)),
        version.created[:16].replace("T", " "),
        version.description,
    ]


def _brief(version: Version, aliases: dict[int, list[str]]) -> dict[str, Any]:
    return {**version.to_json(), "aliases": sorted(aliases.get(version.number, []))}


@app.command()
def show(ref: RefArgument, store: StoreOption = None, json: JsonOption = False) -> None:
    """Show a version: type, description, digest, aliases, files, metadata, and the run that made it."""
    opened = required_store(store)
    version = opened.version(ArtifactRef.parse(ref))
    tree = opened.tree(version.digest)
    aliases = _aliases_by_number(opened, version.name)
    if json:
        files = [
            {"path": entry.path, "size": entry.size, "digest": str(entry.digest), "executable": entry.executable}
            for entry in tree.entries
        ]
        print_json({**_brief(version, aliases), "files": files})
        return
    facts = {
        "artifact": version.ref,
        "type": version.type,
        "description": version.description,
        "digest": str(version.digest),
        "size": f"{size_text(version.size)} in {version.files} file{'' if version.files == 1 else 's'}",
        "aliases": ", ".join(sorted(aliases.get(version.number, []))),
        "created": version.created,
        "run": version.run_id or "(put by hand)",
    }
    print_table(["", ""], [[key, value] for key, value in facts.items() if value])
    typer.echo("\nfiles")
    print_table(
        ["path", "size", "digest"],
        [[entry.path, size_text(entry.size), entry.digest.short] for entry in tree.entries],
        right=["size"],
    )
    if version.metadata:
        typer.echo("\nmetadata")
        print_table(["key", "value"], [[key, str(value)] for key, value in version.metadata.items()])


@app.command()
def get(
    ref: RefArgument,
    to: Annotated[Path, typer.Option("--to", help="The folder to write it into.")] = Path(),
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Write the files of a version into a folder."""
    opened = required_store(store)
    version = opened.version(ArtifactRef.parse(ref))
    tree = opened.tree(version.digest)
    to.mkdir(parents=True, exist_ok=True)
    target = opened.materialise(tree, to / version.name if tree.folder else to)
    if json:
        print_json({"version": version.ref, "path": str(target)})
    else:
        typer.echo(str(target))


@app.command()
def put(
    path: Annotated[Path, typer.Argument(help="A file or folder.")],
    name: Annotated[str | None, typer.Option(help="The artifact's name. [default: the file's stem]")] = None,
    kind: Annotated[str, typer.Option("--type", help="The artifact's type.")] = DEFAULT_OUTPUT_TYPE,
    description: Annotated[str, typer.Option(help="What it is.")] = "",
    alias: Annotated[list[str] | None, typer.Option(help="An alias for the version, beside latest.")] = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Put a file or folder into the store as a version of an artifact."""
    if not path.exists():
        raise NotFoundError(f"there is no {path}", hint="give a file or folder that exists")
    aliases = [check_alias(one) for one in alias or []]
    chosen = name or stem(path.resolve().name)
    ArtifactRef.parse(chosen)
    opened = open_store(store)
    with opened.collector_kept_out():
        tree = opened.put_tree(path)
        with opened.transaction() as transaction:
            registered = transaction.register(chosen, kind, description, tree, aliases=aliases)
    version = registered.version
    if json:
        print_json(_brief(version, _aliases_by_number(opened, version.name)))
        return
    news = "registered" if registered.created else "the same content as before:"
    typer.echo(f"{news} {version.ref}  {version.type}  {version.digest}  {size_text(version.size)}")


@app.command()
def alias(
    ref: RefArgument,
    alias: Annotated[str, typer.Argument(metavar="ALIAS", help="The name to give, such as champion.")],
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Let an alias name a version; it moves there from wherever it was."""
    opened = required_store(store)
    version = opened.version(ArtifactRef.parse(ref))
    before = opened.aliases(version.name).get(check_alias(alias))
    opened.set_alias(version.name, version.number, alias)
    if json:
        print_json({"name": version.name, "alias": alias, "version": version.number, "before": before})
        return
    moved = f" (was v{before})" if before not in (None, version.number) else ""
    typer.echo(f"{version.name}:{alias} is {version.ref}{moved}")


@app.command()
def lineage(
    ref: RefArgument,
    form: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="text, json, mermaid or dot (Graphviz).")
    ] = "text",
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Show what a version was made from, back to the source, and what was made of it."""
    if form not in ("text", "json", *FORMATS):
        raise UsageError(f"--format takes text, json, {' or '.join(FORMATS)}, got {form!r}")
    opened = required_store(store)
    gone = opened.removed_version(ref)
    version = gone.version if gone else opened.version(ArtifactRef.parse(ref))
    tree = upstream(
        version.ref,
        lambda known: _version_or_none(opened, known),
        lambda run: _run_or_none(opened, run),
        lambda known: not known.startswith("sha256:") and opened.removed_version(known) is not None,
    )
    used = users(version.ref, opened.runs_using(version.ref))
    if json or form == "json":
        rows = [{"run": run.id, "step": run.step, "outputs": dict(outputs)} for run, outputs in used]
        print_json({**tree.to_json(), "used_by": rows})
        return
    if form in FORMATS:
        typer.echo(FORMATS[form](tree, used))
        return
    _print_lineage(tree)
    for run, outputs in used:
        made = ", ".join(outputs.values()) or "nothing"
        typer.echo(f"used by {run.step} (run {run.id}), which made {made}")


def _version_or_none(store: Store, ref: str) -> Version | None:
    if ref.startswith("sha256:"):
        return None  # a file outside the store: its digest is all there is
    try:
        return store.version(ArtifactRef.parse(ref))
    except NotFoundError:
        gone = store.removed_version(ref)
        return gone.version if gone else None


def _run_or_none(store: Store, run_id: str) -> Run | None:
    try:
        return store.run(run_id)
    except NotFoundError:
        return None


def _print_lineage(root: LineageNode) -> None:
    from rich.markup import escape
    from rich.tree import Tree

    from artifactflow.cli.render import console
    from artifactflow.cli.terminal import plain

    def label(node: LineageNode) -> str:
        made = f"  [dim]made by {escape(plain(node.step or ''))} (run {node.run_id})[/]" if node.run_id else ""
        gone = "  [dim](removed)[/]" if node.removed else ""
        return f"{escape(plain(node.ref))}{gone}{made}"

    def grow(branch: Tree, node: LineageNode) -> Tree:
        for child in node.children:
            grow(branch.add(label(child)), child)
        return branch

    console().print(grow(Tree(label(root)), root))


for command in (
    artifacts_diff.diff,
    artifacts_upkeep.rm,
    artifacts_upkeep.gc,
    artifacts_upkeep.verify,
    artifacts_upkeep.rebuild,
    artifacts_upkeep.migrate,
):
    app.command()(command)
