"""Tar: the headers one by one, plain files and folders only, to the end marker and past it.

Headers are decoded by the standard library; which of them are believed is decided here, because its own extraction
stops silently at a damaged header and has been led out of its folder by links. Formats: ustar, pax and GNU.
"""

from __future__ import annotations

import tarfile
from dataclasses import dataclass, field

from artifactflow.errors import IntegrityError
from artifactflow.fetch.archive_names import shown
from artifactflow.fetch.archive_staging import Staging
from artifactflow.fetch.archive_streams import OUTPUT_CHUNK, PlainReader

_zeros = bytes(tarfile.BLOCKSIZE)
_longest_extension = 1 << 20
_plain_types = frozenset({tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE})
_link_types = {tarfile.LNKTYPE: "a hard link", tarfile.SYMTYPE: "a symbolic link"}
_refused_types = {
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a named pipe",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
}


@dataclass(slots=True)
class _Extension:
    """What pax and GNU headers say about the member that follows them."""

    name: str | None = None
    size: int | None = None
    present: bool = field(default=False)


def unpack_tar(reader: PlainReader, staging: Staging) -> None:
    """Write a tar's members to `staging`. Raises IntegrityError for any that is damaged or refused."""
    extension = _Extension()
    while (block := reader.read(tarfile.BLOCKSIZE)) != _zeros:
        if len(block) < tarfile.BLOCKSIZE:
            raise IntegrityError("it has no end marker: the file was cut short")
        header = _header(block)
        if header.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.XGLTYPE):
            _read_pax(_content(reader, header), extension, everywhere=header.type == tarfile.XGLTYPE)
        elif header.type == tarfile.GNUTYPE_LONGNAME:
            extension.name, extension.present = _text(_content(reader, header).partition(b"\0")[0]), True
        elif header.type == tarfile.GNUTYPE_LONGLINK:
            _content(reader, header)
        else:
            _unpack_member(reader, header, extension, staging)
            extension = _Extension()
    if extension.present:
        raise IntegrityError("it ends after a header that announces one more member")
    if reader.read(tarfile.BLOCKSIZE) != _zeros:
        raise IntegrityError("its end marker is damaged")
    while rest := reader.read(OUTPUT_CHUNK):
        if rest.strip(b"\0"):
            raise IntegrityError("something follows its end marker")


def _unpack_member(reader: PlainReader, header: tarfile.TarInfo, extension: _Extension, staging: Staging) -> None:
    name = header.name if extension.name is None else extension.name
    size = header.size if extension.size is None else extension.size
    if header.type == tarfile.DIRTYPE:
        if size:
            raise IntegrityError(f"its member {shown(name)} is a folder with content")
        staging.add_folder(name)
    elif header.type in _plain_types:
        staging.quota.check(size)
        staging.add_file(name, reader.pieces(size), executable=bool(header.mode & 0o100))
        _skip_padding(reader, size)
    elif header.type in _link_types:
        if size:
            raise IntegrityError(f"its member {shown(name)} is {_link_types[header.type]} with content")
        staging.meet_link(name, _link_types[header.type])
    else:
        what = _refused_types.get(header.type, f"of the unknown type {header.type!r}")
        raise IntegrityError(f"its member {shown(name)} is {what}; only plain files and folders are extracted")


def _header(block: bytes) -> tarfile.TarInfo:
    try:
        header = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except UnicodeDecodeError as error:
        raise IntegrityError("the name of a member is not UTF-8") from error
    except (tarfile.HeaderError, ValueError) as error:
        raise IntegrityError(f"the header of a member is damaged: {error}") from error
    if header.size < 0:
        raise IntegrityError(f"its member {shown(header.name)} has a negative size")
    return header


def _content(reader: PlainReader, header: tarfile.TarInfo) -> bytes:
    """The text of an extension header, which is held in memory."""
    if header.size > _longest_extension:
        raise IntegrityError(f"an extended header of {header.size:,} bytes is too long")
    content = b"".join(reader.pieces(header.size))
    _skip_padding(reader, header.size)
    return content


def _skip_padding(reader: PlainReader, size: int) -> None:
    for _ in reader.pieces(-size % tarfile.BLOCKSIZE):
        pass


def _read_pax(content: bytes, extension: _Extension, *, everywhere: bool) -> None:
    """Take name and size out of pax records, `LENGTH KEY=VALUE` and a newline each; other keys do not concern us."""
    rest = content
    while rest.strip(b"\0"):
        digits, _, _ = rest.partition(b" ")
        length = int(digits) if digits.isdigit() and len(digits) < 8 else 0
        record, rest = rest[:length], rest[length:]
        key, equals, value = record[len(digits) + 1 : -1].partition(b"=")
        if not equals or len(record) != length or not record.endswith(b"\n"):
            raise IntegrityError("an extended header of a member is damaged")
        if key.startswith(b"GNU.sparse."):
            raise IntegrityError("it holds a sparse file; only plain files and folders are extracted")
        if key not in (b"path", b"size"):
            continue
        if everywhere:
            raise IntegrityError(f"a global header sets the {key.decode()} of every member")
        extension.present = True
        if key == b"path":
            extension.name = _text(value)
        elif value.isdigit() and len(value) < 20:
            extension.size = int(value)
        else:
            raise IntegrityError("an extended header gives a size that is no number")


def _text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError as error:
        raise IntegrityError("the name of a member is not UTF-8") from error
