"""How the content of an artifact moved from one version to another, in a few words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sized
from pathlib import Path
from typing import Any, Final

from artifactflow.artifact import Tree, TreeEntry, Version
from artifactflow.errors import ArtifactflowError
from artifactflow.formats.difference import difference
from artifactflow.report.words import number_text
from artifactflow.store import Store
from artifactflow.store.compare import compare_trees

LARGEST_READ: Final = 50_000_000
"""Bytes of a file whose content is compared; reading a larger one would take longer than a comment is worth."""
MOST_COLUMNS: Final = 3
"""How many columns are told whose mean moved: those that moved most, in standard deviations."""


def content_change(store: Store, before: Version, now: Version) -> str:
    """What changed inside: rows, columns and means of a table, keys of a JSON file, files of a folder.

    Empty where the content cannot be compared, which is no error here: it is news beside the versions.
    """
    try:
        trees = store.tree(before.digest), store.tree(now.digest)
        found = compare_trees(*trees)
        if trees[0].folder or trees[1].folder:
            kinds = {"changed": found.changed, "added": found.added, "removed": found.removed}
            return ", ".join(f"{_count(files, 'file')} {kind}" for kind, files in kinds.items() if files)
        if not found.changed or max(tree.size for tree in trees) > LARGEST_READ:
            return ""
        content = _difference(store, *found.changed[0])
    except ArtifactflowError:
        return ""
    if content is None:
        return ""
    return "; ".join(_table_words(content) if content["kind"] == "table" else _json_words(content))


def _difference(store: Store, *pair: TreeEntry) -> dict[str, Any] | None:
    with store.temporary_folder("drift-") as folder:
        paths: list[Path] = []
        for side, entry in zip(("before", "now"), pair, strict=True):
            (folder / side).mkdir()
            paths.append(store.hand_out(Tree((entry,), folder=False), folder / side).path)
        return difference(*paths)


def _json_words(content: Mapping[str, Any]) -> Iterator[str]:
    for kind in ("changed", "added", "removed"):
        if content[kind]:
            yield f"{_count(content[kind], 'key')} {kind}"


def _table_words(content: Mapping[str, Any]) -> Iterator[str]:
    before, now = content["rows"]
    if before != now:
        yield f"rows {before:,} → {now:,}"
    for kind, words in (("added", "new columns"), ("removed", "without the columns"), ("retyped", "other types of")):
        if content["columns"][kind]:
            yield f"{words} {', '.join(content['columns'][kind])}"
    moves = [(shift, name, pair) for name, pair in content["summary"].items() if (shift := _shift(pair)) > 0]
    for _, name, pair in sorted(moves, key=lambda move: -move[0])[:MOST_COLUMNS]:
        yield f"mean of {name} {number_text(pair[0]['mean'])} → {number_text(pair[1]['mean'])}"


def _shift(pair: list[dict[str, Any] | None]) -> float:
    """By how many of its standard deviations a column's mean moved; 0 where it has none."""
    before, now = pair
    means = [side.get("mean") if side else None for side in (before, now)]
    if before is None or means[0] is None or means[1] is None:
        return 0.0
    return float(abs(means[1] - means[0]) / (before.get("std") or 1.0))


def _count(things: Sized, what: str) -> str:
    return f"{len(things)} {what}{'' if len(things) == 1 else 's'}"
