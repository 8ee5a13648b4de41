"""Makes one folder of what the cells of a matrix produced."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from artifactflow.artifact import Digest, Tree, TreeEntry, Version

INDEX_NAME = "index.json"


def gathered_tree(cells: Sequence[tuple[str, Version]], tree_of: Callable[[Digest], Tree]) -> tuple[Tree, bytes]:
    """The folder's tree, and the bytes of its `index.json`, which lists the cells in matrix order.

    `cells` pairs what a cell is called (`max_iter=100`) with the version that it made. The sub-folders are numbered, so
    that their names sort in matrix order and are harmless whatever the values are.
    """
    width = len(str(max(len(cells) - 1, 0)))
    entries: list[TreeEntry] = []
    index = []
    for number, (label, version) in enumerate(cells):
        folder = f"{number:0{width}}"
        tree = tree_of(version.digest)
        entries += [
            TreeEntry(f"{folder}/{entry.path}", entry.digest, entry.size, entry.executable) for entry in tree.entries
        ]
        path = folder if tree.folder else f"{folder}/{tree.entries[0].path}"
        index.append({"cell": label, "path": path, "version": version.ref})
    content = (json.dumps(index, indent=2, ensure_ascii=False) + "\n").encode()
    entries.append(TreeEntry(INDEX_NAME, Digest.of(content), len(content)))
    return Tree(tuple(entries), folder=True), content
