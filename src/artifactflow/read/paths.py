"""What is asked of paths that somebody wrote: a name that no file can have is that of a file that does not exist."""

from __future__ import annotations

from pathlib import Path


def exists(path: Path) -> bool:
    """Whether there is something at `path`; False too for a name longer than any file's, or in a closed folder.

    >>> exists(Path("x" * 5000)), exists(Path("."))
    (False, True)
    """
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def is_file(path: Path) -> bool:
    """Whether there is a file at `path`, in the same way."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether there is a folder at `path`, in the same way."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
