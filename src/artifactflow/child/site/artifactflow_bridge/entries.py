"""The entries of a stored artifact's manifest, and its files, as W&B's classes show them."""

# What is imported here, every step with wandb finds imported: so no pathlib.
# ruff: noqa: PTH118, PTH123, PTH202

from __future__ import annotations

import base64
import functools
import hashlib
import os
from typing import Any
from urllib.request import pathname2url

from . import staging


class LocalFile:
    """A file of an artifact, as `artifact.files()` lists them."""

    def __init__(self, name: str, place: str) -> None:
        self.name = name
        self.place = place
        self.size = os.path.getsize(place)
        self.url = self.direct_url = f"file://{place}"

    def download(self, root: str = ".", *args: Any, **kwargs: Any) -> Any:
        """Copy it below `root` and open it."""
        return open(staging.copy(self.place, os.path.join(root, self.name)), encoding="utf-8", errors="replace")


class EntryMethods:
    """What an entry of a local artifact does in place of W&B's class."""

    def download(self, root: Any = None, *args: Any, **kwargs: Any) -> str:
        """Where the file is, see `LocalMethods._fetched`."""
        entry: Any = self
        return str(entry._parent_artifact._fetched(str(entry.path), root))

    def parent_artifact(self) -> Any:
        """The artifact that it belongs to."""
        entry: Any = self
        return entry._parent_artifact

    def ref_url(self) -> str:
        """How other artifacts refer to the file: they take it in when they are logged."""
        entry: Any = self
        return str(entry.ref or f"file://{pathname2url(entry._parent_artifact._fetched(str(entry.path), None))}")

    def _download_reference(self, root: Any) -> Any:
        return super().download(root)  # type: ignore[misc] # the class after this one has it


@functools.lru_cache(maxsize=None)  # noqa: UP033
def _entry_class() -> Any:
    try:
        from wandb.sdk.artifacts.artifact_manifest_entry import (  # type: ignore[import-not-found,unused-ignore]
            ArtifactManifestEntry,
        )
    except ImportError:  # before 0.15.5
        from wandb.sdk.wandb_artifacts import (  # type: ignore[import-not-found,unused-ignore]
            ArtifactManifestEntry,
        )

    class LocalEntry(EntryMethods, ArtifactManifestEntry):  # type: ignore[misc]
        pass

    return ArtifactManifestEntry, LocalEntry


def local_entry(path: str, handed: dict[str, Any], artifact: Any) -> Any:
    """The entry of a file or reference of an artifact."""
    _, local = _entry_class()
    reference = handed["references"].get(path)
    if reference is None:
        place = handed["files"][path]
        entry = local(path=path, digest=_md5(place), size=os.path.getsize(place))
    else:
        entry = local(path=path, **reference)
    entry._parent_artifact = artifact
    return entry


def fill_manifest(manifest: Any, handed: dict[str, Any], artifact: Any = None) -> None:
    """Enter the files of a stored version into a W&B manifest.

    With `artifact` they are what its files are downloaded by; without, what W&B uploads one day: `objects`, which stay.
    """
    plain, _ = _entry_class()
    for path, place in handed["files"].items():
        if artifact is not None:
            manifest.add_entry(artifact.get_entry(path))
        else:
            stored = handed["objects"][path]
            manifest.add_entry(plain(path=path, digest=_md5(place), size=os.path.getsize(place), local_path=stored))
    for path, reference in handed["references"].items():
        manifest.add_entry(artifact.get_entry(path) if artifact is not None else plain(path=path, **reference))


def _md5(place: str) -> str:
    """The digest by which W&B knows a file."""
    digest = hashlib.md5()  # noqa: S324 - not for security
    with open(place, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return base64.b64encode(digest.digest()).decode()
