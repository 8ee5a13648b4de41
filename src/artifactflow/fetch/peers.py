"""Who may be connected to: no private address once a public server has had the say.

A public server that redirects to `169.254.169.254` or to a machine of the local network would make this process fetch
what only this process can reach. A name is resolved once, the addresses found are judged, and the connection goes to
them and to nothing else: a name that resolves differently a moment later changes nothing.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from artifactflow.errors import OutsideError

if TYPE_CHECKING:
    from urllib3 import PoolManager
    from urllib3.connection import HTTPConnection

_nat64: Final = ipaddress.ip_network("64:ff9b::/96")
_metadata: Final = (ipaddress.ip_network("168.63.129.16/32"), ipaddress.ip_network("192.0.0.0/24"))
"""Where Azure and Oracle keep their metadata servers, which some versions of Python take for the internet."""


def is_private(address: str) -> bool:
    """Whether an IP address is not one of the public internet: loopback, link-local, private, unique-local, multicast,
    shared, reserved, or a metadata server's. IPv4 addresses in IPv6 clothes are judged as what they are.

    >>> [is_private(one) for one in ("8.8.8.8", "10.1.2.3", "169.254.169.254", "::ffff:127.0.0.1", "fd00::1")]
    [False, True, True, True, True]
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if found in _nat64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return is_private(str(inner))
    return not found.is_global or found.is_multicast or any(found in network for network in _metadata)


@dataclass(slots=True)
class Gate:
    """Lets one download through from server to server. `allow_private` opens it for every address."""

    allow_private: bool = False
    connection: HTTPConnection | None = None
    _public_before: bool = False

    @contextmanager
    def deadline(self, seconds: float) -> Iterator[None]:
        """Break the connection off unless the body ends in time.

        A time-out of the socket begins anew with every byte, and headers can be dripped one at a time.
        """
        timer = threading.Timer(seconds, self._break_off)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _break_off(self) -> None:
        found = self.connection.sock if self.connection else None
        if found is not None:
            with suppress(OSError):
                found.shutdown(socket.SHUT_RDWR)

    def pass_through(self, host: str, addresses: list[str]) -> None:
        """Let the connection to `host`, which has these IP addresses, be made. Raises OutsideError."""
        private = next((address for address in addresses if is_private(address)), None)
        if private is None:
            self._public_before = True
        elif self._public_before and not self.allow_private:
            shown = host if host == private else f"{host} ({private})"
            raise OutsideError(
                f"a public server redirects to {shown}, which is an address of a private network",
                hint="give --allow-private if you know that it is meant to",
            )

    def pass_literal(self, host: str) -> None:
        """Judge a host that is written as an address; what a name means is known to the proxy alone."""
        try:
            address = str(ipaddress.ip_address(host.strip("[]").partition("%")[0]))
        except ValueError:
            self._public_before = True
            return
        self.pass_through(host, [address])


def guard(pool: PoolManager, gate: Gate) -> None:
    """Let `pool` make connections only through `gate`."""
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

    class Judged(HTTPConnection):
        """Resolves once, and connects to what was judged."""

        def _new_conn(self) -> socket.socket:
            name = self.host
            try:
                found = socket.getaddrinfo(name, self.port, type=socket.SOCK_STREAM)
            except (socket.gaierror, UnicodeError) as error:
                raise NameResolutionError(name, self, socket.gaierror(*error.args)) from error
            gate.connection = self
            addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
            gate.pass_through(name, addresses)
            try:
                for position, address in enumerate(addresses, start=1):
                    self.host = address
                    try:
                        return super()._new_conn()
                    except (NewConnectionError, ConnectTimeoutError):
                        if position == len(addresses):
                            raise
                raise NameResolutionError(name, self, socket.gaierror("no address"))
            finally:
                self.host = name  # what certificates are checked against

    class JudgedHttps(Judged, HTTPSConnection):
        """The same, under TLS."""

    class HttpPool(HTTPConnectionPool):
        """Plain connections."""

        ConnectionCls = Judged

    class HttpsPool(HTTPSConnectionPool):
        """Connections under TLS."""

        ConnectionCls = JudgedHttps

    pool.pool_classes_by_scheme = {"http": HttpPool, "https": HttpsPool}
