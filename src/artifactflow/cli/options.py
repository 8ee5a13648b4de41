"""What the commands share: how their apps are made, and common options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperGroup

from artifactflow.errors import near_matches
from artifactflow.invoke.coercion import PlainCommand, PlainGroup

Command = TypeVar("Command", bound=Callable[..., Any])

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
