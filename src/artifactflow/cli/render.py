"""How values are shown: tables for people, JSON for machines, sizes and durations in words."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import typer

from artifactflow.cli.terminal import plain

if TYPE_CHECKING:
    from rich.console import Console


NARROWEST: Final = 8
"""The columns of a terminal that a column of a table has at least, where there is room."""

_unescaped = re.compile("[\x7f-\x9f]")
"""Control characters that JSON lets stand as they are."""


def print_json(value: Any) -> None:
    """One JSON document on standard output, without any control character but line ends."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    typer.echo(_unescaped.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def console(*, stderr: bool = False) -> Console:
    """A Rich console that does not colour numbers and paths on its own; wide where nobody is looking."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False, soft_wrap=False)
    if not made.is_terminal:
        made.width = 200
    return made


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """A table without frames: it can be read, copied and grepped. `right` names the columns of numbers.

    Without any column's name there is no header. On a terminal Rich fits the table into the width; elsewhere the
    columns are aligned and nothing is folded.
    """
    cells = [list(row) for row in rows]
    if not sys.stdout.isatty():
        header = [list(columns)] if any(columns) else []
        _print_aligned([*header, *cells], [column in right for column in columns])
        return
    from rich.table import Table
    from rich.text import Text

    shown = console()
    table = Table(box=None, pad_edge=False, header_style="bold", show_header=any(columns))
    whole = _kept_whole(columns, cells, shown.width)
    for number, column in enumerate(columns):
        justify: Literal["left", "right"] = "right" if column in right else "left"
        table.add_column(column, justify=justify, overflow="fold", no_wrap=number in whole)
    for row in cells:
        table.add_row(*(Text(plain(cell)) for cell in row))
    with shown.capture() as captured:
        shown.print(table)
    typer.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _kept_whole(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> set[int]:
    """The columns to fold last: ids and names without blanks, which are copied; the widest only where there is room."""
    texts = list(zip(columns, *rows, strict=True))
    widths = [max(map(len, column)) for column in texts]
    whole = sorted(
        (i for i, column in enumerate(texts) if not any(" " in cell for cell in column)), key=widths.__getitem__
    )
    room = width - 2 * (len(columns) - 1)
    while whole and sum(widths[i] for i in whole) + NARROWEST * (len(columns) - len(whole)) > room:
        whole.pop()
    return set(whole)


def _print_aligned(rows: list[list[str]], right: list[bool]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, right, strict=True)
        ]
        typer.echo("  ".join(cells).rstrip())


def shown_path(path: Path) -> str:
    """A path as short as it can be given from here: relative where it lies below the working folder."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
