"""Keeps what others have written from commanding a terminal.

Names, logs, values and messages of servers can hold control sequences, which move the cursor, rewrite what stands above
or retitle the window. What our commands print on a terminal passes here: colours stay, every other control character
is written out. Into files and pipes goes what was written.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import Any, TextIO

_unwanted = re.compile(
    r"(\x1b\[[0-9;]*m)"  # a colour
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)


def plain(text: str, *, colours: bool = False) -> str:
    r"""A text in which no control character is left but line ends and tabs; they are written out.

    >>> plain("made \x1b]0;evil\x07v1")
    'made \\x1b]0;evil\\x07v1'

    With `colours` those stay. Characters that turn the direction of writing are written out as well.
    """
    return _unwanted.sub(lambda match: match[0] if match[1] and colours else ascii(match[0])[1:-1], text)


class SafeTerminal:
    """A text stream in front of a terminal. Rich writes past it, and is given plain texts."""

    def __init__(self, terminal: TextIO) -> None:
        self.rich_proxied_file = terminal  # the name under which Rich looks for the stream behind one

    def write(self, text: str) -> int:
        """Write the text, made harmless."""
        self.rich_proxied_file.write(plain(text, colours=True))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)


def guard_terminals() -> None:
    """Put a `SafeTerminal` in front of standard output and error, where they are terminals."""
    if sys.stdout.isatty():
        sys.stdout = SafeTerminal(sys.stdout)
    if sys.stderr.isatty():
        sys.stderr = SafeTerminal(sys.stderr)
