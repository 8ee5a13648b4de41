"""Sizes and durations in words."""

from __future__ import annotations


def size_text(size: float) -> str:
    """Bytes in words.

    >>> size_text(512), size_text(1_400_000)
    ('512 B', '1.4 MB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def seconds_text(seconds: float) -> str:
    """A duration in words.

    >>> [seconds_text(seconds) for seconds in (0.004, 3.04, 12.34, 75, 3720)]
    ['4 ms', '3.04 s', '12.3 s', '1 min 15 s', '1 h 2 min']
    """
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
