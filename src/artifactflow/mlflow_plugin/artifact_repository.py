"""Lets MLflow's functions read stored artifacts: `mlflow.artifacts.download_artifacts("artifactflow:/iris/latest")`."""

from __future__ import annotations

import tempfile
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

from mlflow.entities.file_info import FileInfo
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repo import ArtifactRepository

from artifactflow.errors import ArtifactflowError
from artifactflow.mlflow_plugin.references import Reference, entries_below, here, write_out


class StoredArtifacts(ArtifactRepository):  # type: ignore[misc]
    """A stored version as MLflow's artifact repository. It is read only: versions are immutable."""

    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
        """The files and folders directly below `path`; nothing where it is a file."""
        try:
            with here() as store:
                reference = Reference.parse(self.artifact_uri, path or "")
                tree = store.tree(store.version(reference.ref).digest)
                return _directly_below(entries_below(tree, reference.inner), reference.inner)
        except ArtifactflowError as error:
            raise MlflowException(error.render()) from error

    def download_artifacts(self, artifact_path: str | None, dst_path: str | None = None, **_: Any) -> str:
        """Write the version, or what `artifact_path` names in it, into a folder and return its path."""
        folder = Path(dst_path) if dst_path else Path(tempfile.mkdtemp(prefix="artifactflow-"))
        try:
            with here() as store:
                return str(write_out(store, Reference.parse(self.artifact_uri, artifact_path or ""), folder))
        except ArtifactflowError as error:
            raise MlflowException(error.render()) from error

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        target = Path(local_path)
        with tempfile.TemporaryDirectory(dir=target.parent) as aside:
            self.download_artifacts(remote_file_path, aside)
            next(path for path in Path(aside).rglob("*") if path.is_file()).replace(target)

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> NoReturn:
        """Refused: versions are immutable."""
        raise _read_only(self.artifact_uri)

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> NoReturn:
        """Refused: versions are immutable."""
        raise _read_only(self.artifact_uri)


def _directly_below(entries: list[Any], inner: str) -> list[FileInfo]:
    if len(entries) == 1 and entries[0].path == inner:
        return []
    depth = len(PurePosixPath(inner).parts) if inner else 0
    found: dict[str, FileInfo] = {}
    for entry in entries:
        parts = PurePosixPath(entry.path).parts
        path = "/".join(parts[: depth + 1])
        is_folder = len(parts) > depth + 1
        found[path] = FileInfo(path, is_folder, None if is_folder else entry.size)
    return list(found.values())


def _read_only(address: str) -> MlflowException:
    return MlflowException(
        f"{address} is a stored artifact, which does not change; register a new version: artifactflow artifacts put"
    )
