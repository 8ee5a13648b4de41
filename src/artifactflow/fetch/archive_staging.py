"""The folder that an archive is taken apart into, with the limits that no archive gets past."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from artifactflow.errors import IntegrityError
from artifactflow.fetch.archive_names import TakenNames, member_parts, shown

RATIO_FREE_BYTES = 10 << 20
RUNNING_RATIO_FREE_BYTES = 256 << 20
"""From here on the ratio is asked of what has been read so far: a bomb of gigabytes must not come out until its end."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may come out of an archive.

    `bytes` in all (default 10 GiB), `members` (100,000), and `ratio`: how many times larger than the archive it may
    become (200), asked only once more than 10 MiB came out, because small tables of zeros are no attack; once more than
    256 MiB came out, it is asked of what was read so far.
    """

    bytes: int = 10 << 30
    members: int = 100_000
    ratio: int = 200


class Quota:
    """Counts what comes out of one archive, whatever its headers say. Raises IntegrityError at the limit."""

    def __init__(self, limits: Limits, archive_size: int) -> None:
        self._limits = limits
        self._archive_size = archive_size
        self._bytes = 0
        self._members = 0

    def take(self, size: int, consumed: int | None = None) -> None:
        """Count `size` more bytes, which came out of the archive's first `consumed` where that is known."""
        self._bytes += size
        self.check(self._bytes)
        if consumed is not None and self._bytes > RUNNING_RATIO_FREE_BYTES:
            self._check_ratio(self._bytes, consumed)

    def check(self, size: int) -> None:
        """Refuse where `size` bytes in all would be too many."""
        if size > self._limits.bytes:
            raise IntegrityError(
                f"more than {self._limits.bytes:,} bytes come out of it", hint=_hint("--max-size", "a size")
            )
        if size > RATIO_FREE_BYTES:
            self._check_ratio(size, self._archive_size)

    def _check_ratio(self, size: int, archive_size: int) -> None:
        if size > self._limits.ratio * archive_size:
            raise IntegrityError(
                f"what comes out of it is more than {self._limits.ratio} times its own {archive_size:,} bytes",
                hint=_hint("--max-ratio", "a number"),
            )

    def take_member(self) -> None:
        """Count one more member."""
        self._members += 1
        self.check_members(self._members)

    def check_members(self, count: int) -> None:
        """Refuse where `count` members in all would be too many."""
        if count > self._limits.members:
            raise IntegrityError(
                f"it has more than {self._limits.members:,} members", hint=_hint("--max-files", "a number")
            )


def _hint(option: str, what: str) -> str:
    return f"if you trust where it comes from, allow more by {option} and {what}"


class Staging:
    """A fresh, private folder that only plain files and folders are made in, each by a checked name.

    No link is ever made in it, so no name can lead through one: one that is met is refused, or with `skip_links` left
    out and counted in `skipped`.
    """

    def __init__(self, root: Path, quota: Quota, *, skip_links: bool = False) -> None:
        self._root = root
        self._names = TakenNames()
        self._skip_links = skip_links
        self.quota = quota
        self.skipped = 0

    def add_folder(self, name: str) -> None:
        """Make a folder and those above it."""
        self.quota.take_member()
        parts = member_parts(name)
        self._names.take(parts, folder=True)
        self._make_folders(parts)

    def add_file(self, name: str, chunks: Iterable[bytes], *, executable: bool = False) -> None:
        """Write a file. Of its permissions only the executable bit is kept."""
        self.quota.take_member()
        parts = member_parts(name)
        if not parts or name.endswith("/"):
            raise IntegrityError(f"its member {shown(name)} is a file with the name of a folder")
        self._names.take(parts, folder=False)
        folder = self._make_folders(parts[:-1])
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(folder / parts[-1], flags, 0o755 if executable else 0o644), "wb") as file:
            for chunk in chunks:
                file.write(chunk)

    def meet_link(self, name: str, what: str) -> None:
        """Leave out a link, or refuse it. `what` says which kind it is."""
        if not self._skip_links:
            raise IntegrityError(
                f"its member {shown(name)} is {what}; only plain files and folders are extracted",
                hint="--skip-links leaves links out, --no-extract keeps the archive as it is",
            )
        self.quota.take_member()
        member_parts(name)
        self.skipped += 1

    def _make_folders(self, parts: tuple[str, ...]) -> Path:
        folder = self._root.joinpath(*parts)
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        return folder
