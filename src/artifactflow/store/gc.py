"""Collecting garbage: removing what nothing refers to, a little at a time, so that nobody waits for long.

What is live is found out beside the writers. Then the collector keeps them out for moments: in each it adds to the
living what the journal has had since, looks at some of the rest once more, and removes it. What was put a short while
ago and not registered yet is spared by its age.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

from artifactflow.artifact import Digest, Tree
from artifactflow.errors import IntegrityError, NotFoundError
from artifactflow.store import queries
from artifactflow.store.at_work import running_folders
from artifactflow.store.catalog_file import position_of, read_meta
from artifactflow.store.files import os_errors
from artifactflow.store.journal import Position
from artifactflow.store.leftovers import Leftovers
from artifactflow.store.locks import hold
from artifactflow.store.object_scan import digest_in_name, named_objects
from artifactflow.store.parts import Parts
from artifactflow.store.retire import Retirement, Rules, plan_retirement, retire
from artifactflow.store.transaction import Transaction

_SLICE: Final = 200
"""Versions that are retired in one transaction."""

_TURN: Final = 0.25
"""Seconds for which objects are removed while everybody waits."""

_PAUSE: Final = 0.05
"""Seconds between two turns, longer than those who wait take to look again."""

_Item = TypeVar("_Item")


@dataclass(slots=True)
class Freed:
    """What was removed, or with a dry run would have been. `size` counts bytes, of objects and leftovers.

    `spared` objects are referred to by nothing either, but too young.
    """

    dry_run: bool
    versions: list[str] = field(default_factory=list)
    objects: int = 0
    size: int = 0
    leftovers: list[str] = field(default_factory=list)
    spared: int = 0

    def to_json(self) -> dict[str, Any]:
        """The summary, for `--json`."""
        return {
            "dry_run": self.dry_run,
            "versions": self.versions,
            "objects": self.objects,
            "bytes": self.size,
            "leftovers": self.leftovers,
            "spared": self.spared,
        }


def collect(
    parts: Parts,
    transaction: Callable[[], AbstractContextManager[Transaction]],
    *,
    keep: int | None,
    older_than: float | None,
    grace: float,
    dry_run: bool,
    is_running: Callable[[str], bool],
) -> Freed:
    """Remove objects that nothing refers to and what dead processes left; with `keep` or `older_than` versions too.

    Of each artifact the newest `keep` versions stay, and those younger than `older_than` seconds; so does whatever
    an alias names, `latest` among them, what a version that stays was made from, and what a pipeline run has made or
    reads that runs now: `is_running` answers for its id. Nothing of it, and nothing that changed in the last `grace`
    seconds, is removed.
    Raises IntegrityError where a version's list of files is damaged, so that what it refers to is not known;
    OutsideError where the disk does not let us, or others are at work all the time.
    """
    freed = Freed(dry_run)
    before = time.time() - grace
    since = None if older_than is None else max(time.time() - older_than, 0.0)
    rules = Rules(keep, _utc(since), young=_utc(before))
    with os_errors("collect garbage"):
        running = list(running_folders(parts.layout.runs, is_running))
        plan = parts.catalog.read(lambda connection: plan_retirement(connection, rules, running))
        if dry_run:
            freed.versions = [version.ref for version in plan.versions]
        else:
            _retire(transaction, plan, freed)
        _sweep(parts, _Living(parts, frozenset(freed.versions)), before, freed)
        for path, size in Leftovers(parts, before, is_running).removed(dry_run=dry_run):
            freed.leftovers.append(path)
            freed.size += size
    return freed


class _Living:
    """The digests that versions refer to, kept up with the journal; `gone` versions count no more."""

    def __init__(self, parts: Parts, gone: frozenset[str]) -> None:
        self._parts = parts
        self._digests: set[bytes] = set()
        self._trees: set[Digest] = set()
        # The position first: what comes between the two questions is then looked at twice.
        self._position = parts.catalog.read(_position)
        for version in parts.catalog.read(queries.versions):
            if version.ref not in gone:
                self._add(version.ref, version.digest)

    def __contains__(self, digest: Digest) -> bool:
        return bytes.fromhex(digest.hexadecimal) in self._digests

    def catch_up(self) -> None:
        """Add what has been registered since. To be called while nobody registers anything."""
        with hold(self._parts.layout.locks / "journal"):
            for record, position in self._parts.journal.records(self._position):
                self._position = position
                for event in record.get("events", ()):
                    if "version" in event:
                        version = event["version"]
                        self._add(f"{version['name']}:v{version['version']}", Digest.parse(version["digest"]))

    def _add(self, ref: str, digest: Digest) -> None:
        if digest in self._trees:
            return
        self._trees.add(digest)
        self._digests.add(bytes.fromhex(digest.hexadecimal))
        try:
            tree = Tree.from_bytes(self._parts.blobs.read(digest))
        except (IntegrityError, NotFoundError) as error:
            raise IntegrityError(
                f"what {ref} refers to is not known, so nothing can be said to be garbage: {error}",
                hint=f"artifactflow artifacts verify says how to get it again; artifacts rm {ref} --force gives it up",
            ) from error
        self._digests.update(bytes.fromhex(entry.digest.hexadecimal) for entry in tree.entries)


def _retire(transaction: Callable[[], AbstractContextManager[Transaction]], plan: Retirement, freed: Freed) -> None:
    for versions in _slices(plan.versions):
        with transaction() as change:
            removed = retire(change, versions, plan)
        freed.versions += [version.ref for version in removed]


def _sweep(parts: Parts, living: _Living, before: float, freed: Freed) -> None:
    """Remove the objects that are not among the living and were last touched `before`."""
    candidates = []
    for path in named_objects(parts.blobs.folder):
        digest = digest_in_name(path)
        if digest is not None and digest not in living:
            found = _seen(Path(path))
            if found is None:
                continue
            if found.st_ctime >= before:
                freed.spared += 1
            elif freed.dry_run:
                freed.objects += 1
                freed.size += found.st_size
            else:
                candidates.append(digest)
    candidates.reverse()
    while candidates:
        with parts.turnstile.collecting():
            living.catch_up()
            until = time.monotonic() + _TURN
            while candidates and time.monotonic() < until:
                digest = candidates.pop()
                object_path = parts.blobs.path(digest)
                found = _seen(object_path)
                if found is None or digest in living or found.st_ctime >= before:
                    continue  # another collector was faster, or it has been put again since
                object_path.unlink()
                freed.objects += 1
                freed.size += found.st_size
        time.sleep(_PAUSE)


def _seen(path: Path) -> os.stat_result | None:
    """What the disk says of an object; None where another collector, or a repair, has taken it away meanwhile."""
    try:
        return path.lstat()
    except FileNotFoundError:
        return None


def _slices(items: Sequence[_Item]) -> Iterator[list[_Item]]:
    """A few at a time, with a pause in which others get their turn."""
    remaining = iter(items)
    first = True
    while part := list(islice(remaining, _SLICE)):
        if not first:
            time.sleep(_PAUSE)
        first = False
        yield part


def _position(connection: sqlite3.Connection) -> Position:
    return position_of(read_meta(connection)) or Position()


def _utc(moment: float | None) -> str | None:
    """A time as versions carry it."""
    if moment is None:
        return None
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
