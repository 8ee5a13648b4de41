"""A file out of an object store (`s3://`, `gs://`, `az://`, `hf://`), by the fsspec file system of its extra.

fsspec and what it needs are imported only where such an address is given. Credentials are found by those libraries,
where they always look for them: in the environment and in their own files.
"""

from __future__ import annotations

from typing import Any, Final

from artifactflow.errors import ArtifactflowError, MissingToolError, NotFoundError, OutsideError, UsageError
from artifactflow.fetch.addresses import masked_address, scheme_of
from artifactflow.fetch.http import Progress, Received, Validators
from artifactflow.fetch.partial import CHUNK, Partial, Source
from artifactflow.fetch.patience import Patience

OBJECT_SCHEMES: Final = {"s3": "s3", "gs": "gcs", "az": "azure", "hf": "hf"}
"""Each scheme with the extra of artifactflow that its library comes with."""


class _ChangedError(Exception):
    """The object is another than it was when its first bytes were read."""


def receive_object(
    address: str,
    partial: Partial,
    *,
    patience: Patience,
    progress: Progress | None = None,
    known: Validators | None = None,
) -> Received | None:
    """Bring the object at `address` into `partial`, going on where an earlier call stopped.

    Returns None where it is the one that the caller has, by `known`. Raises MissingToolError where the extra is not
    installed, NotFoundError where there is no such object, UsageError where it is a folder, and OutsideError for what
    else the store does, after `patience.tries` tries.
    """
    filesystem, path = _opened(address)
    shown = masked_address(address)
    for tried in range(1, patience.tries + 1):
        try:
            return _try(filesystem, path, partial, progress, known, shown)
        except ArtifactflowError:
            raise
        except FileNotFoundError:
            raise NotFoundError(f"there is no object {shown}", hint="check its bucket and path") from None
        except PermissionError:
            raise OutsideError(
                f"{shown} may not be read", hint="check the credentials that the store's own tools use"
            ) from None
        except Exception as error:
            # The libraries' own texts are not shown: they can hold requests, with what signs them.
            happened = "the object changed while it was read" if isinstance(error, _ChangedError) else _kind(error)
        filesystem.invalidate_cache()
        if tried < patience.tries:
            patience.sleep(patience.pause(tried))
    raise OutsideError(
        f"{shown}: {happened} ({patience.tries} tries)",
        hint="check the network, and the credentials that the store's own tools use; then run the same command again",
    )


def _try(
    filesystem: Any, path: str, partial: Partial, progress: Progress | None, known: Validators | None, shown: str
) -> Received | None:
    facts = filesystem.info(path)
    if facts.get("type") == "directory":
        raise UsageError(f"{shown} is a folder", hint="name a single object; an archive of the folder is one")
    validator = _validator(filesystem, path)
    if known and known.etag == validator:
        partial.restart(None)
        return None
    total: int | None = facts.get("size")
    if not partial.resumable or partial.source != Source(validator, shown, total):
        partial.restart(Source(validator, shown, total))
    with filesystem.open(path, "rb") as reader:
        if partial.size:
            reader.seek(partial.size)
        while chunk := reader.read(CHUNK):
            partial.append(chunk)
            if progress:
                progress(partial.size, total)
    filesystem.invalidate_cache()
    if _validator(filesystem, path) != validator or (total is not None and partial.size != total):
        # Each piece is a request of its own, and may have come from another object under the same name.
        partial.restart(None)
        raise _ChangedError
    return Received(etag=validator, last_modified=None, length_verified=total is not None)


def _validator(filesystem: Any, path: str) -> str:
    """What changes when the object does, in the form of a strong ETag."""
    return f'"{filesystem.ukey(path)}"'


def _opened(address: str) -> tuple[Any, str]:
    scheme = scheme_of(address)
    extra = OBJECT_SCHEMES[scheme]
    if ":" in address.partition("://")[2].partition("/")[0].rpartition("@")[0]:
        raise UsageError(
            f"{masked_address(address)} has a password in it",
            hint="take it out: the store's own environment variables and files are where its credentials belong",
        )
    try:
        from fsspec.core import url_to_fs

        filesystem, path = url_to_fs(address)
    except ImportError as error:
        raise MissingToolError(
            f"{scheme}:// addresses need a package that is not installed",
            hint=f"pip install 'artifactflow[{extra}]'",
        ) from error
    except Exception as error:
        raise OutsideError(
            f"{masked_address(address)} cannot be opened: {_kind(error)}",
            hint="check the address, and the credentials that the store's own tools use",
        ) from None
    return filesystem, path


def _kind(error: Exception) -> str:
    return getattr(error, "strerror", None) or f"the store's library raised {type(error).__name__}"
