"""The built-in step `download`: a file from an address, verified and taken apart where it is an archive."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from artifactflow.contract import Output, step
from artifactflow.errors import OutsideError, UsageError
from artifactflow.fetch import archive
from artifactflow.fetch.addresses import masked_address, scheme_of
from artifactflow.fetch.download import fetch
from artifactflow.fetch.http import Progress
from artifactflow.formats.metadata import add_metadata
from artifactflow.parameters import Uri

DOWNLOADS_VARIABLE = "ARTIFACTFLOW_DOWNLOADS"


@step
def download(
    file_url: Annotated[
        Uri, typer.Option(help="Where the file is: http(s) address, path, or pkg:package/path for embedded data")
    ],
    dataset: Annotated[
        Path,
        Output(
            name="{artifact_name|file_url:stem}",
            type="{artifact_type}",
            description="{artifact_description}",
            path="dataset",
            unwrap=True,
        ),
    ],
    *,
    artifact_name: Annotated[
        str | None, typer.Option(help="Name of the artifact; the file's name without its ending if absent")
    ] = None,
    artifact_type: Annotated[str, typer.Option(help="Type of the artifact")] = "raw_data",
    artifact_description: Annotated[str, typer.Option(help="What the artifact is")] = "",
    sha256: Annotated[str | None, typer.Option(help="SHA-256 that the file must have, as it is served")] = None,
    extract: Annotated[
        bool, typer.Option("--extract/--no-extract", help="Take an archive apart, or keep it as it is")
    ] = True,
) -> None:
    """Download a file, verify it, extract it if it is an archive, and register it as an artifact.

    `dataset` is a folder that must not hold anything yet; it exists afterwards only if all went well. With
    `ARTIFACTFLOW_DOWNLOADS` set to a folder, an interrupted download goes on there when it is asked for again.
    Raises what `fetch` and `archive.extract` raise.
    """
    del artifact_name, artifact_type, artifact_description  # they name the output, by the templates above
    partial_folder = os.environ.get(DOWNLOADS_VARIABLE)
    try:
        _clear_the_way(dataset)
        with TemporaryDirectory(dir=dataset.parent, prefix=".download-") as aside:
            with _progress_bar(file_url) as progress:
                fetched = fetch(
                    file_url,
                    Path(aside),
                    sha256=sha256,
                    partial_folder=Path(partial_folder) if partial_folder else None,
                    progress=progress,
                )
            if extract and archive.archive_kind(fetched.path, fetched.file_name):
                archive.extract(fetched.path, dataset, name=fetched.file_name)
            else:
                folder = Path(aside) / "dataset"
                folder.mkdir()
                fetched.path.rename(folder / fetched.file_name)
                folder.rename(dataset)
    except OSError as error:
        raise OutsideError(f"cannot write {dataset}: {error.strerror or error}") from error
    if not fetched.length_verified:
        typer.echo(
            "warning: the server did not say how long the file is, so a cut would go unseen; "
            f"if it is whole, give --sha256 {fetched.digest.hexadecimal} from now on",
            err=True,
        )
    add_metadata(
        "dataset",
        {
            "address": fetched.address,
            "sha256": fetched.digest.hexadecimal,
            "size": fetched.size,
            "etag": fetched.etag,
            "last_modified": fetched.last_modified,
            "length_verified": fetched.length_verified,
        },
    )


def _clear_the_way(dataset: Path) -> None:
    """Make the folder above `dataset`, and remove `dataset` itself where it is an empty folder."""
    dataset.parent.mkdir(parents=True, exist_ok=True)
    if dataset.is_dir() and not dataset.is_symlink() and not any(dataset.iterdir()):
        dataset.rmdir()
    elif dataset.exists() or dataset.is_symlink():
        raise UsageError(f"{dataset} exists already", hint="remove it, or name another folder by --dataset")


@contextmanager
def _progress_bar(address: str) -> Iterator[Progress | None]:
    """Bytes, speed and time left on stderr while a person watches; nothing in logs and pipes."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as ProgressBar

    columns = [TextColumn("{task.description}", markup=False)]
    moving = (BarColumn(), DownloadColumn(binary_units=True), TransferSpeedColumn(), TimeRemainingColumn())
    with ProgressBar(*columns, *moving, console=Console(stderr=True), transient=True) as bar:
        shown = masked_address(address)
        task = bar.add_task(shown.rpartition("/")[2] if scheme_of(address) else Path(shown).name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
