"""From an address to the server that has the file: at most ten redirects, each judged before it is followed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin

from artifactflow.errors import OutsideError, UsageError
from artifactflow.fetch.addresses import WEB_SCHEMES, masked_address, scheme_of
from artifactflow.fetch.patience import Patience
from artifactflow.fetch.peers import Gate, guard

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager, ProxyManager
    from urllib3.util import Url

REDIRECT_LIMIT = 10
_redirects = frozenset({301, 302, 303, 307, 308})
_hint = "look where the address leads in a browser, and give the address of the file itself"
_default_ports = {"http": 80, "https": 443}


@contextmanager
def open_address(
    address: str, headers: Mapping[str, str], patience: Patience, *, allow_private: bool = False
) -> Iterator[tuple[BaseHTTPResponse, str]]:
    """The answer of the server that has the file, unread, and its masked address.

    User info in `address` is sent as basic authentication to its own origin, and to no other. Raises OutsideError for
    a redirect that is not followed, UsageError for an address that cannot be read, and what urllib3 raises.
    """
    from urllib3.util import make_headers

    url = _parsed(address)
    sent = dict(headers)
    if url.auth:
        sent |= make_headers(basic_auth=unquote(url.auth))
    gate = Gate(allow_private)
    seen: list[str] = []
    while True:
        bare = url._replace(auth=None, fragment=None)
        seen.append(bare.url)
        # A fresh pool for each: no connection is used again that was made before the gate knew what it knows now.
        with _pool_manager(bare, patience, gate) as pool:
            with gate.deadline(patience.answer):
                response = pool.request(
                    "GET",
                    bare.url,
                    headers=sent,
                    redirect=False,
                    retries=False,
                    preload_content=False,
                    enforce_content_length=False,  # whoever reads does, and says both sizes
                )
            try:
                if response.status not in _redirects:
                    yield response, masked_address(bare.url)
                    return
                target = redirect_target(bare, response.headers.get("Location"))
            finally:
                response.close()
        if target.url in seen:
            raise OutsideError(
                f"{masked_address(address)} redirects in a circle, by {masked_address(target.url)}", hint=_hint
            )
        if len(seen) > REDIRECT_LIMIT:
            raise OutsideError(f"{masked_address(address)} redirects more than {REDIRECT_LIMIT} times", hint=_hint)
        if _origin(target) != _origin(bare):
            sent.pop("authorization", None)
        url = target


def redirect_target(url: Url, location: str | None) -> Url:
    """Where a redirect from `url` leads, without user info and fragment.

    Raises OutsideError where it leads nowhere, to something else than http(s), or from https to http.
    """
    here = masked_address(url.url)
    if not location:
        raise OutsideError(f"{here} redirects without saying where to", hint=_hint)
    try:
        joined = urljoin(url.url, location)
    except ValueError:
        joined = location
    there = masked_address(joined)
    if scheme_of(joined) not in WEB_SCHEMES:
        raise OutsideError(f"{here} redirects to {there!r}, which is neither http nor https", hint=_hint)
    if url.scheme == "https" and scheme_of(joined) == "http":
        raise OutsideError(
            f"{here} redirects from https to {there}, where anyone on the way could change it",
            hint="give the http address itself, with --sha256, if you accept that",
        )
    try:
        return _parsed(joined)._replace(auth=None, fragment=None)
    except UsageError as error:
        raise OutsideError(f"{here} redirects to {there!r}, which is no address", hint=_hint) from error


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


def _pool_manager(url: Url, patience: Patience, gate: Gate) -> PoolManager:
    """Connections with time-outs and verified certificates, through the proxy that the environment names for `url`."""
    from urllib3 import PoolManager, Timeout

    timeout = Timeout(connect=patience.connect, read=patience.read)
    proxied = by_proxy(url, timeout=timeout)
    if proxied is None:
        pool = PoolManager(timeout=timeout)
        guard(pool, gate)
        return pool
    gate.pass_literal(url.host or "")
    return proxied


def by_proxy(url: Url, **options: Any) -> ProxyManager | None:
    """Connections through the proxy that the environment names for `url`, with its password; None where there is none.

    `options` are those of urllib3's PoolManager.
    """
    from urllib.request import getproxies, proxy_bypass

    from urllib3 import ProxyManager
    from urllib3.util import make_headers

    proxy = getproxies().get(url.scheme or "")
    if not proxy or proxy_bypass(url.host or ""):
        return None
    proxy_url = _parsed(proxy if "://" in proxy else f"http://{proxy}")
    proxy_headers = make_headers(proxy_basic_auth=unquote(proxy_url.auth)) if proxy_url.auth else None
    return ProxyManager(proxy_url._replace(auth=None).url, proxy_headers=proxy_headers, **options)
