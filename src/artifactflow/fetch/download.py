"""One file from an address to a folder: fetched aside, verified, then moved into place."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urldefrag, urlsplit

from artifactflow.artifact import Digest
from artifactflow.errors import IntegrityError, NotFoundError, OutsideError, UsageError, near_matches
from artifactflow.fetch.addresses import (
    WEB_SCHEMES,
    check_object_address,
    check_web_address,
    file_name_of,
    local_path,
    masked_address,
    scheme_of,
)
from artifactflow.fetch.http import Progress, Validators, receive
from artifactflow.fetch.object_store import OBJECT_SCHEMES, receive_object
from artifactflow.fetch.packages import PACKAGE_PREFIX, package_file
from artifactflow.fetch.partial import CHUNK, open_partial
from artifactflow.fetch.patience import Patience

_supported = "use http, https, a path, pkg:package/path, or s3, gs, az, hf with the extra of that name"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that has arrived whole. `address` is masked; `digest` and `size` (bytes) are of the file as served.

    `length_verified` is false where the server closed the connection without ever having said how long the file is,
    and no SHA-256 was given: a cut would have gone unseen.
    """

    path: Path
    file_name: str
    address: str
    digest: Digest
    size: int
    etag: str | None
    last_modified: str | None
    length_verified: bool


def fetch(
    address: str,
    folder: Path,
    *,
    sha256: str | None = None,
    partial_folder: Path | None = None,
    progress: Progress | None = None,
    patience: Patience | None = None,
    known: Validators | None = None,
    allow_private: bool = False,
) -> Fetched | None:
    """Fetch one file into `folder`, which is made where it is missing; a file of that name in it is replaced.

    `address` is http or https, an object's (s3, gs, az, hf), a path (or `file:` address), or `pkg:package/path` for a
    file in an installed package. `sha256` is what the file must have, bare or as `sha256:…`. With `partial_folder`,
    what has arrived survives a failure, and the next call asks for the rest only. `progress` is called with the
    bytes so far and the whole size, or None where that is not known. `known` is what the server said of the file that
    the caller has: None is returned where it is the same still. A redirect from a public server to a private address
    is refused unless `allow_private`.

    Raises UsageError for an address or a `sha256` that cannot be right, NotFoundError for a local file or an object
    that is not there, IntegrityError for another SHA-256 than expected, MissingToolError for an extra that is not
    installed, and OutsideError for network, server and disk.
    """
    expected = expected_digest(sha256)
    scheme = scheme_of(address)
    if scheme not in ("", "file", *WEB_SCHEMES, *OBJECT_SCHEMES):
        raise UsageError(
            f"cannot fetch from {masked_address(address)}: {scheme} is not supported",
            hint=_supported,
        )
    if not address:
        raise UsageError("the address is empty", hint=_supported)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        aside = TemporaryDirectory(dir=folder, prefix=".fetch-")
    except OSError as error:
        raise OutsideError(f"cannot write to {folder}: {error.strerror}") from error
    with aside as spare:
        if scheme in WEB_SCHEMES or scheme in OBJECT_SCHEMES:
            return _fetch_remote(
                address,
                folder,
                Path(spare),
                expected=expected,
                partial_folder=partial_folder,
                progress=progress,
                patience=patience or Patience(),
                known=known,
                allow_private=allow_private,
            )
        file = package_file(address) if address.startswith(PACKAGE_PREFIX) else local_path(address)
        return _fetch_file(address, file, folder, Path(spare), expected=expected, progress=progress)


def _fetch_remote(
    address: str,
    folder: Path,
    spare: Path,
    *,
    expected: Digest | None,
    partial_folder: Path | None,
    progress: Progress | None,
    patience: Patience,
    known: Validators | None,
    allow_private: bool,
) -> Fetched | None:
    is_object = scheme_of(address) in OBJECT_SCHEMES
    (check_object_address if is_object else check_web_address)(address)
    target = folder / file_name_of(address)
    with open_partial(partial_folder or spare, spare, _key(address)) as partial:
        if is_object:
            received = receive_object(address, partial, patience=patience, progress=progress, known=known)
        else:
            received = receive(
                address, partial, patience=patience, progress=progress, known=known, allow_private=allow_private
            )
        if received is None:
            partial.discard_unless_resumable()
            return None
        digest, size = partial.digest, partial.size
        if expected and digest != expected:
            partial.restart(None)  # or the next call would go on from the wrong bytes
            raise _wrong_digest(address, expected, digest)
        partial.publish(target, spare)
    return Fetched(
        path=target,
        file_name=target.name,
        address=masked_address(address),
        digest=digest,
        size=size,
        etag=received.etag,
        last_modified=received.last_modified,
        length_verified=received.length_verified or expected is not None,
    )


def _fetch_file(
    address: str, file: Path, folder: Path, spare: Path, *, expected: Digest | None, progress: Progress | None
) -> Fetched:
    _check_readable(file, address)
    copy = spare / file.name
    digest, size = hashlib.sha256(), 0
    try:
        with file.open("rb") as reader, copy.open("xb") as writer:
            total = os.fstat(reader.fileno()).st_size
            while chunk := reader.read(CHUNK):
                writer.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                if progress:
                    progress(size, total)
        if size != total:
            raise OutsideError(f"{file} changed while it was read: it had {total:,} bytes, then {size:,}")
        found = Digest(digest.hexdigest())
        if expected and found != expected:
            raise _wrong_digest(address, expected, found)
        copy.replace(folder / file.name)
    except OSError as error:
        raise OutsideError(f"cannot copy {file} to {folder}: {error.strerror}") from error
    return Fetched(
        path=folder / file.name,
        file_name=file.name,
        address=masked_address(address),
        digest=found,
        size=size,
        etag=None,
        last_modified=None,
        length_verified=True,
    )


def _check_readable(file: Path, address: str) -> None:
    """Only plain files: opening a named pipe would wait for ever."""
    try:
        mode = file.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        siblings = [entry.name for entry in file.parent.iterdir()] if file.parent.is_dir() else []
        raise NotFoundError(f"there is no file {file}", hint=near_matches(file.name, siblings)) from None
    except (OSError, ValueError) as error:
        raise OutsideError(f"cannot read {address!r}: {getattr(error, 'strerror', None) or error}") from error
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "not a plain file"
        raise UsageError(f"{file} is {what}", hint="name a single file; an archive of the folder is one")


def expected_digest(sha256: str | None) -> Digest | None:
    """The digest that a file must have, bare or as `sha256:…`. Raises UsageError where it cannot be one."""
    if sha256 is None:
        return None
    try:
        return Digest.parse(sha256)
    except IntegrityError as error:
        raise UsageError(error.message, hint="what `sha256sum FILE` prints first is one") from error


def _wrong_digest(address: str, expected: Digest, got: Digest) -> IntegrityError:
    return IntegrityError(
        f"{masked_address(address)} is not the file that was expected: expected {expected}, got {got}",
        hint=f"if the file was meant to change, give --sha256 {got.hexadecimal}",
    )


def _key(address: str) -> str:
    """What names the unfinished download: the address without user info, whose hash could be guessed."""
    parts = urlsplit(urldefrag(address).url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
