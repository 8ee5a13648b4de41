"""Puts a finished text into a file: whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from artifactflow.errors import OutsideError, UsageError


def write_text(file: Path, text: str) -> None:
    """Write `text` to `file` in place of what stood there.

    Raises UsageError for what is there and no file: to put a file in the place of a device, or of a link to one such
    as `/dev/stdout`, would take it away from everybody. Raises OutsideError where it cannot be written.
    """
    if file.exists() and not file.is_file():
        kind = "a folder" if file.is_dir() else "no ordinary file"
        raise UsageError(f"cannot write {file}: it is {kind}", hint="name a file: --output FILE")
    aside = file.with_name(f".{file.name}.{os.urandom(4).hex()}.partial")
    try:
        aside.write_text(text, encoding="utf-8", errors="replace")
        aside.replace(file)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise OutsideError(
            f"cannot write {file}: {error.strerror or error}", hint="name another file: --output FILE"
        ) from error
