"""What goes into a run of MLflow's: parameters, metrics, tags, datasets, files. In as few requests as it allows."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from artifactflow.artifact import URI_PREFIX
from artifactflow.parameters import Value, format_value
from artifactflow.trackers.environment import requirements_text
from artifactflow.trackers.mlflow_models import NotLoggableError, log_model
from artifactflow.trackers.mlflow_tags import metric_name, mlflow_name
from artifactflow.trackers.scores import points
from artifactflow.trackers.told import StoredFile, ToldStep, ToldVersion

SHOWN_ENDINGS: Final = frozenset(
    (".png", ".jpg", ".jpeg", ".svg", ".gif", ".webp", ".pdf", ".html", ".htm", ".md", ".txt", ".log")
)
"""Endings of figures and reports, which MLflow's pages can show."""

_MOST_METRICS: Final = 1000
_MOST_OTHERS: Final = 100
"""What one request of MLflow's may hold."""

LONGEST_VALUE: Final = 5000
_DIGEST_LENGTH: Final = 36
"""What MLflow's own database has room for; the whole digest is in the dataset's source."""


class RunContent:
    """One run of an MLflow store, which is written into."""

    def __init__(self, client: Any, experiment: str, run_id: str) -> None:
        self.client = client
        self.experiment = experiment
        self.run_id = run_id

    def log_parameters(self, parameters: Mapping[str, Value], present: Collection[str] = ()) -> None:
        """Log those that have a value and are not `present`: MLflow refuses to change one."""
        from mlflow.entities import Param

        params = [
            Param(mlflow_name(name), format_value(value)[:LONGEST_VALUE])
            for name, value in parameters.items()
            if value is not None and mlflow_name(name) not in present
        ]
        for some in _portions(params, _MOST_OTHERS):
            self.client.log_batch(self.run_id, params=some)

    def log_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags; those that stand are replaced."""
        from mlflow.entities import RunTag

        named = [RunTag(key, value[:LONGEST_VALUE]) for key, value in tags.items()]
        for some in _portions(named, _MOST_OTHERS):
            self.client.log_batch(self.run_id, tags=some)

    def log_metrics(self, step: ToldStep, present: Collection[str] = ()) -> None:
        """Log the numbers in the step's outputs of type metrics, but for those whose name is `present`."""
        from mlflow.entities import Metric

        time = milliseconds(step.run.ended)
        metrics = [
            Metric(metric_name(point.name), point.value, time, point.step)
            for output in step.outputs.values()
            for point in points(output.metrics())
            if metric_name(point.name) not in present
        ]
        for some in _portions(metrics, _MOST_METRICS):
            self.client.log_batch(self.run_id, metrics=some)

    def log_inputs(self, step: ToldStep) -> None:
        """Log what went in as datasets with the digests of their versions; a model is none."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        inputs = [
            DatasetInput(
                Dataset(
                    name=told.version.name,
                    digest=told.version.digest.hexadecimal[:_DIGEST_LENGTH],
                    source_type="artifactflow",
                    source=json.dumps(_dataset_source(told)),
                    profile=json.dumps(dict(told.version.metadata), default=str)[:LONGEST_VALUE],
                ),
                tags=[InputTag("mlflow.data.context", name)],
            )
            for name, told in step.inputs.items()
            if not told.is_model
        ]
        if inputs:
            self.client.log_inputs(self.run_id, datasets=inputs)

    def log_files(self, step: ToldStep, aside: Path) -> None:
        """Log figures, reports, the log and the packages; `aside` is an empty folder, which may be removed then."""
        for key, told in step.outputs.items():
            if told.is_model or not all(Path(file.name).suffix.lower() in SHOWN_ENDINGS for file in told.files):
                continue
            for file in told.files:
                inner = Path(key, file.name).parent.as_posix()
                self.client.log_artifact(self.run_id, _named(file, aside / "files" / inner), inner)
        if step.log is not None:
            name = f"{mlflow_name(step.run.step).replace('/', '_')}.log"
            self.client.log_text(self.run_id, step.log.decode(errors="replace"), f"log/{name}")
        pins = requirements_text(step.run)
        if pins:
            self.client.log_text(self.run_id, pins, "environment/requirements.txt")

    def log_models(self, step: ToldStep, aside: Path) -> None:
        """Log the models that the step made, unless the run has one; `aside` as for `log_files`."""
        logged = self.client.get_run(self.run_id).outputs
        if logged is not None and logged.model_outputs:
            return  # by the step itself, or by us before a crash
        for key, told in step.outputs.items():
            if not told.is_model:
                continue
            try:
                log_model(self.client, self.experiment, self.run_id, told, step, aside / key)
            except NotLoggableError:
                # What is not a scikit-learn model, or made of types that nobody vouches for: its bytes, as they are.
                for file in told.files:
                    inner = Path("model", key, file.name).parent.as_posix()
                    self.client.log_artifact(self.run_id, _named(file, aside / "files" / inner), inner)


def milliseconds(time: str) -> int:
    """A time of a record as MLflow has times."""
    return int(datetime.fromisoformat(time).timestamp() * 1000)


def _dataset_source(told: ToldVersion) -> dict[str, str]:
    """As `mlflow_plugin.dataset_source` reads it: MLflow can load what was logged."""
    version = told.version
    return {"uri": f"{URI_PREFIX}{version.name}/v{version.number}", "digest": str(version.digest)}


def _named(file: StoredFile, folder: Path) -> str:
    """The file under its own name, which it does not have in the store."""
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / Path(file.name).name
    if not place.is_symlink():
        place.symlink_to(file.path)
    return str(place)


def _portions(items: list[Any], size: int) -> Iterable[list[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))
