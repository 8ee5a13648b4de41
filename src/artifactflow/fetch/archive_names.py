"""Which names an archive's members may have, so that every one lands inside the target, once, on every system."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from artifactflow.errors import IntegrityError

MAX_PART_BYTES: Final = 255
MAX_NAME_BYTES: Final = 1024
MAX_DEPTH: Final = 100

_drive = re.compile(r"[A-Za-z]:")
_reserved = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\..*)?\Z", re.IGNORECASE)
# Control characters, lone surrogates, line and paragraph separators: what can forge a line in a listing or a log.
_unsafe_categories = frozenset({"Cc", "Cs", "Zl", "Zp"})


def member_parts(name: str) -> tuple[str, ...]:
    """The parts of a member's name, without `.` and empty ones; none for the archive's own root folder.

    >>> member_parts("./data/2024/a.csv")
    ('data', '2024', 'a.csv')

    Raises IntegrityError where the name is absolute, has a `..`, a backslash, a drive or a control character, is
    reserved on Windows (`NUL`, `com1.txt`) or ends in a dot or space, which Windows drops, is too long, or too deep.
    """
    problem = _problem(name)
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if problem is None and len(parts) > MAX_DEPTH:
        problem = f"lies deeper than {MAX_DEPTH} folders"
    for part in parts if problem is None else ():
        problem = problem or _part_problem(part)
    if problem:
        raise IntegrityError(f"the name of its member {shown(name)} {problem}")
    return parts


def _problem(name: str) -> str | None:
    if not name:
        return "is empty"
    if any(unicodedata.category(character) in _unsafe_categories for character in name):
        return "has a control character"
    if name.startswith("/"):
        return "is absolute"
    if "\\" in name:
        return "has a backslash"
    if _drive.match(name):
        return "begins with a drive"
    if len(name.encode()) > MAX_NAME_BYTES:
        return f"is longer than {MAX_NAME_BYTES} bytes"
    return None


def _part_problem(part: str) -> str | None:
    if part == "..":
        return "leads out of the folder by '..'"
    if len(part.encode()) > MAX_PART_BYTES:
        return f"has a part longer than {MAX_PART_BYTES} bytes"
    if _reserved.match(part):
        return f"is reserved on Windows ({part})"
    if part.endswith((".", " ")):
        return "ends in a dot or a space"
    return None


class TakenNames:
    """The names given out so far: no file twice, and no two names that some file system takes for one."""

    def __init__(self) -> None:
        self._spelling: dict[tuple[str, ...], str] = {}
        self._files: set[tuple[str, ...]] = set()
        self._folders: set[tuple[str, ...]] = set()

    def take(self, parts: tuple[str, ...], *, folder: bool) -> None:
        """Claim a name and the folders above it. Raises IntegrityError for a duplicate or a collision.

        A folder may come twice, listed or implied by what lies in it: it is the same folder.
        """
        key: tuple[str, ...] = ()
        for depth, part in enumerate(parts, start=1):
            key = (*key, _folded(part))
            known = self._spelling.setdefault(key, part)
            if known != part:
                other = "/".join((*parts[: depth - 1], known))
                raise IntegrityError(
                    f"its members {shown(other)} and {shown('/'.join(parts[:depth]))} differ only in case or in the "
                    "form of their letters, and are one file on some systems"
                )
            if key in self._files:
                twice = not folder and depth == len(parts)
                raise IntegrityError(
                    f"its member {shown('/'.join(parts[:depth]))} is "
                    + ("in it twice" if twice else "both a file and a folder")
                )
        if not folder:
            if key in self._folders:
                raise IntegrityError(f"its member {shown('/'.join(parts))} is both a file and a folder")
            self._files.add(key)
            key = key[:-1]
        while key and key not in self._folders:
            self._folders.add(key)
            key = key[:-1]


def shown(name: str) -> str:
    """A member's name as it can stand in a message: escaped, and no longer than a line."""
    return repr(name if len(name) <= 100 else f"{name[:97]}…")


def _folded(part: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", part).casefold())
