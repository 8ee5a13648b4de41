"""Artifacts of the local store as objects of W&B's own class."""

# What is imported here, every step with wandb finds imported: so no pathlib. The methods are W&B's, documented there.
# ruff: noqa: D102, PTH100, PTH118, PTH123

from __future__ import annotations

import base64
import functools
import json
import os
from typing import Any

from . import staging
from .asking import ask, failure
from .entries import LocalFile, fill_manifest, local_entry

OWNER = "artifactflow"
"""The entity and project of an artifact where the run has none."""


def stored_artifact(record: dict[str, Any], run: Any = None) -> Any:
    """The stored version that `record` tells of, as an artifact that was logged and can be downloaded."""
    import wandb  # type: ignore[import-not-found,unused-ignore]

    artifact = wandb.Artifact("placeholder", type="placeholder")
    artifact._final = True
    return adopt(artifact, {**record, "is_saved": True, "is_filled": False}, run)


def adopt(artifact: Any, record: dict[str, Any], run: Any = None) -> Any:
    """Make an artifact answer from the store: its class becomes a subclass of what it was."""
    if not isinstance(artifact, LocalMethods):
        kind: Any = type(artifact)
        artifact.__class__ = _local_class(kind)
    entity, project = (getattr(run, name, None) or OWNER for name in ("entity", "project"))
    artifact._local = {"entity": entity, "project": project, "is_filled": True, **record}
    return artifact


@functools.lru_cache(maxsize=None)  # noqa: UP033 - cache came with Python 3.9
def _local_class(base: Any) -> Any:
    local = type(base.__name__, (LocalMethods, base), {"__module__": base.__module__, "__doc__": base.__doc__})
    for name in _asks_the_service:
        if hasattr(base, name):
            setattr(local, name, _unanswerable(name))
    return local


_asks_the_service = ("collection", "delete", "logged_by", "source_collection", "unlink", "used_by")


def _unanswerable(name: str) -> Any:
    def answer(_: Any) -> Any:
        raise failure(f"Artifact.{name} asks W&B's service, and this run does without: it needs an account and network")

    return property(answer)


class LocalMethods:
    """What an artifact of the store does in place of W&B's class, which comes after this one among the bases.

    `_local` is the runner's record of the version. The files are handed out when they are first asked for.
    """

    _local: dict[str, Any]

    # What it is

    @property
    def id(self) -> str:
        return base64.b64encode(self._local["reference"].encode()).decode()

    @property
    def entity(self) -> str:
        return str(self._local["entity"])

    @property
    def project(self) -> str:
        return str(self._local["project"])

    @property
    def name(self) -> str:
        # W&B shows the version from `wait()` on, and scripts append ":latest" before.
        return str(self._local["reference"] if self._local["is_saved"] else self._local["name"])

    @property
    def version(self) -> str:
        return str(self._local["version"])

    @property
    def qualified_name(self) -> str:
        return f"{self.entity}/{self.project}/{self._local['reference']}"

    source_entity, source_project, source_version, source_qualified_name = entity, project, version, qualified_name

    @property
    def source_name(self) -> str:
        return str(self._local["reference"])

    @property
    def type(self) -> str:
        return str(self._local["type"])

    @property
    def description(self) -> str | None:
        return self._local["description"] or None

    @description.setter
    def description(self, description: str | None) -> None:
        _warn("the description", self)

    @property
    def metadata(self) -> dict[str, Any]:
        return self._local["metadata"]  # type: ignore[no-any-return]

    @metadata.setter
    def metadata(self, metadata: dict[str, Any]) -> None:
        if metadata != self._local["metadata"]:
            _warn("the metadata", self)

    @property
    def aliases(self) -> list[str]:
        return self._local["aliases"]  # type: ignore[no-any-return]

    @aliases.setter
    def aliases(self, aliases: list[str]) -> None:
        self._local["aliases"] = list(aliases)

    @property
    def tags(self) -> list[str]:
        return []

    @property
    def digest(self) -> str:
        return str(self.manifest.digest())

    @property
    def size(self) -> int:
        return int(self._local["size"])

    @property
    def file_count(self) -> int:
        return len(self.manifest.entries)

    @property
    def commit_hash(self) -> str:
        return str(self._local["digest"])

    @property
    def created_at(self) -> str:
        return str(self._local["created"])

    updated_at = created_at

    @property
    def url(self) -> str:
        return f"artifactflow:/{self._local['name']}/{self.version}"

    @property
    def state(self) -> str:
        return "COMMITTED"

    def is_draft(self) -> bool:
        return False

    def wait(self, timeout: Any = None) -> Any:
        self._local["is_saved"] = True
        return self

    def save(self, *_: Any, **__: Any) -> None:
        """Only aliases of a version can change."""
        self._local["aliases"] = ask("add_aliases", reference=self._local["reference"], aliases=self.aliases)

    def link(self, target_path: str, aliases: Any = None) -> Any:
        record = ask("link_artifact", reference=self._local["reference"], target=target_path, aliases=listed(aliases))
        return stored_artifact(record)

    def new_draft(self) -> Any:
        import wandb

        draft = wandb.Artifact(self._local["name"], self.type, self.description, self.metadata)
        for path, source in self._handed()["files"].items():
            draft.add_file(source, name=path)
        return draft

    # What is in it

    def _handed(self) -> dict[str, Any]:
        if "files" not in self._local:
            self._local.update(ask("hand_out", reference=self._local["reference"]))
            staging.remember_folder(self._local["folder"])
        return self._local

    @property
    def manifest(self) -> Any:
        manifest = self.__dict__["_manifest"]
        if not self._local["is_filled"]:
            self._local["is_filled"] = True
            fill_manifest(manifest, self._handed(), self)
        return manifest

    def get_entry(self, name: Any) -> Any:
        handed = self._handed()
        name = str(name)
        if name not in handed["files"] and name not in handed["references"]:
            path, _ = self._object_path(name)
            if path is None:
                raise KeyError(f"Path not contained in artifact: {name}")
            name = path
        entries: dict[str, Any] = self._local.setdefault("entries", {})
        if name not in entries:
            entries[name] = local_entry(name, handed, self)
        return entries[name]

    get_path = get_entry

    def get(self, name: str) -> Any:
        """An object that was added to it, such as a table; None where there is no such."""
        path, kind = self._object_path(name)
        if path is None:
            return None
        with open(self._fetched(path, None), encoding="utf-8") as stream:
            found = kind.from_json(json.load(stream), self)
        found._set_artifact_source(self, name)
        return found

    def _object_path(self, name: str) -> Any:
        from wandb.sdk.data_types.base_types.wb_value import (  # type: ignore[import-not-found,unused-ignore]
            WBValue,
        )

        files = self._handed()["files"]
        kinds = {kind.with_suffix(name): kind for kind in WBValue.type_mapping().values()}
        return next(((path, kind) for path, kind in kinds.items() if path in files), (None, None))

    def file(self, root: Any = None) -> str:
        handed = self._handed()
        paths = [*handed["files"], *handed["references"]]
        if len(paths) != 1:
            raise ValueError(
                f"the artifact {self._local['reference']} contains {len(paths)} files: call `.download()` to get all "
                'of them, or `.get_entry("filename").download()` for one'
            )
        return self._fetched(paths[0], root)

    def download(self, root: Any = None, *args: Any, path_prefix: Any = None, **kwargs: Any) -> str:
        handed = self._handed()
        folder = str(root) if root is not None else str(handed["folder"])
        self._note_root(folder)
        for path in [*handed["files"], *handed["references"]]:
            if path_prefix is None or path.startswith(str(path_prefix)):
                self._fetched(path, root)
        return folder

    def _fetched(self, path: str, root: Any) -> str:
        """Where a file is: with the store's read-only copies, or below `root` as the script's own."""
        handed = self._handed()
        self._note_root(str(root) if root is not None else handed["folder"])
        source = handed["files"].get(path)
        if source is None:  # a reference: W&B's class knows its storage
            return str(self.get_entry(path)._download_reference(root))
        return str(source) if root is None else staging.copy(source, os.path.join(str(root), path))

    def files(self, names: Any = None, per_page: int = 50, start: Any = None) -> list[Any]:
        handed = self._handed()
        return [LocalFile(path, place) for path, place in handed["files"].items() if names is None or path in names]

    def _default_root(self, include_version: bool = True) -> str:
        return str(self._handed()["folder"])

    def _note_root(self, folder: str) -> None:
        """Where files of it are, for tables that refer to them."""
        roots = self.__dict__.get("_download_roots")
        if roots is not None:
            roots.add(os.path.abspath(folder))

    def __repr__(self) -> str:
        return f"<Artifact {self.qualified_name}>"


def listed(aliases: Any) -> list[str]:
    """Aliases as W&B's functions take them: one, several, or none."""
    return [aliases] if isinstance(aliases, str) else [str(alias) for alias in aliases or ()]


def _warn(what: str, artifact: LocalMethods) -> None:
    import wandb

    wandb.termwarn(f"artifactflow: {what} of {artifact._local['reference']} stays: a stored version does not change")
