"""Everything that artifactflow raises on purpose.

The tree; the number is the exit code of the command line::

    ArtifactflowError
    ├── UsageError             2    an option or parameter that cannot be right; files in the way
    ├── ContractError          3    a manifest, a contract or a pipeline file is wrong
    ├── NotFoundError          4    an artifact, a step, a column that is not there
    ├── IntegrityError         5    a digest, a store, an archive that cannot be trusted
    ├── StepFailedError        6    a step ran and failed
    ├── MissingToolError       7    something that must be installed or started first
    ├── FindingsError          8    `check` has findings, or a plan would run
    ├── OutsideError           9    network, server, disk, permission, a lock held by another
    └── InterruptedRunError  130    stopped by the user

Code 1 is left to bugs. Each error says what happened, what was expected and got, and where; its hint is the
command or the edit that mends it. Errors are raised where the cause is known and printed in one place, `cli/app.py`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Self


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where in a file something stands: line and column count from 1; either may be unknown.

    >>> str(Place("pipeline.yaml", 7, 3))
    'pipeline.yaml:7:3'
    """

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


class ArtifactflowError(Exception):
    """The root. `message` says what happened, `place` where, `hint` what to do next."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None, place: Place | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.place = place

    def __str__(self) -> str:
        return f"{self.message} ({self.place})" if self.place else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception's own recipe forgets keyword arguments, and an error that cannot be unpickled hangs a process pool.
        return (_rebuild, (type(self), self.message, self.hint, self.place))

    def render(self) -> str:
        """What the command line prints: the error, and the hint on a line of its own."""
        return f"error: {self}" + (f"\nhint: {self.hint}" if self.hint else "")

    def at(self, place: Place) -> Self:
        """The same error with a place, where it has none yet."""
        if self.place is None:
            self.place = place
        return self


def _rebuild(kind: type[ArtifactflowError], message: str, hint: str | None, place: Place | None) -> ArtifactflowError:
    return kind(message, hint=hint, place=place)


class UsageError(ArtifactflowError):
    """An unknown or ill-typed option or parameter, a value out of range, files that stand in the way."""

    exit_code = 2


class ContractError(ArtifactflowError):
    """A manifest, a step function's signature or a pipeline file that cannot be read as a contract."""

    exit_code = 3


class NotFoundError(ArtifactflowError):
    """An artifact, version, run, step or column that does not exist."""

    exit_code = 4


class IntegrityError(ArtifactflowError):
    """Bytes that are not what they should be: a digest, a store's format, a refused archive."""

    exit_code = 5


class StepFailedError(ArtifactflowError):
    """A step of a pipeline ran and did not do what its contract says."""

    exit_code = 6


class MissingToolError(ArtifactflowError):
    """A package or program that has to be installed, or a service that has to be started."""

    exit_code = 7


class FindingsError(ArtifactflowError):
    """Not a failure of ours: there is something to report, and the exit code has to say so."""

    exit_code = 8


class OutsideError(ArtifactflowError):
    """The world outside: a network, a server, a full disk, a permission, a lock that another process holds."""

    exit_code = 9


class InterruptedRunError(ArtifactflowError):
    """The user stopped the run (Ctrl-C, SIGTERM)."""

    exit_code = 130


def near_matches(name: str, known: Iterable[str]) -> str | None:
    """A hint naming what may have been meant, or None where nothing is near.

    >>> near_matches("max_itr", ["max_iter", "test_size"])
    'did you mean max_iter?'

    What goes on where `name` ends comes before what looks like it:

    >>> near_matches("run", ["runs", "rung", "run-pipeline"])
    'did you mean runs or rung or run-pipeline?'
    >>> near_matches("--param", ["--parameter", "--keep-warm"])
    'did you mean --parameter?'
    """
    names = list(known)
    longer = [one for one in names if one.startswith(name)] if len(name) > 2 else []
    found = longer[:3] or difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    return f"did you mean {' or '.join(found)}?" if found else None
