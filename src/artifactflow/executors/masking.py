"""Masks known secrets in what a step prints, wherever the pieces in which it arrives are cut."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

MASK: Final = b"***"

SHORTEST: Final = 4
"""Characters of the shortest text that is masked: a shorter one stands in half of all lines by chance."""

SHORTEST_LINE: Final = 12
"""Characters of the shortest line of a secret of several lines that is masked on its own."""


class Masking:
    """Takes what is printed piece by piece. What may be the beginning of a secret is held back until more is known."""

    def __init__(self, secrets: Iterable[str]) -> None:
        texts = [text for text in secrets if len(text) >= SHORTEST]
        texts += [line for text in texts if "\n" in text for line in text.splitlines() if len(line) >= SHORTEST_LINE]
        self._secrets = sorted({_encoded(text) for text in texts}, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, self._secrets))) if self._secrets else None
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """What of it, and of what was held back, can be shown by now."""
        if self._pattern is None:
            return chunk
        text = self._held + chunk
        held = self._held_from(text, 0)
        shown = []
        position = 0
        while (match := self._pattern.search(text, position)) and match.start() < held:
            shown += [text[position : match.start()], MASK]
            position = match.end()
            if position > held:
                held = self._held_from(text, position)
        shown.append(text[position:held])
        self._held = text[held:]
        return b"".join(shown)

    def finish(self) -> bytes:
        """What was held back, when nothing follows."""
        held, self._held = self._held, b""
        return held if self._pattern is None else self._pattern.sub(MASK, held)

    def feed_text(self, text: str) -> str:
        """As `feed`, for text."""
        return text if self._pattern is None else _decoded(self.feed(_encoded(text)))

    def finish_text(self) -> str:
        """As `finish`, for text."""
        return _decoded(self.finish())

    def whole(self, text: str) -> str:
        """A text of which nothing is to come, masked."""
        return text if self._pattern is None else _decoded(self._pattern.sub(MASK, _encoded(text)))

    def _held_from(self, text: bytes, start: int) -> int:
        """Where the first secret may begin that is not complete yet; the end of the text where none may."""
        longest = len(self._secrets[0])
        for position in range(max(start, len(text) - longest + 1), len(text)):
            rest = text[position:]
            if any(len(secret) > len(rest) and secret.startswith(rest) for secret in self._secrets):
                return position
        return len(text)


def _encoded(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _decoded(text: bytes) -> str:
    return text.decode(errors="surrogatepass")
