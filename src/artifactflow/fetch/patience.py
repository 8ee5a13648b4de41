"""How long a download waits, how often it tries again, and when it gives up on a server that has gone quiet."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, slots=True)
class Patience:
    """The limits of one download; times are in seconds.

    `tries` counts the first one. Between them it waits about `first_pause`, doubled each time and spread at random so
    that many clients do not come back together; a server's Retry-After is kept up to `longest_pause`. `connect` bounds
    each connection, `read` each silence, `answer` the time until an answer's headers are there. A transfer is stalled
    when fewer than `slowest` bytes a second came in over `stall_window`. `sleep` and `clock` are for tests.
    """

    tries: int = 5
    first_pause: float = 0.5
    longest_pause: float = 60.0
    connect: float = 15.0
    read: float = 60.0
    answer: float = 120.0
    slowest: int = 1024
    stall_window: float = 60.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def pause(self, tried: int) -> float:
        """The seconds to wait after `tried` failures: between a half and the whole of the doubled pause."""
        whole = min(self.first_pause * 2.0 ** (tried - 1), self.longest_pause)
        return whole * (0.5 + secrets.randbelow(501) / 1000)


@dataclass(slots=True)
class StallWatch:
    """Counts what arrives. A read timeout alone lets a server drip one byte a minute for ever."""

    patience: Patience
    _since: float = field(init=False)
    _bytes: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._since = self.patience.clock()

    def stalled(self, size: int) -> bool:
        """Take note of `size` more bytes; whether the window that ends now was too slow."""
        self._bytes += size
        now = self.patience.clock()
        elapsed = now - self._since
        if elapsed < self.patience.stall_window:
            return False
        too_slow = self._bytes < self.patience.slowest * elapsed
        self._since, self._bytes = now, 0
        return too_slow


def retry_after(header: str | None, now: datetime | None = None) -> float | None:
    """The seconds that a Retry-After header asks for, in either of its two forms; None where it says nothing usable.

    >>> retry_after("120")
    120.0
    >>> retry_after("Fri, 31 Dec 1999 23:59:59 GMT", datetime(1999, 12, 31, 23, 59, tzinfo=UTC))
    59.0
    """
    if not header:
        return None
    header = header.strip()
    if header.isascii() and header.isdigit():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
