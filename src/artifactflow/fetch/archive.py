"""Archives taken apart by our own rules: all of it, into a fresh folder, or nothing.

Plain files and folders only; every name inside the target, once, on every system; no more bytes than the limits say,
whatever the headers say; every checksum of the format verified to the end of the file.
"""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from artifactflow.errors import IntegrityError, OutsideError, UsageError
from artifactflow.fetch.archive_staging import Limits, Quota, Staging
from artifactflow.fetch.archive_streams import PlainReader, plain_chunks
from artifactflow.fetch.archive_tar import unpack_tar
from artifactflow.fetch.archive_zip import unpack_zip

__all__ = ["DEFAULT_LIMITS", "ArchiveKind", "Limits", "archive_kind", "extract"]

DEFAULT_LIMITS = Limits()

_tar_endings = (".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz", ".tar.zst")
_single_endings = (".gz", ".bz2", ".xz", ".zst")
_signatures = {
    b"\x1f\x8b": "gz",
    b"BZh": "bz2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zst",
    b"PK\3\4": "zip",
    b"PK\5\6": "zip",
}
_other_signatures = {
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"%PDF": "a PDF document",
    b"PAR1": "a Parquet file",
    b"\x89PNG": "a PNG image",
    b"version https://git-lfs": "a Git LFS pointer, not the file itself",
}


@dataclass(frozen=True, slots=True)
class ArchiveKind:
    """How to take an archive apart: `tar`, `zip` or `single` (one compressed file), and its compression or ''."""

    container: str
    compression: str = ""


def archive_kind(path: Path, name: str) -> ArchiveKind | None:
    """What kind of archive the file at `path` is, or None where `name` does not end as an archive does.

    The ending decides whether to look, because tables, models and documents are zip files too (xlsx, npz, skops); the
    content decides the rest: a `.tgz` that a server has already unpacked to a plain tar is one. Raises IntegrityError
    where the content is no archive of that sort, and says what it looks like.
    """
    lower = name.lower()
    with path.open("rb") as file:
        head = file.read(1024)
    found = next((kind for signature, kind in _signatures.items() if head.startswith(signature)), "")
    if lower.endswith(_tar_endings):
        if found and found != "zip":
            return ArchiveKind("tar", found)
        if not found and _is_tar(head):
            return ArchiveKind("tar")
        expected = "a tar archive"
    elif lower.endswith(".zip"):
        if found == "zip":
            return ArchiveKind("zip")
        expected = "a zip archive"
    elif lower.endswith(_single_endings):
        if found == lower.rpartition(".")[2]:
            return ArchiveKind("single", found)
        expected = f"a file compressed by {lower.rpartition('.')[2]}"
    else:
        return None
    raise IntegrityError(
        f"{_label(name)} is no archive: expected {expected} by its name, got {_looks_like(head, found)}",
        hint="look at what the address gives in a browser, or keep the file as it is with --no-extract",
    )


def extract(path: Path, target: Path, *, name: str, limits: Limits = DEFAULT_LIMITS, skip_links: bool = False) -> int:
    """Take the archive at `path`, called `name`, apart into the new folder `target`.

    Returns how many links were left out: any is refused unless `skip_links`. A single compressed file becomes
    `target/NAME` without its ending. Everything is written to a fresh folder beside
    `target`, which is renamed at the end: after any failure there is no `target`. Permissions are not kept, apart from
    the executable bit. Raises UsageError where `target` exists or `name` has no archive's ending, IntegrityError for
    an archive that is damaged or refused, and OutsideError for what the disk does.
    """
    if target.exists() or target.is_symlink():
        raise UsageError(f"cannot extract {_label(name)}: {target} exists", hint="remove it, or name another folder")
    try:
        kind = archive_kind(path, name)
        if kind is None:
            raise UsageError(
                f"{_label(name)} does not end as an archive does",
                hint=f"known endings: {' '.join([*_tar_endings, '.zip', *_single_endings])}",
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=target.parent, prefix=".extract-") as private:
            root = Path(private) / "content"
            root.mkdir(mode=0o755)
            staging = Staging(root, Quota(limits, path.stat().st_size), skip_links=skip_links)
            _unpack(path, kind, name, staging)
            root.rename(target)
            return staging.skipped
    except OSError as error:
        raise OutsideError(f"cannot extract {_label(name)} to {target}: {error.strerror or error}") from error


def _unpack(path: Path, kind: ArchiveKind, name: str, staging: Staging) -> None:
    try:
        if kind.container == "zip":
            unpack_zip(path, staging)
            return
        with path.open("rb") as file:
            chunks = plain_chunks(file, kind.compression, staging.quota)
            if kind.container == "tar":
                unpack_tar(PlainReader(chunks), staging)
            else:
                staging.add_file(name[: name.rindex(".")], chunks)
    except IntegrityError as error:
        raise IntegrityError(f"{_label(name)} is not extracted: {error.message}", hint=error.hint) from error


def _label(name: str) -> str:
    return name if name.isprintable() else repr(name)


def _is_tar(head: bytes) -> bool:
    block = head[: tarfile.BLOCKSIZE]
    if len(block) == tarfile.BLOCKSIZE and not block.strip(b"\0"):
        return True
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _looks_like(head: bytes, found: str) -> str:
    """The content in words, for a message."""
    if not head:
        return "an empty file"
    if found:
        return {"gz": "gzip data", "bz2": "bzip2 data", "xz": "xz data", "zst": "zstd data", "zip": "a zip file"}[found]
    for signature, what in _other_signatures.items():
        if head.startswith(signature):
            return what
    if _is_tar(head):
        return "a tar archive that is not compressed"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head")):
        return "an HTML page"
    if start.startswith(b"<"):
        return "an XML document"
    if start.startswith((b"{", b"[")):
        return "what seems to be JSON"
    return "plain text" if _is_text(head) else "unknown binary data"


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        text = head[: error.start].decode() if error.start > len(head) - 4 else "\0"
    return all(character.isprintable() or character in "\t\r\n\f" for character in text)
