"""The digest of the catalog's file, kept beside it: SQLite has no checksums, and most of a small database is unused.

Rows can be compared with the journal, bytes between them cannot. So who has written to the catalog leaves its digest
when he lets go of it, together with the place in the journal that it had reached: while a catalog is at that place,
nobody has written to it since.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from artifactflow.store.files import hash_file, no_follow

LARGEST: Final = 64 * 1024 * 1024
"""Bytes of a catalog whose digest is kept: a larger one would take too long to hash at every end of a command."""


@dataclass(frozen=True, slots=True)
class CatalogSum:
    """The digest of a catalog that has reached the record with the checksum `reached`; empty where it is unreadable."""

    reached: str = ""
    digest: str = ""


def sum_path(catalog: Path) -> Path:
    """Where the digest of a catalog is kept."""
    return catalog.with_name("catalog.sum")


def write_sum(catalog: Path, reached: str) -> None:
    """Keep the digest of the catalog as it is now. To be called while nobody writes to it."""
    if catalog.stat().st_size > LARGEST or any(catalog.parent.glob(f"{catalog.name}-*")):
        return
    path = sum_path(catalog)
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with new.open("x", encoding="ascii") as stream:
        stream.write(json.dumps({"reached": reached, "digest": str(hash_file(catalog))}) + "\n")
    new.rename(path)


def read_sum(catalog: Path) -> CatalogSum | None:
    """The digest that was kept, None where there is none."""
    try:
        with open(sum_path(catalog), "rb", opener=no_follow) as stream:
            kept = json.loads(stream.read(1000))
        return CatalogSum(str(kept["reached"]), str(kept["digest"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        return CatalogSum()
