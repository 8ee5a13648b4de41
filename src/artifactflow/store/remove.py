"""Removing versions that somebody names: refused while something needs them, unless it is forced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Final

from artifactflow.artifact import ArtifactRef, Version
from artifactflow.errors import UsageError
from artifactflow.store import queries
from artifactflow.store.parts import Parts
from artifactflow.store.transaction import Transaction

REASON: Final = "artifacts rm"


def remove_versions(
    parts: Parts,
    transaction: Callable[[], AbstractContextManager[Transaction]],
    ref: ArtifactRef,
    *,
    everything: bool,
    force: bool,
) -> list[Version]:
    """Remove the version that `ref` names, or with `everything` all versions of its name; all of them or none.

    Numbers are not used again, and the bytes stay until the garbage is collected. Raises NotFoundError where there is
    none, UsageError where an alias names it or a version was made from it, unless `force` is given.
    """
    first = parts.catalog.read(lambda connection: queries.version(connection, ref))
    with transaction() as change:
        numbers: Sequence[int] = [first.number]
        if everything:
            numbers = [version.number for version in change.versions(ref.name)]
        if not force:
            removed = {f"{ref.name}:v{number}" for number in numbers}
            for number in numbers:
                _refuse_needed(
                    f"{ref.name}:v{number}", [by for by in change.needed_by(ref.name, number) if by not in removed]
                )
        return [change.remove(ref.name, number, reason=REASON) for number in numbers]


def _refuse_needed(ref: str, needed_by: Sequence[str]) -> None:
    if needed_by:
        shown = ", ".join(needed_by[:3]) + (", …" if len(needed_by) > 3 else "")
        raise UsageError(
            f"{ref} is needed by {shown}",
            hint="move the alias or remove what was made from it first, or remove it all the same with --force",
        )
