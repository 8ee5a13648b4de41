"""The code of scripts that run again and again, compiled once."""

# What this file imports, every script would find imported: so no pathlib here.
# ruff: noqa: PTH116, PTH118

from __future__ import annotations

import contextlib
import os
import warnings

TYPE_CHECKING = False  # what type checkers know without typing being imported
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import CodeType
    from typing import Any

MOST_CODES = 256


class Codes:
    """Compiles the scripts that are asked for, by `compiled`, and those that have changed again."""

    def __init__(self, compiled: Callable[[str], CodeType]) -> None:
        self.compiled = compiled
        self._known: dict[tuple[str, int, int, int, int], CodeType] = {}

    def of(self, request: Mapping[str, Any]) -> CodeType | None:
        """The code of a request's script; None where that fails, so that the child fails as a fresh process does."""
        if request["script"] is None:
            return None
        file = os.path.join(request["cwd"], request["script"])
        with contextlib.suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("error")  # the child's to show
            stat = os.stat(file)
            key = (file, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size)
            if key not in self._known:
                if len(self._known) >= MOST_CODES:
                    self._known.clear()
                self._known[key] = self.compiled(file)
            return self._known[key]
        return None
