"""The text of a file that somebody else wrote: no larger than such files are, and UTF-8."""

from __future__ import annotations

import codecs
from pathlib import Path

from artifactflow.errors import ContractError, NotFoundError, OutsideError, Place


def read_bounded_text(path: Path, most_bytes: int, kind: str, *, utf_16: bool = False) -> str:
    """The text of a file without its byte order mark. `kind` says in messages what it should be: "script".

    With `utf_16` a byte order mark of UTF-16 is obeyed. Raises NotFoundError, OutsideError where the file cannot be
    read, and ContractError where it has more than `most_bytes` or is no text.
    """
    try:
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError(f"there is no file {path}") from None
    except OSError as error:
        raise OutsideError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > most_bytes:
        raise ContractError(f"the file is larger than {most_bytes} bytes, which no {kind} is", place=Place(str(path)))
    marked = utf_16 and content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = None if marked else content.count(b"\n", 0, error.start) + 1
        raise ContractError(
            f"byte {error.start} is not UTF-8", hint="save the file as UTF-8", place=Place(str(path), line)
        ) from None
