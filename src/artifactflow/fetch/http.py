"""A file over http or https: resumed, retried, redirected with care, and never taken for whole when it was cut.

The rules are those of RFC 9110: ranges only with a strong validator in If-Range (13.1.5), a Content-Range that must
continue what is there (14.4), Retry-After in both forms (10.2.3). The bytes are kept as they were served: no
Content-Encoding is asked for and none is undone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from artifactflow.errors import OutsideError
from artifactflow.fetch.addresses import masked_address
from artifactflow.fetch.partial import CHUNK, Partial, Source
from artifactflow.fetch.patience import Patience, StallWatch, retry_after
from artifactflow.fetch.redirects import open_address

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

Progress = Callable[[int, int | None], None]

_worth_another_try = frozenset({408, 425, 429, 500, 502, 503, 504})
_against_the_rules = "the server, or a proxy before it, breaks the rules of HTTP (RFC 9110 and 9112)"
_strong_etag = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"\Z')
_content_range = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)\Z")


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server said of the file that the caller has already, by which it can say that it is the same still."""

    etag: str | None
    last_modified: str | None

    def headers(self) -> dict[str, str]:
        """The conditions of a request; a date only where there is no ETag, as RFC 9110, 13.1.3 has it."""
        if self.etag:
            return {"If-None-Match": self.etag}
        return {"If-Modified-Since": self.last_modified} if self.last_modified else {}


@dataclass(frozen=True, slots=True)
class Received:
    """What the server said about the file. `length_verified` is false where it gave no way to notice a cut."""

    etag: str | None
    last_modified: str | None
    length_verified: bool


class _PassingError(Exception):
    """A failure that another try may not meet: what happened, how long the server asks to wait, what to look at."""

    def __init__(self, happened: str, wait: float | None = None, *, check: str = "") -> None:
        super().__init__(happened)
        self.happened = happened
        self.wait = wait
        self.check = check


def receive(
    address: str,
    partial: Partial,
    *,
    patience: Patience,
    progress: Progress | None = None,
    known: Validators | None = None,
    allow_private: bool = False,
) -> Received | None:
    """Bring the file at `address` into `partial`, going on where an earlier call stopped.

    Returns None where the server says that the file is the one that the caller has, by `known`; `partial` is then
    empty. `progress` is told the bytes so far and the whole size, or None where that is not known. Raises UsageError
    for an address that cannot be read, and OutsideError for whatever the network or the server does, after
    `patience.tries` tries where another try can help. No message holds user info or a query's value.
    """
    for tried in range(1, patience.tries + 1):
        try:
            return _try(address, partial, patience, progress, known, allow_private=allow_private)
        except _PassingError as failure:
            failed = failure
        if tried < patience.tries:
            wait = patience.pause(tried) if failed.wait is None else failed.wait
            if wait > patience.longest_pause:
                raise OutsideError(
                    f"{masked_address(address)}: {failed.happened}, and asks to come back in {wait:.0f} s",
                    hint="run the same command again after that time",
                )
            if wait:
                patience.sleep(wait)
    raise OutsideError(
        f"{masked_address(address)}: {failed.happened} ({patience.tries} tries)",
        hint=(f"check {failed.check}, then " if failed.check else "")
        + "run the same command again"
        + (f": it goes on after {partial.size:,} bytes" if partial.resumable else ""),
    )


def _try(
    address: str,
    partial: Partial,
    patience: Patience,
    progress: Progress | None,
    known: Validators | None,
    *,
    allow_private: bool,
) -> Received | None:
    from urllib3.exceptions import HTTPError

    source = partial.source if partial.resumable else None
    conditions = known.headers() if known else {}
    headers = {"Accept-Encoding": "identity", "User-Agent": "artifactflow", **conditions}
    if source:
        headers |= {"Range": f"bytes={partial.size}-", "If-Range": source.etag}
    try:
        with open_address(address, headers, patience, allow_private=allow_private) as (response, served_by):
            if response.status == 304 and conditions:
                partial.restart(None)
                return None
            chunked = _is_chunked(response.headers, served_by)
            total = _begin(response, served_by, partial, source, chunked=chunked)
            watch = StallWatch(patience)
            while chunk := response.read1(CHUNK, decode_content=False):
                partial.append(chunk)
                if progress:
                    progress(partial.size, total)
                if watch.stalled(len(chunk)):
                    raise _PassingError(
                        f"the transfer stalled below {patience.slowest} bytes/s at {partial.size:,} bytes"
                    )
            if total is not None and partial.size != total:
                raise _PassingError(f"the body was cut short: got {partial.size:,} of {total:,} bytes")
            return Received(
                etag=response.headers.get("ETag"),
                last_modified=response.headers.get("Last-Modified"),
                length_verified=total is not None or chunked,
            )
    except HTTPError as error:
        error.__traceback__ = None  # its frames hold a broken connection open
        # The library's own text is not shown: it can hold the address with its query.
        raise _failure(error, masked_address(address), partial.size) from None


def _begin(
    response: BaseHTTPResponse, served_by: str, partial: Partial, asked: Source | None, *, chunked: bool
) -> int | None:
    """Decide by status and headers whether the body begins, continues or is no part of the file; its whole size.

    `asked` is the source whose rest was asked for, None where the whole file was.
    """
    status, headers = response.status, response.headers
    if status == 200:
        total = None if chunked else _content_length(headers, served_by)
        etag = headers.get("ETag", "")
        partial.restart(Source(etag, served_by, total) if _strong_etag.match(etag) else None)
        return total
    if status == 206 and asked:
        return _continue(headers, served_by, partial, asked)
    if status == 416 and asked:
        partial.restart(None)
        raise _PassingError("the server does not have the range that is missing", 0.0)
    said = f"the server answered {status} {response.reason or ''}".rstrip()
    if status in _worth_another_try:
        raise _PassingError(said, retry_after(headers.get("Retry-After")))
    hint = {401: "give credentials as https://user:password@host/…", 403: "the server does not let you read this file"}
    raise OutsideError(f"{served_by}: {said}", hint=hint.get(status, "check the address, for example in a browser"))


def _continue(headers: Mapping[str, str], served_by: str, partial: Partial, asked: Source) -> int:
    """Check that a partial answer continues what is there. Nothing is appended on trust: a mixed file is the danger."""
    offset = partial.size
    if headers.get("ETag", asked.etag) != asked.etag or served_by != asked.address:
        partial.restart(None)
        raise _PassingError("the file changed between two tries", 0.0)
    stated = headers.get("Content-Range", "")
    match = _content_range.match(stated.strip())
    first, last = (int(match[1]), int(match[2])) if match else (-1, -1)
    total = int(match[3]) if match and match[3] != "*" else asked.total
    length = _content_length(headers, served_by)
    fits = (
        first == offset
        and last >= first
        and (total is None or last == total - 1)
        and (asked.total is None or total == asked.total)
        and (length is None or length == last - first + 1)
    )
    if not fits:
        partial.restart(None)
        of_total = f"/{asked.total}" if asked.total is not None else ""
        raise OutsideError(
            f"{served_by}: expected the range from byte {offset}{of_total}, got Content-Range {stated!r}",
            hint="run the same command again: it starts from the first byte",
        )
    return last + 1


def _failure(error: Exception, shown: str, size: int) -> Exception:
    """A library's exception as one of ours: worth another try, or not."""
    from http.client import IncompleteRead

    from urllib3 import exceptions

    reason = error.__cause__ or error.__context__
    why = getattr(reason, "strerror", None) or ""
    if isinstance(error, exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return OutsideError(
            f"{shown}: the server's certificate cannot be verified",
            hint="if your organisation has its own authority, name its file in SSL_CERT_FILE",
        )
    if isinstance(error, exceptions.InvalidHeader):
        return OutsideError(f"{shown}: the server states the length of the body in two ways", hint=_against_the_rules)
    if isinstance(error, exceptions.NameResolutionError):
        return _PassingError("the host's name cannot be resolved", check="the host's name and the network")
    if isinstance(error, (exceptions.ConnectTimeoutError, exceptions.NewConnectionError)):
        return _PassingError(
            f"no connection to the server{f': {why}' if why else ''}", check="the address and the network"
        )
    if isinstance(error, exceptions.ReadTimeoutError):
        return _PassingError(f"the server went quiet at {size:,} bytes")
    if isinstance(reason, IncompleteRead):
        return _PassingError(f"the body was cut short at {size:,} bytes")
    return _PassingError(f"the connection broke at {size:,} bytes{f': {why}' if why else ''}")


def _is_chunked(headers: Mapping[str, str], served_by: str) -> bool:
    """Whether the body ends by its own mark. What another transfer coding did to the bytes would be kept with them."""
    coding = headers.get("Transfer-Encoding", "").strip().lower()
    if coding not in ("", "identity", "chunked"):
        raise OutsideError(
            f"{served_by}: the body is sent in the transfer coding {coding!r}, expected none or chunked",
            hint=_against_the_rules,
        )
    return coding == "chunked"


def _content_length(headers: Mapping[str, str], served_by: str) -> int | None:
    """The stated size of the body; None where none is. Several that agree are one, as RFC 9110, 8.6 has it."""
    stated = headers.get("Content-Length")
    if stated is None:
        return None
    lengths = {length.strip() for length in stated.split(",")}
    length = lengths.pop()
    if lengths or not (length.isascii() and length.isdigit()):
        raise OutsideError(
            f"{served_by}: the server states the length {stated!r}, expected one whole number",
            hint=_against_the_rules,
        )
    return int(length)
