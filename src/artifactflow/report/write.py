"""Puts a finished text into a file: whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from artifactflow.errors import OutsideError


def write_text(file: Path, text: str) -> None:
    """Write `text` to `file` in place of what stood there. Raises OutsideError where it cannot be written."""
    aside = file.with_name(f".{file.name}.{os.urandom(4).hex()}.partial")
    try:
        aside.write_text(text, encoding="utf-8", errors="replace")
        aside.replace(file)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise OutsideError(
            f"cannot write {file}: {error.strerror or error}", hint="name another file: --output FILE"
        ) from error
