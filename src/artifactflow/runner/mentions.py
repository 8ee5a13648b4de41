"""Looks for a word in all Python files of a component, where it is not known which of them will run."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_UNREAD: Final = frozenset({"__pycache__", "mlruns", "node_modules", "wandb"})
_MARKS_AN_ENVIRONMENT: Final = "pyvenv.cfg"


def is_mentioned(word: str, folder: Path) -> bool:
    """Whether a Python file below the folder holds the word.

    Links, hidden folders and virtual environments are left out: what lies there is not the component's.
    """
    waiting = [folder]
    while waiting:
        try:
            entries = list(waiting.pop().iterdir())
        except OSError:
            continue
        if any(entry.name == _MARKS_AN_ENVIRONMENT for entry in entries):
            continue
        for entry in entries:
            if entry.is_symlink() or entry.name in _UNREAD or entry.name.startswith("."):
                continue
            if entry.is_dir():
                waiting.append(entry)
            elif entry.suffix == ".py" and word_is_in(word, entry):
                return True
    return False


def word_is_in(word: str, file: Path) -> bool:
    """Whether the file holds the word; not where it cannot be read."""
    try:
        return word.encode() in file.read_bytes()
    except OSError:
        return False
