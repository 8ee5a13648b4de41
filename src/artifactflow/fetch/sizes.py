"""Sizes in bytes as people write them."""

from __future__ import annotations

import re
from typing import Final

from artifactflow.errors import UsageError

_units: Final = {
    "": 1, "b": 1,
    "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40,
    "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
    "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
}  # fmt: skip
_size = re.compile(r"\s*([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([A-Za-z]*)\s*\Z")


def parse_size(text: str, name: str) -> int:
    """The bytes that `text` stands for; `name` is the parameter's, for the message.

    >>> [parse_size(text, "max_size") for text in ("500", "20GB", "1.5 GiB", "4k")]
    [500, 20000000000, 1610612736, 4096]

    Raises UsageError where it is no size, or none at all.
    """
    match = _size.match(text)
    factor = _units.get(match[2].lower()) if match else None
    size = int(float(match[1]) * factor) if match and factor else 0
    if size < 1:
        raise UsageError(f"{name} takes a size, got {text!r}", hint="for example 500MB, 20GB or 20GiB")
    return size
