"""What is stored, as values: digests, the tree of a version's files, versions and the ways to name them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final, Self

from artifactflow.errors import IntegrityError, UsageError

LATEST: Final = "latest"
URI_PREFIX: Final = "artifactflow:/"

_name_pattern = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z")
_version_pattern = re.compile(r"v(0|[1-9][0-9]{0,17})\Z")
_hex_pattern = re.compile(r"[0-9a-f]{64}\Z")
_entry_key = attrgetter("path", "digest", "size", "executable")
_encode = json.JSONEncoder(separators=(",", ":")).encode
_quote = json.encoder.encode_basestring_ascii


def check_name(name: str, what: str = "artifact name") -> str:
    """`name`, where it may name an artifact, an artifact's type, an alias, a step or a pipeline.

    Letters, digits, `_`, `-` and `.`, not beginning with `-` or `.`, 128 characters at the most: what W&B and MLflow
    take too, and what is a harmless file name everywhere. Raises UsageError for any other.
    """
    if not _name_pattern.match(name):
        raise UsageError(
            f"{name!r} cannot be an {what}" if what[0] in "aeiou" else f"{name!r} cannot be a {what}",
            hint="use letters, digits, '_', '-' and '.', beginning with a letter, a digit or '_', at most 128 of them",
        )
    return name


def check_alias(alias: str) -> str:
    """`alias`, where it may name a version. `v3` may not: it is what the version's number looks like."""
    check_name(alias, "alias")
    if _version_pattern.match(alias):
        raise UsageError(f"{alias!r} cannot be an alias: it reads as a version number")
    return alias


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """The SHA-256 of some bytes, as 64 hexadecimal digits.

    >>> str(Digest.of(b""))[:19]
    'sha256:e3b0c44298fc'
    """

    hexadecimal: str

    def __post_init__(self) -> None:
        if not _hex_pattern.match(self.hexadecimal):
            raise IntegrityError(f"{self.hexadecimal!r} is not a SHA-256 digest of 64 hexadecimal digits")

    def __str__(self) -> str:
        return f"sha256:{self.hexadecimal}"

    @property
    def short(self) -> str:
        """The first twelve digits, for people."""
        return self.hexadecimal[:12]

    @classmethod
    def of(cls, content: bytes) -> Self:
        """The digest of bytes that are in memory."""
        return cls(hashlib.sha256(content).hexdigest())

    @classmethod
    def parse(cls, text: str) -> Self:
        """The digest written as `sha256:…` or as bare digits, in any case. Raises IntegrityError for anything else."""
        return cls(text.strip().lower().removeprefix("sha256:"))


@dataclass(frozen=True, slots=True, order=True)
class TreeEntry:
    """One file of a version. `path` is relative, with `/` between its parts; `size` counts bytes."""

    path: str
    digest: Digest
    size: int
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Tree:
    """The files of a version, sorted by path.

    `folder` says whether they make up a folder or are one file; one file in a folder is not the same as a file.
    """

    entries: tuple[TreeEntry, ...]
    folder: bool
    _digest: Digest | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # In the order of the entries themselves, without a comparison in Python for each pair.
        object.__setattr__(self, "entries", tuple(sorted(self.entries, key=_entry_key)))
        if not self.folder and (len(self.entries) != 1 or "/" in self.entries[0].path):
            raise IntegrityError(f"a tree of {len(self.entries)} files cannot stand for a single file")

    @property
    def size(self) -> int:
        """The bytes of all files together."""
        return sum(entry.size for entry in self.entries)

    @property
    def digest(self) -> Digest:
        """The digest of `to_bytes()`: equal for equal names, bytes and executable bits, whatever the dates."""
        digest = self._digest
        if digest is None:
            # Who puts and registers a tree asks more than once, and 100,000 files take a tenth of a second.
            digest = Digest.of(self.to_bytes())
            object.__setattr__(self, "_digest", digest)
        return digest

    def to_bytes(self) -> bytes:
        """The canonical text, as it is stored: one JSON line for the kind, then one a file."""
        # Only a path has to be quoted, and one call of the encoder for each of 100,000 lines costs more than the rest.
        lines = [
            f'[{_quote(entry.path)},"{entry.digest.hexadecimal}",{entry.size},{int(entry.executable)}]\n'
            for entry in self.entries
        ]
        return "".join([_encode({"tree": 1, "folder": self.folder}), "\n", *lines]).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """The tree that `to_bytes` wrote. Raises IntegrityError where it is anything else."""
        try:
            header, *rows = [json.loads(line) for line in content.decode().splitlines()]
            entries = tuple(
                TreeEntry(path, Digest(hexadecimal), size, bool(executable))
                for path, hexadecimal, size, executable in rows
            )
            return cls(entries, folder=header["folder"])
        except (ValueError, KeyError, TypeError) as error:
            raise IntegrityError(f"the list of an artifact's files cannot be read: {error}") from error


@dataclass(frozen=True, slots=True)
class ArtifactRef:
    """A way to name a version: `housing:v3` by its number, `housing:champion` by an alias, `housing` for the latest.

    >>> str(ArtifactRef.parse("housing"))
    'housing:latest'
    >>> ArtifactRef.parse("artifactflow:/housing/v3").number
    3
    """

    name: str
    selector: str = LATEST

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `name`, `name:v3`, `name:alias` or `artifactflow:/name/alias`. Raises UsageError for anything else."""
        if text.startswith(URI_PREFIX):
            name, _, selector = text.removeprefix(URI_PREFIX).strip("/").partition("/")
        else:
            name, _, selector = text.partition(":")
        check_name(name)
        selector = selector or LATEST
        if not _version_pattern.match(selector):
            check_name(selector, "alias")
        return cls(name, selector)

    @property
    def number(self) -> int | None:
        """The version's number, or None where it is named by an alias."""
        return int(self.selector[1:]) if _version_pattern.match(self.selector) else None

    def __str__(self) -> str:
        return f"{self.name}:{self.selector}"


@dataclass(frozen=True, slots=True)
class Version:
    """One immutable version of an artifact: what it is called, what it holds and which run made it.

    `number` counts from 1 within the name and is never used again. `digest` is the digest of the version's `Tree`;
    `created` is a UTC time in ISO 8601; `run_id` is None for what a person put in by hand.
    """

    name: str
    number: int
    type: str
    digest: Digest
    size: int
    files: int
    description: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    created: str = ""
    run_id: str | None = None

    @property
    def ref(self) -> str:
        """How it is written: `housing:v3`."""
        return f"{self.name}:v{self.number}"

    def to_json(self) -> dict[str, Any]:
        """The record of it, for the journal and for `--json`."""
        return {
            "name": self.name,
            "version": self.number,
            "type": self.type,
            "description": self.description,
            "digest": str(self.digest),
            "size": self.size,
            "files": self.files,
            "metadata": dict(self.metadata),
            "created": self.created,
            "run": self.run_id,
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """The version that `to_json` wrote."""
        return cls(
            name=record["name"],
            number=record["version"],
            type=record["type"],
            digest=Digest.parse(record["digest"]),
            size=record["size"],
            files=record["files"],
            description=record["description"],
            metadata=record["metadata"],
            created=record["created"],
            run_id=record["run"],
        )
