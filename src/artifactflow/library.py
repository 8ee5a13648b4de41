"""The library's front door: the built-in steps as functions, and versions that can be loaded.

>>> import tempfile
>>> iris = download("pkg:sklearn.datasets.data/iris.csv", store=tempfile.mkdtemp() + "/store")
>>> iris.ref, iris.load().shape
('iris:v1', (150, 5))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from artifactflow.artifact import URI_PREFIX, ArtifactRef, Tree, Version
from artifactflow.contract import BUILT_IN_PREFIX, stem
from artifactflow.errors import ArtifactflowError, InterruptedRunError, UsageError
from artifactflow.executors import Stop, Task
from artifactflow.executors.inline import InlineExecutor
from artifactflow.executors.task import PrintLine
from artifactflow.executors.thread import Call, ThreadExecutor
from artifactflow.fetch.addresses import local_path, masked_address
from artifactflow.fetch.patience import Patience
from artifactflow.parameters import Value
from artifactflow.pipeline import Binding, Given, Literal, Pipeline, Step, Stored
from artifactflow.read.built_in import built_in_component, step_function
from artifactflow.runner import Observer, Options, bind_pipeline, run_pipeline
from artifactflow.runs import PipelineRun
from artifactflow.steps.download import Request, bring
from artifactflow.steps.progress import StartBar, progress_bars
from artifactflow.store import Store, find_store

DOWNLOADS_AT_ONCE = 8


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
        for path in (folder, target):
            if path.is_symlink():
                path.unlink()  # no copy of ours is one: what it points to is another's
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
    skip_links: bool = False,
    max_size: str = "10GiB",
    max_files: int = 100_000,
    max_ratio: int = 200,
    allow_private: bool = False,
    store: str | Path | None = None,
) -> StoredVersion:
    """Download a file, extract it where it is an archive, register it, and return the version.

    `file_url` is an address (http, https; s3, gs, az and hf with the extra of that name), a local path, or
    `pkg:package/path` for data inside an installed package. `artifact_name` defaults to the stem of the file's name.
    A server is asked whether the file changed since the version that is there; the same content gives the same version
    again. With `skip_links` an archive's links are left out, where any is refused otherwise; what may come out of it is
    bounded by `max_size` (`20GB`), `max_files`, and `max_ratio` times its own size. A public server's redirect into a
    private network is followed only with `allow_private`. Raises IntegrityError where the SHA-256 is another than
    `sha256` or an archive is refused, OutsideError for what the network did.
    """
    values: dict[str, Value] = {
        "file_url": file_url,
        "artifact_name": artifact_name,
        "artifact_type": artifact_type,
        "artifact_description": artifact_description,
        "sha256": sha256,
        "extract": extract,
        "skip_links": skip_links,
        "max_size": max_size,
        "max_files": max_files,
        "max_ratio": max_ratio,
        "allow_private": allow_private,
    }
    opened = _open(store)
    record = run_downloads([values], opened)
    return StoredVersion(opened.version(record.steps[0].outputs["dataset"]), opened)


def run_downloads(
    requests: Sequence[Mapping[str, Value]], store: Store, observer: Observer | None = None
) -> PipelineRun:
    """Download several files side by side, each as a step of its own; the steps of the record are in their order.

    Each request holds values of the step `download`. One that fails does not stop the others: what arrived is kept, and
    the error, raised at the end, begins with the artifact's name. Raises UsageError where two would be called the same.
    """
    names = [str(request.get("artifact_name") or stem(str(request["file_url"]))) for request in requests]
    for position, name in enumerate(names):
        if name in names[:position]:
            first, second = (masked_address(str(requests[at]["file_url"])) for at in (names.index(name), position))
            raise UsageError(
                f"{first} and {second} would both be called {name!r}",
                hint="name each of them: --artifact-name, as often as --file-url and in the same order",
            )
    reference = f"{BUILT_IN_PREFIX}download"
    steps = tuple(
        Step("download" if len(names) == 1 else name, reference, bindings=_bindings("download", request, store))
        for name, request in zip(names, requests, strict=True)
    )
    bound = bind_pipeline(Pipeline("download", folder=Path.cwd(), steps=steps), Given(), Path.cwd())
    with progress_bars() as start_bar:
        executor = ThreadExecutor(_downloading(start_bar, several=len(names) > 1))
        options = Options(force=("all",), jobs=DOWNLOADS_AT_ONCE, keep_going=True, choose_executor=lambda _: executor)
        return run_pipeline(bound, store, options, observer)


def _downloading(start_bar: StartBar, *, several: bool) -> Call:
    def call(task: Task, say: PrintLine, stop: Stop) -> None:
        request = Request(**{field.name: task.values[field.name] for field in fields(Request)})  # type: ignore[arg-type]
        move_bar = start_bar(request.file_url)

        def look(stopped: bool) -> None:
            if stopped:
                raise InterruptedRunError("the download was stopped")

        def progress(done: int, total: int | None) -> None:
            look(stop.is_set())
            if move_bar:
                move_bar(done, total)

        dataset = Path(str(task.values["dataset"]))
        patience = Patience(sleep=lambda seconds: look(stop.wait(seconds)))
        try:
            bring(request, dataset, task.environment, say, progress=progress, patience=patience)
        except ArtifactflowError as error:
            if several:
                error.message = f"{task.environment['ARTIFACTFLOW_STEP']}: {error.message}"
            raise

    return call


def train(*, data: str | None = None, store: str | Path | None = None, **parameters: Value) -> dict[str, StoredVersion]:
    """Train a model and return the versions by output key: `model` and `metrics`.

    `data` names a table artifact (`housing`, `housing:v3`), or is the path of a file where there is no artifact of
    that name; without it the iris data of scikit-learn is used. The other parameters are those of `artifactflow train`,
    with underscores.
    """
    opened = _open(store)
    record = run_built_in("train", {"data": data, **parameters}, opened)
    return {key: StoredVersion(opened.version(ref), opened) for key, ref in record.steps[0].outputs.items()}


def run_built_in(name: str, values: Mapping[str, Value], store: Store, observer: Observer | None = None) -> PipelineRun:
    """Run a built-in step in this process, as a pipeline of one step that is always run.

    `values` may leave out what has a default; inputs are given as the names of stored artifacts, or as paths.
    """
    function = step_function(name)
    reference = f"{BUILT_IN_PREFIX}{name}"
    step = Step(name, reference, bindings=_bindings(name, values, store))
    bound = bind_pipeline(Pipeline(name, folder=Path.cwd(), steps=(step,)), Given(), Path.cwd())
    options = Options(force=("all",), jobs=1, choose_executor=lambda _: InlineExecutor(function))
    return run_pipeline(bound, store, options, observer)


def _bindings(name: str, values: Mapping[str, Value], store: Store) -> dict[str, Binding]:
    inputs = {item.name for item in built_in_component(name).contract().inputs}
    return {
        key: _input(str(value), store) if key in inputs else Literal(value)
        for key, value in values.items()
        if value is not None
    }


def _input(text: str, store: Store) -> Binding:
    """What an input is given: the path of a file where the text reads as one, or where only a file is called so."""
    if not text.startswith(URI_PREFIX):
        path = local_path(text)
        if "/" in text or (path.exists() and not store.versions(path.name)):
            return Literal(str(path.absolute()))
    return Stored(ArtifactRef.parse(text))


def _open(store: str | Path | None) -> Store:
    return Store.open(find_store(Path.cwd(), Path(store) if store else None))
