"""Compressed bytes as a stream of plain ones, read to its very end.

The standard file objects forgive: they stop before a trailer, or take a damaged second stream for rubbish to be
ignored. This reader verifies every checksum that the format has, and lets nothing but zeros follow.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

from artifactflow.errors import IntegrityError
from artifactflow.fetch.archive_staging import Quota

INPUT_CHUNK = 64 << 10
OUTPUT_CHUNK = 1 << 20
# The zstandard library has no bound on what one call puts out, and 4 bytes of input can stand for 128 KiB.
ZSTD_INPUT_CHUNK = 1 << 10
# What one stream may make the decompressor allocate: xz -9 needs 65 MiB, zstd --long=27 needs 128 MiB.
MEMORY_LIMIT = 160 << 20
ZSTD_WINDOW_LIMIT = 128 << 20


class _Decoder(Protocol):
    """One compressed stream. `decode` may hold input back: it is called with nothing until it has no more to give."""

    def decode(self, data: bytes) -> bytes: ...
    @property
    def hungry(self) -> bool: ...
    @property
    def finished(self) -> bool: ...
    @property
    def unused(self) -> bytes: ...


class _Gzip:
    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(wbits=31)

    def decode(self, data: bytes) -> bytes:
        return self._inflate.decompress(self._inflate.unconsumed_tail + data, OUTPUT_CHUNK)

    @property
    def hungry(self) -> bool:
        return not self._inflate.unconsumed_tail

    @property
    def finished(self) -> bool:
        return self._inflate.eof

    @property
    def unused(self) -> bytes:
        return self._inflate.unused_data


class _Bounded:
    """bz2 and xz, whose decompressors have the same methods."""

    def __init__(self, decompressor: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self._decompressor = decompressor

    def decode(self, data: bytes) -> bytes:
        return self._decompressor.decompress(data, OUTPUT_CHUNK)

    @property
    def hungry(self) -> bool:
        return self._decompressor.needs_input

    @property
    def finished(self) -> bool:
        return self._decompressor.eof

    @property
    def unused(self) -> bytes:
        return self._decompressor.unused_data


class _Zstd:
    def __init__(self) -> None:
        import zstandard

        self._stream = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_LIMIT).decompressobj()

    def decode(self, data: bytes) -> bytes:
        import zstandard

        try:
            return bytes(self._stream.decompress(data))
        except zstandard.ZstdError as error:
            raise _damaged(error) from error

    @property
    def hungry(self) -> bool:
        return True

    @property
    def finished(self) -> bool:
        return bool(self._stream.eof)

    @property
    def unused(self) -> bytes:
        return bytes(self._stream.unused_data)


_decoders: dict[str, Callable[[], _Decoder]] = {
    "gz": _Gzip,
    "bz2": lambda: _Bounded(bz2.BZ2Decompressor()),
    "xz": lambda: _Bounded(lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=MEMORY_LIMIT)),
    "zst": _Zstd,
}


def plain_chunks(file: BinaryIO, compression: str, quota: Quota) -> Iterator[bytes]:
    """The bytes of `file` without their compression (`gz`, `bz2`, `xz`, `zst`, or empty for none), counted by `quota`.

    Raises IntegrityError where the stream is damaged, cut short or followed by something else than zeros.
    """
    pieces = _plain(file) if not compression else _decompressed(file, compression)
    for piece in pieces:
        if piece:
            quota.take(len(piece), file.tell())
            yield piece


def _plain(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(OUTPUT_CHUNK):
        yield chunk


def _decompressed(file: BinaryIO, compression: str) -> Iterator[bytes]:
    size = ZSTD_INPUT_CHUNK if compression == "zst" else INPUT_CHUNK
    data = file.read(size)
    while data:
        decoder = _decoders[compression]()
        try:
            while not decoder.finished:
                if decoder.hungry and not data:
                    data = file.read(size)
                    if not data:
                        raise IntegrityError("its compressed data ends too early: the file was cut short")
                yield decoder.decode(data)
                data = b""
        except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError) as error:
            raise _damaged(error) from error
        # Another stream may follow, as `cat a.gz b.gz` makes it; zeros are padding.
        data = decoder.unused or file.read(size)
        while data and not (data := data.lstrip(b"\0")):
            data = file.read(size)


def _damaged(error: Exception) -> IntegrityError:
    return IntegrityError(f"its compressed data is damaged: {error}")


class PlainReader:
    """Chunks read as a file: exactly so many bytes, or an error."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, fewer only at the end."""
        parts: list[memoryview] = []
        while size and (self._rest or self._refill()):
            part = self._rest[:size]
            parts.append(part)
            self._rest = self._rest[len(part) :]
            size -= len(part)
        return b"".join(parts)

    def pieces(self, size: int) -> Iterator[bytes]:
        """The next `size` bytes, in pieces. Raises IntegrityError where there are fewer."""
        while size:
            if not self._rest and not self._refill():
                raise IntegrityError("it ends in the middle of a member: the file was cut short")
            part = self._rest[:size]
            self._rest = self._rest[len(part) :]
            size -= len(part)
            yield bytes(part)

    def _refill(self) -> bool:
        self._rest = memoryview(next(self._chunks, b""))
        return bool(self._rest)
