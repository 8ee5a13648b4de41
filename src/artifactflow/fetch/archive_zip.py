"""Zip: plain files and folders only, every checksum verified, no two members over the same bytes."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from artifactflow.errors import IntegrityError
from artifactflow.fetch.archive_names import shown
from artifactflow.fetch.archive_staging import Quota, Staging

_end_size, _end_signature = 22, b"PK\5\6"
_end64_locator_size, _end64_locator_signature = 20, b"PK\6\7"
_end64_size, _end64_signature = 56, b"PK\6\6"
_entry_size, _entry_signature = 46, b"PK\1\2"
_longest_comment = 0xFFFF
_local_header_size = 30
_encrypted = 0x1 | 0x40 | 0x2000
_chunk = 256 << 10


def unpack_zip(path: Path, staging: Staging) -> None:
    """Write a zip's members to `staging`. Raises IntegrityError for any that is damaged or refused."""
    try:
        with path.open("rb") as file:
            _check_directory(file, staging.quota)
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            for member in members:
                _check_member(member)
            _check_apart(members)
            staging.quota.check(sum(member.file_size for member in members))
            for member in members:
                if _is_link(member):
                    staging.meet_link(member.orig_filename, "a symbolic link")
                    for _ in _content(archive, member, staging.quota):
                        pass  # where it leads to: read all the same, because its checksum counts as any other's
                elif _is_folder(member):
                    staging.add_folder(member.orig_filename)
                else:
                    executable = bool(member.external_attr >> 16 & 0o100)
                    chunks = _content(archive, member, staging.quota)
                    staging.add_file(member.orig_filename, chunks, executable=executable)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, struct.error) as error:
        raise IntegrityError(f"it is damaged: {error}") from error


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo, quota: Quota) -> Iterator[bytes]:
    size = 0
    with archive.open(member) as reader:
        while chunk := reader.read(_chunk):
            size += len(chunk)
            quota.take(len(chunk))
            yield chunk
    if size != member.file_size:
        raise IntegrityError(f"its member {shown(member.orig_filename)} has {size:,} bytes, not {member.file_size:,}")


def _check_member(member: zipfile.ZipInfo) -> None:
    name = shown(member.orig_filename)
    if member.flag_bits & _encrypted:
        raise IntegrityError(f"its member {name} is encrypted")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise IntegrityError(f"its member {name} is compressed by method {member.compress_type}, not by deflate")
    # The upper half is what Unix tools write: type and permissions. No type at all is a plain file.
    kind = stat.S_IFMT(member.external_attr >> 16)
    if not _is_link(member) and kind not in (0, stat.S_IFDIR if _is_folder(member) else stat.S_IFREG):
        raise IntegrityError(f"its member {name} is neither a plain file nor a folder")
    if _is_folder(member) and (member.file_size or member.compress_size > 2):
        raise IntegrityError(f"its member {name} is a folder with content")


def _is_folder(member: zipfile.ZipInfo) -> bool:
    # The library's own answer fails for a name that is empty, or begins with a NUL.
    return member.orig_filename.endswith("/")


def _is_link(member: zipfile.ZipInfo) -> bool:
    return stat.S_ISLNK(member.external_attr >> 16)


def _check_apart(members: list[zipfile.ZipInfo]) -> None:
    """Members over the same bytes are how 10 MB become 281 TB (D. Fifield, A better zip bomb, 2019)."""
    end = 0
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.header_offset < end:
            raise IntegrityError(f"its member {shown(member.orig_filename)} overlaps another")
        end = member.header_offset + _local_header_size + len(member.orig_filename) + member.compress_size


def _check_directory(file: BinaryIO, quota: Quota) -> None:
    """Walk the central directory before the standard library holds it in memory.

    It believes the directory's size in bytes and never looks at the count of members, so that a damaged size hides
    some of them, and a hostile one can ask for gigabytes.
    """
    size = file.seek(0, 2)
    tail_size = min(size, _end_size + _longest_comment + _end64_locator_size + _end64_size)
    file.seek(size - tail_size)
    tail = file.read(tail_size)
    at = tail.rfind(_end_signature)
    if at < 0 or len(tail) - at < _end_size:
        raise IntegrityError("it has no end record: the file was cut short")
    count, directory_size, directory_start, comment_size = struct.unpack("<HLLH", tail[at + 10 : at + _end_size])
    if at + _end_size + comment_size != len(tail):
        raise IntegrityError("its end record is damaged, or something follows it")
    directory_end = size - tail_size + at
    locator = tail[max(0, at - _end64_locator_size) : at]
    if locator.startswith(_end64_locator_signature):
        directory_end -= _end64_locator_size + _end64_size
        end64 = tail[max(0, at - _end64_locator_size - _end64_size) : at - _end64_locator_size]
        if len(end64) != _end64_size or not end64.startswith(_end64_signature):
            raise IntegrityError("its zip64 end record is damaged")
        count, directory_size, directory_start = struct.unpack("<QQQ", end64[32:])
    quota.check_members(count)
    if directory_start + directory_size != directory_end:
        raise IntegrityError("its directory is not where its end record says")
    file.seek(directory_start)
    for _ in range(count):
        entry = file.read(_entry_size)
        if len(entry) != _entry_size or not entry.startswith(_entry_signature):
            raise IntegrityError("its directory is damaged")
        file.seek(sum(struct.unpack("<HHH", entry[28:34])), 1)
    if file.tell() != directory_end:
        raise IntegrityError("its directory holds other members than its end record counts")
