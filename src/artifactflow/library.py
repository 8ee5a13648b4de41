"""The library's front door: the built-in steps as functions, and versions that can be loaded.

>>> import tempfile
>>> iris = download("pkg:sklearn.datasets.data/iris.csv", store=tempfile.mkdtemp() + "/store")
>>> iris.ref, iris.load().shape
('iris:v1', (150, 5))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from artifactflow.artifact import ArtifactRef, Tree, Version
from artifactflow.contract import BUILT_IN_PREFIX
from artifactflow.executors.inline import InlineExecutor
from artifactflow.parameters import Value
from artifactflow.pipeline import Binding, Given, Literal, Pipeline, Step, Stored
from artifactflow.read.built_in import built_in_component, step_function
from artifactflow.runner import Observer, Options, bind_pipeline, run_pipeline
from artifactflow.runs import PipelineRun
from artifactflow.store import Store, find_store


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A version together with the store that holds it."""

    version: Version
    store: Store

    @property
    def ref(self) -> str:
        """How it is written: `housing:v3`."""
        return self.version.ref

    @property
    def tree(self) -> Tree:
        """Its files."""
        return self.store.tree(self.version.digest)

    def load(self, *, trust: bool = False) -> Any:
        """What it holds: a DataFrame for a table, a fitted estimator for a model, a dict for JSON, else a path.

        A model made of types that nobody has reviewed is loaded only with `trust`: loading it may run code that it
        names. Raises IntegrityError naming those types otherwise.
        """
        from artifactflow.formats import read_any

        return read_any(self.path(), trust=trust)

    def path(self) -> Path:
        """A read-only copy of it, under its own name, in the store's folder for such copies."""
        folder = self.store.root / "loaded" / self.version.digest.hexadecimal
        target = folder / (self.version.name if self.tree.folder else self.tree.entries[0].path)
        if not target.exists():
            folder.mkdir(parents=True, exist_ok=True)
            self.store.materialise(self.tree, folder if not self.tree.folder else target)
        return target

    def get(self, folder: str | Path) -> Path:
        """Write it into `folder` and return where. Raises UsageError where something of that name stands there."""
        return self.store.materialise(self.tree, Path(folder))


def download(
    file_url: str,
    *,
    artifact_name: str | None = None,
    artifact_type: str = "raw_data",
    artifact_description: str = "",
    sha256: str | None = None,
    extract: bool = True,
    store: str | Path | None = None,
) -> StoredVersion:
    """Download a file, extract it where it is an archive, register it, and return the version.

    `file_url` is an address (http, https), a local path, or `pkg:package/path` for data inside an installed package.
    `artifact_name` defaults to the stem of the file's name. The same content gives the same version again. Raises
    IntegrityError where the SHA-256 is another than `sha256`, OutsideError for what the network did.
    """
    values: dict[str, Value] = {
        "file_url": file_url,
        "artifact_name": artifact_name,
        "artifact_type": artifact_type,
        "artifact_description": artifact_description,
        "sha256": sha256,
        "extract": extract,
    }
    opened = _open(store)
    record = run_built_in("download", values, opened)
    return StoredVersion(opened.version(record.steps[0].outputs["dataset"]), opened)


def train(*, data: str | None = None, store: str | Path | None = None, **parameters: Value) -> dict[str, StoredVersion]:
    """Train a model and return the versions by output key: `model` and `metrics`.

    `data` names a table artifact (`housing`, `housing:v3`); without it the iris data of scikit-learn is used. The other
    parameters are those of `artifactflow train`, with underscores.
    """
    opened = _open(store)
    record = run_built_in("train", {"data": data, **parameters}, opened)
    return {key: StoredVersion(opened.version(ref), opened) for key, ref in record.steps[0].outputs.items()}


def run_built_in(name: str, values: Mapping[str, Value], store: Store, observer: Observer | None = None) -> PipelineRun:
    """Run a built-in step in this process, as a pipeline of one step that is always run.

    `values` may leave out what has a default; inputs are given as the names of stored artifacts.
    """
    function = step_function(name)
    reference = f"{BUILT_IN_PREFIX}{name}"
    step = Step(name, reference, bindings=_bindings(name, values))
    bound = bind_pipeline(Pipeline(name, folder=Path.cwd(), steps=(step,)), Given(), Path.cwd())
    options = Options(force=("all",), jobs=1, choose_executor=lambda _: InlineExecutor(function))
    return run_pipeline(bound, store, options, observer)


def _bindings(name: str, values: Mapping[str, Value]) -> dict[str, Binding]:
    inputs = {item.name for item in built_in_component(name).contract().inputs}
    return {
        key: Stored(ArtifactRef.parse(str(value))) if key in inputs else Literal(value)
        for key, value in values.items()
        if value is not None
    }


def _open(store: str | Path | None) -> Store:
    return Store.open(find_store(Path.cwd(), Path(store) if store else None))
