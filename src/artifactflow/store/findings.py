"""What verifying a store finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

PUT_ASIDE: Final = "artifactflow artifacts verify --repair puts it aside"
"""How the mend of a damaged object begins, before a repair."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it was written.

    `kind` is object, journal or catalog; `versions` are those that it hits, written `name:v3`; `mend` says what to do;
    `quarantined` where a repair has put it. `stamp` tells the file that was seen from one that came in its place since.
    """

    kind: str
    path: str
    what: str
    expected: str
    got: str
    versions: tuple[str, ...] = ()
    mend: str = ""
    quarantined: str = ""
    stamp: tuple[int, int, int] | None = field(default=None, repr=False)

    def to_json(self) -> dict[str, Any]:
        """The fault, for `--json`."""
        return {
            "kind": self.kind,
            "path": self.path,
            "what": self.what,
            "expected": self.expected,
            "got": self.got,
            "versions": list(self.versions),
            "mend": self.mend,
            "quarantined": self.quarantined or None,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What was read, what is wrong, and what is worth knowing though nothing is wrong with it. `size` counts bytes."""

    objects: int
    size: int
    versions: int
    records: int
    faults: Sequence[Fault]
    notes: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """The report, for `--json`."""
        return {
            "objects": self.objects,
            "bytes": self.size,
            "versions": self.versions,
            "records": self.records,
            "faults": [fault.to_json() for fault in self.faults],
            "notes": list(self.notes),
        }
