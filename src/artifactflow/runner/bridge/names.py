"""W&B's names for artifacts, and the store's."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from artifactflow.artifact import LATEST, ArtifactRef

LONGEST: Final = 128
ALL_VERSIONS: Final = "*"
"""The selector by which a listing of an artifact's versions is recorded: `sample.csv:*`."""

_refused = re.compile(r"[^A-Za-z0-9_.-]")


def local_name(text: str) -> str:
    """What the store calls a name, type or alias of W&B's, which may hold blanks and begin with any character.

    >>> local_name("raw data"), local_name(".hidden"), local_name("sample.csv")
    ('raw_data', '_.hidden', 'sample.csv')
    """
    name = _refused.sub("_", text)
    if not name or name[0] in "-.":
        name = f"_{name}"
    if len(name) > LONGEST:
        name = f"{name[: LONGEST - 9]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return name


def parse_reference(text: str) -> ArtifactRef:
    """The version that `name`, `name:alias`, `project/name:v2` or `entity/project/name:alias` stands for.

    A store has no entities and projects. Its own numbers count: `name:v3` is what `artifactflow artifacts ls` calls
    `name:v3`, and the first is `v1`.

    >>> str(parse_reference("me/housing/sample.csv:latest"))
    'sample.csv:latest'
    """
    name, _, selector = text.rpartition("/")[2].partition(":")
    return ArtifactRef(local_name(name), local_name(selector) if selector else LATEST)
