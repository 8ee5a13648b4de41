"""The store that a command reads or writes, and the option that names it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from artifactflow.errors import NotFoundError
from artifactflow.store import Store, find_store

if TYPE_CHECKING:
    from artifactflow.pipeline import Pipeline

StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store", help="The store's folder. [default: $ARTIFACTFLOW_STORE, or .artifactflow found upwards from here]"
    ),
]


def open_store(explicit: Path | None, start: Path | None = None) -> Store:
    """The store that a command writes to; made where there is none yet."""
    return Store.open(find_store(start or Path.cwd(), explicit))


def existing_store(explicit: Path | None, start: Path | None = None) -> Store | None:
    """The store that a command reads, or None where there is none yet."""
    root = find_store(start or Path.cwd(), explicit)
    return Store.open(root, create=False) if root.exists() else None


def store_start(pipeline: Pipeline) -> Path:
    """Where the search for a pipeline's store begins: beside its file; here for a component that runs alone."""
    return pipeline.folder if pipeline.file else Path.cwd()


def required_store(explicit: Path | None) -> Store:
    """The store that a command reads. Raises NotFoundError where there is none."""
    store = existing_store(explicit)
    if store is None:
        raise NotFoundError(
            f"there is no store here: {find_store(Path.cwd(), explicit)} does not exist",
            hint="go to the project's folder, or give the store: --store DIR",
        )
    return store
