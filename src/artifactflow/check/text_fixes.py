"""Mends that replace some characters at a place and leave every other byte of the file."""

from __future__ import annotations

from collections.abc import Callable

from artifactflow.errors import Place


def replacement(place: Place, old: str, new: str) -> Callable[[str], str]:
    """The change of a file's text that writes `new` for the first `old` on the place's line from its column on.

    A text that is not as it was when the place was found stays as it is.

    >>> replacement(Place("conda.yaml", 2, 5), "a=1", "a==1")("- pip:\\n  - a=1  # old\\n")
    '- pip:\\n  - a==1  # old\\n'
    """

    def change(text: str) -> str:
        lines = text.split("\n")
        number, column = (place.line or 1) - 1, (place.column or 1) - 1
        if number < len(lines):
            before, after = lines[number][:column], lines[number][column:]
            # A place is where the value begins, and that may be a quote.
            quote = after[:1] if after[:1] in ("'", '"') else ""
            if after.startswith(quote + old) and not after.startswith(new):
                lines[number] = before + quote + new + after[len(quote + old) :]
        return "\n".join(lines)

    return change
