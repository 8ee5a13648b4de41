"""What can be done to a store in one transaction: register versions, move aliases, record runs."""

from __future__ import annotations

import functools
import json
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from artifactflow.artifact import LATEST, ArtifactRef, Digest, Tree, Version, check_alias, check_name
from artifactflow.errors import NotFoundError, OutsideError, UsageError
from artifactflow.runs import PipelineRun, Run, now
from artifactflow.store import queries
from artifactflow.store.blobs import Blobs
from artifactflow.store.draft import Draft
from artifactflow.store.trees import check_tree, lost

NO_METADATA: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Registered:
    """A version, and whether it was `created` or had been there with the same content."""

    version: Version
    created: bool


class Transaction:
    """Changes that become one record of the journal: all of them happen or none. Got from `Store.transaction`.

    `placed` are the trees that are known to be there, by digest: their objects are not looked at again.
    """

    def __init__(self, draft: Draft, blobs: Blobs, placed: Container[Digest] = ()) -> None:
        self._draft = draft
        self._blobs = blobs
        self._placed = placed

    def register(
        self,
        name: str,
        type: str,  # noqa: A002 - the word for it everywhere: in manifests, in records, in Version
        description: str,
        tree: Tree,
        *,
        metadata: Mapping[str, Any] = NO_METADATA,
        run_id: str | None = None,
        aliases: Sequence[str] = (),
    ) -> Registered:
        """Make `tree`, which has been put, a version of the artifact `name`, and move `latest` and `aliases` to it.

        Content that `name` has had before is that version again, with the type, description and metadata of then.
        Raises UsageError for a bad name and for metadata that is no JSON, IntegrityError where an object is missing.
        """
        check_name(name)
        check_name(type, "artifact type")
        for alias in aliases:
            check_alias(alias)
        kept_metadata = _as_json(metadata, "metadata")
        digest = tree.digest
        if digest not in self._placed:
            self._check_objects(tree, digest)
        version = queries.version_with(self._draft.connection, name, digest)
        created = version is None
        if version is None:
            version = Version(
                name=name,
                number=queries.highest_number(self._draft.connection, name) + 1,
                type=type,
                digest=digest,
                size=tree.size,
                files=len(tree.entries),
                description=description,
                metadata=kept_metadata,
                created=now(),
                run_id=run_id,
            )
            self._draft.add({"version": version.to_json()})
        for alias in (LATEST, *aliases):
            self.point(name, version.number, alias)
        return Registered(version, created)

    def point(self, name: str, number: int, alias: str = LATEST) -> None:
        """Let an alias point to a version, as a reused step does with `latest`. Raises NotFoundError."""
        check_alias(alias)
        queries.version(self._draft.connection, ArtifactRef(check_name(name), f"v{number}"))
        state = queries.alias_state(self._draft.connection, name, alias)
        if state.number != number:
            self._set_alias(name, number, alias, state.generation + 1)

    def compare_and_point(self, name: str, number: int, alias: str, expected_generation: int | None) -> int:
        """Set an alias where its generation is still the expected one, and return the new one. Raises OutsideError."""
        check_alias(alias)
        queries.version(self._draft.connection, ArtifactRef(check_name(name), f"v{number}"))
        state = queries.alias_state(self._draft.connection, name, alias)
        if expected_generation is not None and state.generation != expected_generation:
            where = f"v{state.number}" if state.number is not None else "nothing"
            raise OutsideError(
                f"{name}:{alias} was moved by somebody else: expected generation {expected_generation}, "
                f"got {state.generation}, which points to {where}",
                hint="look where it points now, then decide again",
            )
        return self._set_alias(name, number, alias, state.generation + 1)

    def remove(self, name: str, number: int, *, reason: str) -> Version:
        """Remove a version, whoever needs it, and return what it was. Its number is not used again.

        Where `latest` pointed to it, it moves to the highest number that is left; other aliases point nowhere then.
        The bytes stay until the garbage is collected. Raises NotFoundError where there is no such version.
        """
        connection = self._draft.connection
        version = queries.version(connection, ArtifactRef(name, f"v{number}"))
        pointing = [alias for alias, target in queries.aliases(connection, name).items() if target == number]
        self._draft.add({"removal": {"name": name, "version": number, "time": now(), "reason": reason}})
        left = queries.highest_present(connection, name)
        for alias in pointing:
            generation = queries.alias_state(connection, name, alias).generation + 1
            self._set_alias(name, left if alias == LATEST else None, alias, generation)
        return version

    def versions(self, name: str) -> list[Version]:
        """The versions of an artifact as this transaction sees them, by number."""
        return queries.versions(self._draft.connection, name)

    def has(self, name: str, number: int) -> bool:
        """Whether there is such a version."""
        return queries.is_there(self._draft.connection, f"{name}:v{number}")

    def needed_by(self, name: str, number: int) -> list[str]:
        """What stands against removing a version: its aliases, `latest` among them, and the versions made from it."""
        connection = self._draft.connection
        aliases = [f"{name}:{alias}" for alias, to in queries.aliases(connection, name).items() if to == number]
        return aliases + queries.made_from(connection, f"{name}:v{number}")

    def record_run(self, run: Run) -> None:
        """Record a run; a later record with the same id replaces it. Raises UsageError for facts that are no JSON."""
        with _json_errors("the record of a run"):
            record = run.to_json()
            if packages := run.ingredients.get("environment"):
                record["ingredients"] = {**run.ingredients, "environment": self._environment(packages)}
            self._draft.add({"run": record})

    def _environment(self, packages: Mapping[str, str]) -> str:
        """The digest of a list of packages, which is entered where it is new: most steps have the same long one."""
        digest = _digest_of(tuple(packages.items()))
        if not queries.has_environment(self._draft.connection, digest):
            self._draft.add({"environment": {"digest": digest, "packages": dict(packages)}})
        return digest

    def record_pipeline_run(self, run: PipelineRun) -> None:
        """Record a pipeline run; a later record with the same id replaces it."""
        with _json_errors("the record of a pipeline run"):
            self._draft.add({"pipeline_run": run.to_json()})

    @contextmanager
    def part(self) -> Iterator[None]:
        """Changes that stand or fall by themselves: where the body raises, they are undone and the others are not."""
        with self._draft.part():
            yield

    def _set_alias(self, name: str, number: int | None, alias: str, generation: int) -> int:
        self._draft.add({"alias": {"name": name, "alias": alias, "version": number, "generation": generation}})
        return generation

    def _check_objects(self, tree: Tree, digest: Digest) -> None:
        """Nobody is told of a version whose bytes are not there, whatever happened since they were put."""
        check_tree(tree)
        if self._blobs.size(digest) is None:
            raise NotFoundError(f"the store does not hold {digest}", hint="put the files before registering them")
        for entry in tree.entries:
            if self._blobs.size(entry.digest) != entry.size:
                raise lost(entry)


@functools.lru_cache(maxsize=64)
def _digest_of(packages: tuple[tuple[str, str], ...]) -> str:
    return str(Digest.of(json.dumps(packages).encode()))


def _as_json(value: Mapping[str, Any], what: str) -> dict[str, Any]:
    """`value` as it will be read back. Raises UsageError where JSON cannot hold it."""
    with _json_errors(what):
        kept: dict[str, Any] = json.loads(json.dumps(dict(value)))
    return kept


@contextmanager
def _json_errors(what: str) -> Iterator[None]:
    try:
        yield
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(
            f"{what} has to be JSON: {error}", hint="use texts, numbers, true, false, null, lists and mappings"
        ) from error
