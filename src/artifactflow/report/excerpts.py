"""Reads what a report embeds, in bounded pieces: logs and pictures."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from artifactflow.artifact import Tree
from artifactflow.errors import IntegrityError, NotFoundError
from artifactflow.report.facts import LogExcerpt
from artifactflow.store import Store
from artifactflow.store.logs import log_place

LAST_LINES: Final = 12
LONGEST_LINE: Final = 400
LONGEST_LOG: Final = 200_000
"""Bytes of a log that are embedded; of a longer one, a quarter from its beginning and the rest from its end."""
LONGEST_LOGS: Final = 4_000_000
"""Bytes of all logs of a report together."""

LARGEST_FIGURE: Final = 3_000_000
LARGEST_FIGURES: Final = 15_000_000
FIGURE_TYPES: Final = {
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}


def read_log(store: Store, log: str, limit: int = LONGEST_LOG) -> LogExcerpt | None:
    """What a run printed, `limit` bytes of it at the most; None where there is no log, or it lies outside the store."""
    try:
        place = log_place(store.root, log)
        with place.open() as (stream, size):
            if size <= limit:
                beginning, end = b"", stream.read(size)
            else:
                kept = limit - limit // 4
                beginning = stream.read(limit // 4)
                stream.seek(place.start + size - kept)
                end = stream.read(kept)
    except (OSError, IntegrityError, NotFoundError):
        return None
    return _excerpt(place.path, size, beginning.decode(errors="replace"), end.decode(errors="replace"), limit)


def _excerpt(file: Path, size: int, beginning: str, end: str, limit: int) -> LogExcerpt:
    # A progress bar rewrites its line with carriage returns: the last state is what a terminal would show.
    lines = [line.rsplit("\r", 1)[-1][:LONGEST_LINE] for line in end.replace("\r\n", "\n").split("\n") if line.strip()]
    last = "\n".join(lines[-LAST_LINES:])
    left_out = max(size - limit, 0)
    text = f"{beginning}\n\n… {left_out:,} bytes are left out here …\n\n{end}" if left_out else end
    return LogExcerpt(str(file), last, text, size, left_out)


def pictures(store: Store, tree: Tree) -> Iterator[tuple[str, int, str]]:
    """The pictures in a version: path, size, and a `data:` address; empty for one that is too large or lost."""
    for entry in tree.entries:
        kind = FIGURE_TYPES.get(PurePosixPath(entry.path).suffix.lower())
        if kind is None:
            continue
        address = ""
        if entry.size <= LARGEST_FIGURE:
            try:
                content = store.object_path(entry.digest).read_bytes()
                address = f"data:{kind};base64,{base64.b64encode(content).decode()}"
            except (OSError, NotFoundError, IntegrityError):
                address = ""
        yield entry.path, entry.size, address
