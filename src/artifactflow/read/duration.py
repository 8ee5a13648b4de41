"""Durations as people write them."""

from __future__ import annotations

import re

_DURATION_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "": 1}
_duration = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([smhd]?)\Z")


def duration(text: str) -> float | None:
    """Seconds in `90`, `90s`, `1.5m`, `2h` or `1d`; None for anything else.

    >>> duration("1.5m"), duration("soon")
    (90.0, None)
    """
    match = _duration.match(text.strip())
    return float(match[1]) * _DURATION_UNITS[match[2]] if match else None
