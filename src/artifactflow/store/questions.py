"""What can be asked of a store without changing it: its versions, aliases and runs, as the catalog has them."""

from __future__ import annotations

from artifactflow.artifact import ArtifactRef, Version
from artifactflow.runs import PipelineRun, Run
from artifactflow.store import queries
from artifactflow.store.catalog import Catalog
from artifactflow.store.queries import AliasState, ArtifactSummary, RemovedVersion


class Questions:
    """The questions that every store answers. Each reads one state of the catalog, whoever writes meanwhile."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def version(self, ref: ArtifactRef | str) -> Version:
        """The version that `ref` names. Raises NotFoundError with what there is instead."""
        parsed = ArtifactRef.parse(ref) if isinstance(ref, str) else ref
        return self._catalog.read(lambda connection: queries.version(connection, parsed))

    def versions(self, name: str | None = None) -> list[Version]:
        """All versions, or those of one artifact, ordered by name and number."""
        return self._catalog.read(lambda connection: queries.versions(connection, name))

    def latest_versions(self) -> list[Version]:
        """Of every artifact the version that `latest` names, ordered by name."""
        return self._catalog.read(queries.latest_versions)

    def removed_version(self, ref: ArtifactRef | str) -> RemovedVersion | None:
        """What a removed version, named by its number, was; None for one that is there or never was."""
        parsed = ArtifactRef.parse(ref) if isinstance(ref, str) else ref
        number = parsed.number
        if number is None:
            return None
        return self._catalog.read(lambda connection: queries.removed_version(connection, parsed.name, number))

    def aliases(self, name: str) -> dict[str, int]:
        """The aliases of an artifact and the numbers that they point to."""
        return self._catalog.read(lambda connection: queries.aliases(connection, name))

    def alias_state(self, name: str, alias: str) -> AliasState:
        """Where an alias points, with the generation that `set_alias` can be told to expect."""
        return self._catalog.read(lambda connection: queries.alias_state(connection, name, alias))

    def list_artifacts(self) -> list[ArtifactSummary]:
        """Every artifact, by name."""
        return self._catalog.read(queries.artifacts)

    def run(self, run_id: str) -> Run:
        """The run of that id, or the only one whose id begins so. Raises NotFoundError."""
        return self._catalog.read(lambda connection: queries.run(connection, run_id))

    def runs(self, limit: int | None = None) -> list[Run]:
        """The runs, newest first."""
        return self._catalog.read(lambda connection: queries.runs(connection, limit))

    def runs_using(self, ref: str) -> list[Run]:
        """The runs that took the version `ref`, written `name:v3`, as an input; newest first."""
        return self._catalog.read(lambda connection: queries.runs_using(connection, ref))

    def cached_run(self, cache_key: str) -> Run | None:
        """The last run with this cache key that finished; None for the empty key of what must not be reused."""
        return self._catalog.read(lambda connection: queries.cached_run(connection, cache_key))

    def cached_runs(self, cache_key: str) -> list[Run]:
        """The last runs with this cache key that finished, newest first, as many as a plan may choose from."""
        return self._catalog.read(lambda connection: queries.cached_runs(connection, cache_key))

    def last_run(self, pipeline: str, step: str) -> Run | None:
        """The last run of a pipeline's step that finished."""
        return self._catalog.read(lambda connection: queries.last_run(connection, pipeline, step))

    def pipeline_run(self, run_id: str) -> PipelineRun:
        """The pipeline run of that id, or the only one whose id begins so. Raises NotFoundError."""
        return self._catalog.read(lambda connection: queries.pipeline_run(connection, run_id))

    def pipeline_runs(self, limit: int | None = None) -> list[PipelineRun]:
        """The pipeline runs, newest first."""
        return self._catalog.read(lambda connection: queries.pipeline_runs(connection, limit))
