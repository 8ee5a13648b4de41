"""`artifactflow artifacts diff`: what differs between two versions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from artifactflow.artifact import ArtifactRef, Tree, TreeEntry
from artifactflow.cli.options import JsonOption
from artifactflow.cli.render import print_json, print_table
from artifactflow.cli.stores import StoreOption, required_store
from artifactflow.errors import ArtifactflowError, FindingsError
from artifactflow.store import Store
from artifactflow.words import size_text

MOST_READ: Final = 20
"""Changed files whose content is compared; of more, only sizes are told."""


def diff(
    before: Annotated[str, typer.Argument(metavar="A", help="A version, as NAME:v3 or NAME:ALIAS.")],
    after: Annotated[str, typer.Argument(metavar="B", help="The version to compare it with.")],
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 8 where they differ.")] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Show what differs between two versions: files, and of tables and JSON what is in them."""
    from artifactflow.store.compare import compare_trees

    opened = required_store(store)
    versions = [opened.version(ArtifactRef.parse(ref)) for ref in (before, after)]
    found = compare_trees(*(opened.tree(version.digest) for version in versions))
    contents = [_content(opened, *pair) for pair in found.changed[:MOST_READ]]
    contents += [{}] * (len(found.changed) - len(contents))
    refs = [version.ref for version in versions]
    if json:
        changed = [
            {**_file(new), "before": _file(old), **content}
            for (old, new), content in zip(found.changed, contents, strict=True)
        ]
        print_json(
            {
                "versions": refs,
                "equal": not found,
                "added": [_file(entry) for entry in found.added],
                "removed": [_file(entry) for entry in found.removed],
                "changed": changed,
            }
        )
    elif not found:
        typer.echo(f"{refs[0]} and {refs[1]} have the same files")
    else:
        for entry in found.removed:
            typer.echo(f"- {entry.path}  {size_text(entry.size)}")
        for entry in found.added:
            typer.echo(f"+ {entry.path}  {size_text(entry.size)}")
        for (old, new), content in zip(found.changed, contents, strict=True):
            renamed = f" (was {old.path})" if old.path != new.path else ""
            mode = ", executable now" if new.executable and not old.executable else ""
            mode = ", no longer executable" if old.executable and not new.executable else mode
            typer.echo(f"~ {new.path}{renamed}  {size_text(old.size)} → {size_text(new.size)}{mode}")
            _print_content(content.get("content"))
            if "unread" in content:
                typer.echo(f"  not compared: {content['unread']}")
    if found and exit_code:
        raise FindingsError(f"{refs[0]} and {refs[1]} differ")


def _file(entry: TreeEntry) -> dict[str, Any]:
    return {
        "path": entry.path,
        "size": entry.size,
        "digest": str(entry.digest),
        "executable": entry.executable,
    }


def _content(store: Store, *pair: TreeEntry) -> dict[str, Any]:
    """What differs inside two files that are both tables or both JSON; nothing for others."""
    if pair[0].digest == pair[1].digest:
        return {}
    from artifactflow.formats.difference import difference

    with store.temporary_folder("diff-") as folder:
        paths: list[Path] = []
        for side, entry in zip(("before", "after"), pair, strict=True):
            name = entry.path.rpartition("/")[2]
            (folder / side).mkdir()
            tree = Tree((TreeEntry(name, entry.digest, entry.size),), folder=False)
            paths.append(store.hand_out(tree, folder / side).path)
        try:
            found = difference(*paths)
        except ArtifactflowError as error:
            return {"unread": error.message}
    return {"content": found} if found else {}


def _print_content(content: dict[str, Any] | None) -> None:
    if content is None:
        return
    if content["kind"] == "json":
        for sign, keys in (("-", content["removed"]), ("+", content["added"])):
            for key, value in keys.items():
                typer.echo(f"  {sign} {key}: {_text(value)}")
        for key, (old, new) in content["changed"].items():
            typer.echo(f"  ~ {key}: {_text(old)} → {_text(new)}")
        return
    old_rows, new_rows = content["rows"]
    typer.echo(f"  rows {old_rows} → {new_rows}")
    for sign, names in (("-", content["columns"]["removed"]), ("+", content["columns"]["added"])):
        if names:
            typer.echo(f"  {sign} columns {', '.join(names)}")
    names = ["type", "count", "missing", "mean", "std", "min", "max", "distinct", "top"]
    rows = []
    for column, sides in content["summary"].items():
        for sign, side in zip("-+", sides, strict=True):
            if side is not None and (sides[0] != sides[1] or sign == "+"):
                shown = "=" if sides[0] == sides[1] else sign
                rows.append([shown, column, *(_text(side.get(name, "")) for name in names)])
    print_table(["", "column", *names], rows, right=["count", "missing", "mean", "std", "min", "max", "distinct"])


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return ", ".join(f"{key} ({count})" for key, count in value.items())
    return str(value)
