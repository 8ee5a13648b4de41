"""The built-in step `download`: a file from an address, verified and taken apart where it is an archive."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from artifactflow.contract import Output, stem, step
from artifactflow.errors import OutsideError, UsageError
from artifactflow.fetch import archive
from artifactflow.fetch.addresses import local_file
from artifactflow.fetch.download import Fetched, expected_digest, fetch
from artifactflow.fetch.http import Progress
from artifactflow.fetch.patience import Patience
from artifactflow.fetch.sizes import parse_size
from artifactflow.formats.metadata import add_metadata_in
from artifactflow.parameters import Uri
from artifactflow.steps.fetched_before import FetchedBefore, fetched_before, request_identity
from artifactflow.steps.progress import progress_bars

DOWNLOADS_VARIABLE = "ARTIFACTFLOW_DOWNLOADS"


@step
def download(
    file_url: Annotated[
        Uri,
        typer.Option(
            help="Where the file is: http(s) address, path, pkg:package/path for embedded data, or an object's address "
            "(s3, gs, az, hf) where that extra is installed"
        ),
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
    skip_links: Annotated[
        bool, typer.Option(help="Leave links in an archive out, where any is refused otherwise")
    ] = False,
    max_size: Annotated[str, typer.Option(help="Most that may come out of an archive")] = "10GiB",
    max_files: Annotated[int, typer.Option(help="Most files and folders in an archive", min=1)] = 100_000,
    max_ratio: Annotated[
        int, typer.Option(help="How many times its own size an archive may become, beyond 10 MiB", min=1)
    ] = 200,
    allow_private: Annotated[
        bool, typer.Option(help="Follow a public server's redirect into a private network")
    ] = False,
) -> None:
    """Download a file, verify it, extract it if it is an archive, and register it as an artifact.

    `dataset` is a folder that must not hold anything yet; it exists afterwards only if all went well. With
    `ARTIFACTFLOW_DOWNLOADS` set to a folder, an interrupted download goes on there when it is asked for again. With
    `ARTIFACTFLOW_STORE` set, a server is asked whether the file changed since the version that is there.
    Raises what `fetch` and `archive.extract` raise.
    """
    del artifact_type, artifact_description  # they describe the output, by the templates above
    request = Request(
        file_url, artifact_name, sha256, extract, skip_links, max_size, max_files, max_ratio, allow_private
    )
    with progress_bars() as start_bar:
        bring(request, dataset, os.environ, lambda line: typer.echo(line, err=True), progress=start_bar(file_url))


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for; the fields are the step's parameters."""

    file_url: str
    artifact_name: str | None = None
    sha256: str | None = None
    extract: bool = True
    skip_links: bool = False
    max_size: str = "10GiB"
    max_files: int = 100_000
    max_ratio: int = 200
    allow_private: bool = False

    @property
    def identity(self) -> str:
        """What decides about the content: another name or limit does not change it."""
        return request_identity(self.file_url, extract=self.extract, skip_links=self.skip_links)

    @property
    def limits(self) -> archive.Limits:
        """How much may come out of an archive. Raises UsageError where `max_size` is no size."""
        return archive.Limits(parse_size(self.max_size, "max_size"), self.max_files, self.max_ratio)


def bring(
    request: Request,
    dataset: Path,
    environment: Mapping[str, str],
    say: Callable[[str], None],
    *,
    progress: Progress | None = None,
    patience: Patience | None = None,
) -> None:
    """Do the work of the step, in any thread: nothing but its arguments tells it where it is.

    `environment` holds the variables of the step, and `say` takes lines for whoever runs it.
    """
    limits, digest = request.limits, expected_digest(request.sha256)
    before = None
    if local_file(request.file_url) is None:
        name = request.artifact_name or stem(request.file_url)
        before = fetched_before(name, request.identity, digest, environment)
    partial_folder = environment.get(DOWNLOADS_VARIABLE)
    try:
        _clear_the_way(dataset)
        with TemporaryDirectory(dir=dataset.parent, prefix=".download-") as aside:
            fetched = fetch(
                request.file_url,
                Path(aside),
                sha256=request.sha256,
                partial_folder=Path(partial_folder) if partial_folder else None,
                progress=progress,
                patience=patience,
                known=before.validators if before else None,
                allow_private=request.allow_private,
            )
            if fetched is not None:
                _place(fetched, dataset, request, limits, Path(aside), say)
            elif before is not None:
                before.write_to(dataset)
    except OSError as error:
        raise OutsideError(f"cannot write {dataset}: {error.strerror or error}") from error
    _describe(fetched, before, request, environment, say)


def _place(
    fetched: Fetched,
    dataset: Path,
    request: Request,
    limits: archive.Limits,
    aside: Path,
    say: Callable[[str], None],
) -> None:
    if request.extract and archive.archive_kind(fetched.path, fetched.file_name):
        skipped = archive.extract(
            fetched.path, dataset, name=fetched.file_name, limits=limits, skip_links=request.skip_links
        )
        if skipped:
            say(f"note: {skipped} link{'' if skipped == 1 else 's'} in {fetched.file_name} left out")
        return
    folder = aside / "dataset"
    folder.mkdir()
    fetched.path.rename(folder / fetched.file_name)
    folder.rename(dataset)


def _describe(
    fetched: Fetched | None,
    before: FetchedBefore | None,
    request: Request,
    environment: Mapping[str, str],
    say: Callable[[str], None],
) -> None:
    if fetched is None:
        if before is not None:
            say(f"note: unchanged on the server since {before.version.ref}, so not fetched again")
            add_metadata_in(environment, "dataset", before.version.metadata)
        return
    if not fetched.length_verified:
        say(
            "warning: the server did not say how long the file is, so a cut would go unseen; "
            f"if it is whole, give --sha256 {fetched.digest.hexadecimal} from now on"
        )
    add_metadata_in(
        environment,
        "dataset",
        {
            "address": fetched.address,
            "request": request.identity,
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
