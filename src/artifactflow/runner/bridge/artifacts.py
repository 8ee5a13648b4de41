"""The operations on artifacts that the processes of steps may ask for."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from artifactflow.artifact import LATEST, ArtifactRef, Tree, Version
from artifactflow.errors import NotFoundError, UsageError
from artifactflow.runner.bridge.line import Caller, Operation
from artifactflow.runner.bridge.names import ALL_VERSIONS, local_name, parse_reference
from artifactflow.runner.bridge.uses import STAGING_FOLDER
from artifactflow.store import HandedOut, Store

REFERENCES_NAME: Final = ".wandb-references.json"
"""The file of a version that lists what lies elsewhere, written by `child/site`."""


class ArtifactOperations:
    """Answers from `store`. `who_logs` names the steps of the pipeline that log an artifact, for messages."""

    def __init__(self, store: Store, who_logs: Callable[[str], list[str]]) -> None:
        self.store = store
        self.who_logs = who_logs

    def table(self) -> dict[str, Operation]:
        """The operations by name."""
        return {
            "use_artifact": self.use_artifact,
            "find_artifact": self.find_artifact,
            "list_versions": self.list_versions,
            "hand_out": self.hand_out,
            "log_artifact": self.log_artifact,
            "keep_used": self.keep_used,
            "link_artifact": self.link_artifact,
            "add_aliases": self.add_aliases,
            "name_of": lambda _, asked: local_name(asked["text"]),
        }

    # using

    def use_artifact(self, caller: Caller, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The version that `reference` names, noted as an input of the step."""
        reference = asked["reference"]
        try:
            version = self.store.version(parse_reference(reference))
        except NotFoundError as error:
            caller.uses.use(reference, None)
            raise self._missing(reference, error) from error
        caller.uses.use(reference, version)
        return self._record(version)

    def find_artifact(self, caller: Caller, asked: Mapping[str, Any]) -> dict[str, Any] | None:
        """The same, with None where there is no such version; that, too, is what a plan has to find unchanged."""
        try:
            return self.use_artifact(caller, asked)
        except NotFoundError:
            return None

    def list_versions(self, caller: Caller, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The versions of `name` that have the `type`, newest first."""
        name = parse_reference(asked["name"]).name
        versions = self.store.versions(name)
        with caller.uses.lock:
            numbers = " ".join(version.ref for version in versions)
            caller.uses.resolved.setdefault(f"{name}:{ALL_VERSIONS}", numbers)
        wanted = local_name(asked["type"])
        return [self._record(version) for version in reversed(versions) if version.type == wanted]

    def hand_out(self, caller: Caller, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The files of `reference` (`name:v3`), read-only, in a folder of the run's to which files may be added.

        `objects` says where the store itself keeps the bytes: there they stay when the step has ended.
        """
        version = self.store.version(ArtifactRef.parse(asked["reference"]))
        uses = caller.uses
        with uses.lock:
            uses.use(version.ref, version)
            if version.ref not in uses.handed:
                uses.handed[version.ref] = self._handed_out(version, caller.folder / "inputs" / "wandb")
            handed = uses.handed[version.ref]
        folder = handed.path if handed.tree.folder else handed.path.parent
        listed = folder / REFERENCES_NAME
        return {
            "folder": str(folder),
            "files": {entry.path: str(folder / entry.path) for entry in _files(handed.tree)},
            "objects": {entry.path: str(self.store.object_path(entry.digest)) for entry in _files(handed.tree)},
            "references": json.loads(listed.read_text(encoding="utf-8")) if listed.exists() else {},
        }

    def _handed_out(self, version: Version, folder: Path) -> HandedOut:
        tree = self.store.tree(version.digest)
        if tree.folder:
            handed = self.store.hand_out(tree, folder, version.ref)
        else:
            handed = self.store.hand_out(tree, folder / version.ref)
        for place, _, _ in os.walk(folder / version.ref):
            Path(place).chmod(0o755)
        return handed

    def _missing(self, reference: str, error: NotFoundError) -> NotFoundError:
        asked = parse_reference(reference)
        hints = [error.hint] if error.hint else []
        if asked.number == 0:
            hints.append("the store counts versions from v1, where W&B counts from v0")
        steps = self.who_logs(asked.name)
        if steps:
            hints.append(f"it is logged by {', '.join(steps)}: run that first")
        else:
            hints.append(f"no step of this pipeline is known to log it; put it there with: {_put(asked)}")
        return NotFoundError(f"{error.message} in the local store ({reference!r} was asked for)", hint="; ".join(hints))

    # logging

    def log_artifact(self, caller: Caller, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Register what was staged, as a version that the step has made."""
        aliases = _aliases(asked["aliases"])
        version = self._registered(caller, asked, aliases, caller.run.id)
        caller.uses.log(version, aliases)
        return self._record(version)

    def keep_used(self, caller: Caller, asked: Mapping[str, Any]) -> None:
        """Register what W&B has handed out, as an input of the step."""
        version = self._registered(caller, asked, [], None)
        caller.uses.use(asked["asked"], version)
        with caller.uses.lock:
            caller.uses.not_repeatable.append(f"{asked['asked']} was resolved by W&B, which a plan does not ask")

    def _registered(self, caller: Caller, asked: Mapping[str, Any], aliases: list[str], run_id: str | None) -> Version:
        staged = Path(asked["staged"])
        if staged.parent != caller.folder / STAGING_FOLDER or "/" in asked["single"]:
            raise UsageError(f"{staged} is not where a step stages what it logs")
        with self.store.collector_kept_out():
            try:
                tree = self.store.put_tree(staged / asked["single"] if asked["single"] else staged, move=True)
            finally:
                if staged.is_dir() and not any(staged.iterdir()):
                    staged.rmdir()
            with self.store.transaction() as transaction:
                return transaction.register(
                    local_name(asked["name"]),
                    local_name(asked["type"]),
                    asked["description"],
                    tree,
                    metadata=asked["metadata"],
                    run_id=run_id,
                    aliases=aliases,
                ).version

    def link_artifact(self, caller: Caller, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Register the version `reference` under the last part of `target` too, as a registry's collection."""
        source = self.store.version(ArtifactRef.parse(asked["reference"]))
        name, _, alias = asked["target"].rpartition("/")[2].partition(":")
        aliases = _aliases([*asked["aliases"], *([alias] if alias else [])])
        with self.store.transaction() as transaction:
            version = transaction.register(
                local_name(name),
                source.type,
                source.description,
                self.store.tree(source.digest),
                metadata=source.metadata,
                run_id=caller.run.id,
                aliases=aliases,
            ).version
        caller.uses.log(version, aliases)
        return self._record(version)

    def add_aliases(self, caller: Caller, asked: Mapping[str, Any]) -> list[str]:
        """Let aliases point to the version `reference`; returns those that it has then."""
        version = self.store.version(ArtifactRef.parse(asked["reference"]))
        has = self._aliases_of(version)
        aliases = [alias for alias in _aliases(asked["aliases"]) if alias not in has]
        if aliases:
            with self.store.transaction() as transaction:
                for alias in aliases:
                    transaction.point(version.name, version.number, alias)
            caller.uses.point(version, aliases)
        return self._aliases_of(version)

    # answers

    def _record(self, version: Version) -> dict[str, Any]:
        return {
            "reference": version.ref,
            "name": version.name,
            "version": f"v{version.number}",
            "type": version.type,
            "description": version.description,
            "metadata": dict(version.metadata),
            "aliases": self._aliases_of(version),
            "digest": str(version.digest),
            "size": version.size,
            "created": version.created,
        }

    def _aliases_of(self, version: Version) -> list[str]:
        return [alias for alias, number in self.store.aliases(version.name).items() if number == version.number]


def _files(tree: Tree) -> list[Any]:
    return [entry for entry in tree.entries if entry.path != REFERENCES_NAME]


def _aliases(given: list[str]) -> list[str]:
    """Aliases that the store takes: `latest` moves by itself, and what reads as a version's number is none."""
    refs = [ArtifactRef("_", local_name(alias)) for alias in given]
    return list(dict.fromkeys(ref.selector for ref in refs if ref.selector != LATEST and ref.number is None))


def _put(ref: ArtifactRef) -> str:
    return f"artifactflow artifacts put PATH --name {ref.name}"
