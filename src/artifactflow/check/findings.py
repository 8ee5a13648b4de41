"""What `check` says: rules, which have stable codes, and findings, which are a rule met at a place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from artifactflow.errors import Place


class Severity(StrEnum):
    """How much a finding matters. An error breaks a run or falsifies its result; a warning may; an info is a hint."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Fix:
    """A safe mend of one file: it changes what the finding names and nothing else.

    `change` maps the file's text to the mended text; `rename` gives the file another name in its folder.
    """

    file: Path
    summary: str
    change: Callable[[str], str] | None = None
    rename: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule met at a place: what is wrong, what was expected and got, and what mends it.

    `length` is how many characters of the line are meant, for the caret below it; `masked` says that they are a secret,
    which is not shown.
    """

    rule: Rule
    place: Place
    message: str
    hint: str = ""
    length: int = 1
    fix: Fix | None = None
    masked: bool = False

    @property
    def code(self) -> str:
        """The rule's code."""
        return self.rule.code

    @property
    def sort_key(self) -> tuple[str, int, int, str]:
        """By file, line and column."""
        return (self.place.file, self.place.line or 0, self.place.column or 0, self.code)

    def to_json(self) -> dict[str, Any]:
        """The finding for machines."""
        return {
            "code": self.code,
            "name": self.rule.name,
            "severity": self.rule.severity.value,
            "file": self.place.file,
            "line": self.place.line,
            "column": self.place.column,
            "message": self.message,
            "hint": self.hint,
            "fixable": self.fix is not None,
        }


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that can be wrong.

    `explanation` is what `check --explain CODE` prints: why it matters, a wrong example and a right one. `name` is the
    rule in words with dashes; both it and the code may be selected, ignored and suppressed.
    """

    code: str
    name: str
    severity: Severity
    summary: str
    explanation: str = field(default="", compare=False)

    def at(
        self,
        place: Place,
        message: str,
        *,
        hint: str = "",
        length: int = 1,
        fix: Fix | None = None,
        masked: bool = False,
    ) -> Finding:
        """The finding of this rule at a place."""
        return Finding(self, place, message, hint, length, fix, masked)
