"""Numbers, times and users' texts, as a report shows them."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any, Final

from artifactflow.parameters import format_value
from artifactflow.report.metrics import MetricChange

LONGEST_VALUE: Final = 2_000
"""Characters of a single value that are shown."""

_escape_sequence = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_unprintable = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def clean(text: str) -> str:
    r"""`text` without what no page may hold: a terminal's escape sequences are dropped, control characters shown as �.

    >>> clean("\x1b[31mred\x1b[0m\x00")
    'red�'
    """
    return _unprintable.sub("�", _escape_sequence.sub("", text))


def value_text(value: Any) -> str:
    """A parameter's or a metadata's value in one text; JSON for lists and mappings."""
    if isinstance(value, str) or value is None:
        text = value or ""
    elif isinstance(value, (bool, int, float)):
        text = format_value(value)
    else:
        text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}… ({len(text):,} characters)"


def number_text(number: float | None, *, signed: bool = False) -> str:
    """A metric with five digits that count, or all of a large number's before the point; with a true minus sign.

    >>> number_text(0.96666666), number_text(-3.0), number_text(0.5, signed=True), number_text(123456.7)
    ('0.96667', '−3', '+0.5', '123457')
    """
    if number is None:
        return "–"
    digits = ".0f" if 1e5 <= abs(number) < 1e12 else ".5g"
    return format(number, f"+{digits}" if signed else digits).replace("-", "−")


def change_text(change: MetricChange) -> str:
    """How far a metric moved: in percent, or by itself where it was nothing before.

    >>> change_text(MetricChange("train", "rmse", before=0.5, now=0.4))
    '−20 %'
    """
    if change.share is None:
        return number_text(change.change, signed=True)
    percent = round(100 * change.share, 6)
    text = f"{percent:+.0f}" if abs(percent) >= 10 else f"{percent:+.1f}" if abs(percent) >= 0.1 else f"{percent:+.1g}"
    return f"{text} %".replace("-", "−")


def moment_text(moment: str) -> str:
    """A time of a record for people: `2026-11-23 10:15 UTC`; what is no time stays as it is."""
    try:
        return datetime.fromisoformat(moment).strftime("%Y-%m-%d %H:%M UTC")
    except ValueError:
        return moment


def seconds_between(earlier: str, later: str) -> float:
    """From one time of a record to another; 0 where either is missing."""
    try:
        return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
    except ValueError:
        return 0.0
