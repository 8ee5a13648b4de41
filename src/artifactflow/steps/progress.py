"""Bars for what is being downloaded, while a person watches; nothing in logs and pipes."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from artifactflow.fetch.addresses import masked_address, scheme_of
from artifactflow.fetch.http import Progress

StartBar = Callable[[str], Progress | None]
"""Adds the bar of an address, and returns what moves it; None where nobody watches. May be called in any thread."""


@contextmanager
def progress_bars() -> Iterator[StartBar]:
    """Bytes, speed and time left of each download, on stderr where that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as ProgressBar

    columns = [TextColumn("{task.description}", markup=False)]
    moving = (BarColumn(), DownloadColumn(binary_units=True), TransferSpeedColumn(), TimeRemainingColumn())
    with ProgressBar(*columns, *moving, console=Console(stderr=True), transient=True) as bars:

        def start(address: str) -> Progress:
            shown = masked_address(address)
            bar = bars.add_task(shown.rpartition("/")[2] if scheme_of(address) else Path(shown).name, total=None)
            return lambda done, total: bars.update(bar, completed=done, total=total)

        yield start
