"""A file over http or https: resumed, retried, redirected with care, and never taken for whole when it was cut.

The rules are those of RFC 9110: ranges only with a strong validator in If-Range (13.1.5), a Content-Range that must
continue what is there (14.4), Retry-After in both forms (10.2.3). The bytes are kept as they were served: no
Content-Encoding is asked for and none is undone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin

from artifactflow.errors import OutsideError, UsageError
from artifactflow.fetch.addresses import WEB_SCHEMES, masked_address, scheme_of
from artifactflow.fetch.partial import CHUNK, Partial, Source
from artifactflow.fetch.patience import Patience, StallWatch, retry_after

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager
    from urllib3.util import Url

Progress = Callable[[int, int | None], None]

REDIRECT_LIMIT = 10
_redirects = frozenset({301, 302, 303, 307, 308})
_worth_another_try = frozenset({408, 425, 429, 500, 502, 503, 504})
_strong_etag = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"\Z')
_content_range = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)\Z")
_default_ports = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Received:
    """What the server said about the file. `length_verified` is false where it gave no way to notice a cut."""

    etag: str | None
    last_modified: str | None
    length_verified: bool


class _PassingError(Exception):
    """A failure that another try may not meet. Its arguments: what happened, and the seconds to wait or None."""


def receive(address: str, partial: Partial, *, patience: Patience, progress: Progress | None = None) -> Received:
    """Bring the file at `address` into `partial`, going on where an earlier call stopped.

    `progress` is told the bytes so far and the whole size, or None where that is not known. Raises UsageError for an
    address that cannot be read, and OutsideError for whatever the network or the server does, after
    `patience.tries` tries where another try can help. No message holds user info or a query's value.
    """
    with _pool_manager(address, patience) as pool:
        for tried in range(1, patience.tries + 1):
            try:
                return _try(pool, address, partial, patience, progress)
            except _PassingError as failure:
                happened, wait = failure.args
            if tried < patience.tries:
                wait = patience.pause(tried) if wait is None else wait
                if wait > patience.longest_pause:
                    raise OutsideError(
                        f"{masked_address(address)}: {happened}, and asks to come back in {wait:.0f} s",
                        hint="run the same command again after that time",
                    )
                if wait:
                    patience.sleep(wait)
    raise OutsideError(
        f"{masked_address(address)}: {happened} ({patience.tries} tries)",
        hint="run the same command again" + (f": it goes on after {partial.size:,} bytes" if partial.resumable else ""),
    )


def _try(pool: PoolManager, address: str, partial: Partial, patience: Patience, progress: Progress | None) -> Received:
    from urllib3.exceptions import HTTPError

    source = partial.source if partial.resumable else None
    headers = {"Accept-Encoding": "identity", "User-Agent": "artifactflow"}
    if source:
        headers |= {"Range": f"bytes={partial.size}-", "If-Range": source.etag}
    try:
        with _open(pool, address, headers) as (response, served_by):
            chunked = response.headers.get("Transfer-Encoding", "").lower() == "chunked"
            total = _begin(response, served_by, partial, source, chunked=chunked)
            watch = StallWatch(patience)
            while chunk := response.read1(CHUNK, decode_content=False):
                partial.append(chunk)
                if progress:
                    progress(partial.size, total)
                if watch.stalled(len(chunk)):
                    raise _PassingError(
                        f"the transfer stalled below {patience.slowest} bytes/s at {partial.size:,} bytes", None
                    )
            if total is not None and partial.size != total:
                raise _PassingError(f"the body was cut short: got {partial.size:,} of {total:,} bytes", None)
            return Received(
                etag=response.headers.get("ETag"),
                last_modified=response.headers.get("Last-Modified"),
                length_verified=total is not None or chunked,
            )
    except HTTPError as error:
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
        total = None if chunked else _whole_number(headers.get("Content-Length"))
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
    length = _whole_number(headers.get("Content-Length"))
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


@contextmanager
def _open(pool: PoolManager, address: str, headers: Mapping[str, str]) -> Iterator[tuple[BaseHTTPResponse, str]]:
    """The answer of the server that has the file, and its masked address, after at most ten redirects."""
    from urllib3.util import make_headers

    url = _parsed(address)
    sent = dict(headers)
    if url.auth:
        sent |= make_headers(basic_auth=unquote(url.auth))
    seen: list[str] = []
    while True:
        bare = url._replace(auth=None, fragment=None)
        seen.append(bare.url)
        response = pool.request(
            "GET",
            bare.url,
            headers=sent,
            redirect=False,
            retries=False,
            preload_content=False,
            enforce_content_length=False,  # `_try` does, and says both sizes
        )
        try:
            if response.status not in _redirects:
                yield response, masked_address(bare.url)
                return
            target = redirect_target(bare, response.headers.get("Location"))
        finally:
            response.close()
        if target.url in seen:
            raise OutsideError(f"{masked_address(address)} redirects in a circle, by {masked_address(target.url)}")
        if len(seen) > REDIRECT_LIMIT:
            raise OutsideError(f"{masked_address(address)} redirects more than {REDIRECT_LIMIT} times")
        if _origin(target) != _origin(bare):
            sent.pop("authorization", None)
        url = target


def redirect_target(url: Url, location: str | None) -> Url:
    """Where a redirect from `url` leads, without user info and fragment.

    Raises OutsideError where it leads nowhere, to something else than http(s), or from https to http.
    """
    here = masked_address(url.url)
    if not location:
        raise OutsideError(f"{here} redirects without saying where to")
    try:
        joined = urljoin(url.url, location)
    except ValueError:
        joined = location
    there = masked_address(joined)
    if scheme_of(joined) not in WEB_SCHEMES:
        raise OutsideError(f"{here} redirects to {there!r}, which is neither http nor https")
    if url.scheme == "https" and scheme_of(joined) == "http":
        raise OutsideError(
            f"{here} redirects from https to {there}, where anyone on the way could change it",
            hint="give the http address itself, with --sha256, if you accept that",
        )
    try:
        return _parsed(joined)._replace(auth=None, fragment=None)
    except UsageError as error:
        raise OutsideError(f"{here} redirects to {there!r}, which is no address") from error


def _parsed(address: str) -> Url:
    from urllib3.exceptions import LocationParseError
    from urllib3.util import parse_url

    try:
        url = parse_url(address)
    except LocationParseError:
        url = None
    if url is None or not url.host:
        raise UsageError(f"{masked_address(address)!r} is no web address", hint="write https://host/path")
    return url


def _origin(url: Url) -> tuple[str | None, str | None, int | None]:
    return url.scheme, url.host, url.port or _default_ports.get(url.scheme or "")


def _pool_manager(address: str, patience: Patience) -> PoolManager:
    """Connections with time-outs and verified certificates, through the proxy that the environment names."""
    from urllib.request import getproxies, proxy_bypass

    from urllib3 import PoolManager, ProxyManager, Timeout
    from urllib3.util import make_headers

    timeout = Timeout(connect=patience.connect, read=patience.read)
    url = _parsed(address)
    proxy = getproxies().get(url.scheme or "")
    if not proxy or proxy_bypass(url.host or ""):
        return PoolManager(timeout=timeout)
    proxy_url = _parsed(proxy if "://" in proxy else f"http://{proxy}")
    proxy_headers = make_headers(proxy_basic_auth=unquote(proxy_url.auth)) if proxy_url.auth else None
    return ProxyManager(proxy_url._replace(auth=None).url, proxy_headers=proxy_headers, timeout=timeout)


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
    if isinstance(error, exceptions.NameResolutionError):
        return _PassingError("the host's name cannot be resolved", None)
    if isinstance(error, (exceptions.ConnectTimeoutError, exceptions.NewConnectionError)):
        return _PassingError(f"no connection to the server{f': {why}' if why else ''}", None)
    if isinstance(error, exceptions.ReadTimeoutError):
        return _PassingError(f"the server went quiet at {size:,} bytes", None)
    if isinstance(reason, IncompleteRead):
        return _PassingError(f"the body was cut short at {size:,} bytes", None)
    return _PassingError(f"the connection broke at {size:,} bytes{f': {why}' if why else ''}", None)


def _whole_number(header: str | None) -> int | None:
    return int(header) if header and header.isascii() and header.isdigit() else None
