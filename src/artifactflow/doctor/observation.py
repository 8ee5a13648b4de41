"""What the doctor says of one thing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Mark(StrEnum):
    """How it stands: as it should be, worth knowing, or broken."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Observation:
    """One line: the subject, how it stands, what was found, and how to mend it where that is called for."""

    subject: str
    mark: Mark
    text: str
    mend: str = ""

    def to_json(self) -> dict[str, Any]:
        """The row of it, for `--json`."""
        return {"subject": self.subject, "mark": self.mark.value, "text": self.text, "mend": self.mend}


def ok(subject: str, text: str) -> Observation:
    """All is well."""
    return Observation(subject, Mark.OK, text)


def warn(subject: str, text: str, mend: str = "") -> Observation:
    """It works, but not as well as it could, or not for long."""
    return Observation(subject, Mark.WARN, text, mend)


def fail(subject: str, text: str, mend: str) -> Observation:
    """Something does not work."""
    return Observation(subject, Mark.FAIL, text, mend)
