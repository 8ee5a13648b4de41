"""What the commands share: how their apps are made, common options, and the store that these lead to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from artifactflow.errors import NotFoundError
from artifactflow.store import Store, find_store

StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store", help="The store's folder. [default: $ARTIFACTFLOW_STORE, or .artifactflow found upwards from here]"
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


def new_app(**settings: Any) -> typer.Typer:
    """A Typer app as every command of ours has it: plain help (rich help costs 0.2 s a call) and our own errors."""
    return typer.Typer(
        rich_markup_mode=None,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings=CONTEXT,
        **settings,
    )


def open_store(explicit: Path | None, start: Path | None = None) -> Store:
    """The store that a command writes to; made where there is none yet."""
    return Store.open(find_store(start or Path.cwd(), explicit))


def existing_store(explicit: Path | None, start: Path | None = None) -> Store | None:
    """The store that a command reads, or None where there is none yet."""
    root = find_store(start or Path.cwd(), explicit)
    return Store.open(root, create=False) if root.exists() else None


def required_store(explicit: Path | None) -> Store:
    """The store that a command reads. Raises NotFoundError where there is none."""
    store = existing_store(explicit)
    if store is None:
        raise NotFoundError(
            f"there is no store here: {find_store(Path.cwd(), explicit)} does not exist",
            hint="go to the project's folder, or give the store: --store DIR",
        )
    return store
