"""What the commands share: how their apps are made, common options, and the store that these lead to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperGroup

from artifactflow.errors import NotFoundError, near_matches
from artifactflow.invoke import PlainCommand, PlainGroup
from artifactflow.pipeline import Pipeline
from artifactflow.store import Store, find_store

Command = TypeVar("Command", bound=Callable[..., Any])

StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store", help="The store's folder. [default: $ARTIFACTFLOW_STORE, or .artifactflow found upwards from here]"
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class CommandGroup(PlainGroup):
    """A group of commands that offers near matches for one that does not exist."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As Typer does it, for a command that exists."""
        known = self.list_commands(ctx)
        if args and not args[0].startswith("-") and args[0].replace("_", "-") not in known:
            near = near_matches(args[0], known) or f"{ctx.command_path} --help lists the commands"
            raise typer.BadParameter(f"there is no command {args[0]!r}\nhint: {near}")
        return super().resolve_command(ctx, args)


class App(typer.Typer):
    """A Typer app whose commands take texts as they are typed."""

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Command], Command]:
        """Register a command, as `typer.Typer.command` does."""
        settings.setdefault("cls", PlainCommand)
        return super().command(name, **settings)


def new_app(*, cls: type[TyperGroup] = CommandGroup, **settings: Any) -> typer.Typer:
    """A Typer app as every command of ours has it: plain help (rich help takes long to import) and our own errors."""
    return App(
        cls=cls,
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
