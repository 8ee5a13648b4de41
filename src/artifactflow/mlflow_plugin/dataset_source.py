"""Lets a dataset that is logged to MLflow say which stored version it came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlflow.data.dataset_source import DatasetSource

from artifactflow.artifact import URI_PREFIX
from artifactflow.library import StoredVersion
from artifactflow.mlflow_plugin.references import Reference, here


class StoredDataset(DatasetSource):  # type: ignore[misc]
    """A stored version as the source of a dataset: its number and digest are kept, whatever the alias names later."""

    def __init__(self, uri: str, digest: str) -> None:
        self.uri = uri
        self.digest = digest

    @staticmethod
    def _get_source_type() -> str:
        return "artifactflow"

    def load(self) -> Any:
        """What the version holds: a DataFrame for a table."""
        with here() as store:
            return StoredVersion(store.version(Reference.parse(self.uri).ref), store).load()

    @staticmethod
    def _can_resolve(raw_source: Any) -> bool:
        return isinstance(raw_source, str) and raw_source.startswith(URI_PREFIX)

    @classmethod
    def _resolve(cls, raw_source: Any) -> StoredDataset:
        with here() as store:
            version = store.version(Reference.parse(str(raw_source)).ref)
        return cls(f"{URI_PREFIX}{version.name}/v{version.number}", str(version.digest))

    def to_dict(self) -> dict[str, Any]:
        """The record of it, as MLflow stores it."""
        return {"uri": self.uri, "digest": self.digest}

    @classmethod
    def from_dict(cls, source_dict: Mapping[str, Any]) -> StoredDataset:
        """The source that `to_dict` wrote."""
        return cls(source_dict["uri"], source_dict["digest"])
