"""Tells MLflow: a pipeline run is a run, each step that was executed a nested run below it."""

from __future__ import annotations

import fcntl
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from artifactflow.artifact import URI_PREFIX
from artifactflow.errors import OutsideError
from artifactflow.fetch.addresses import masked_address
from artifactflow.parameters import Value, format_value
from artifactflow.runs import PipelineRun, Run, RunStatus
from artifactflow.trackers.choice import mlflow_address
from artifactflow.trackers.environment import environment_digest, requirements_text
from artifactflow.trackers.mlflow_models import NotLoggableError, log_model
from artifactflow.trackers.scores import points
from artifactflow.trackers.told import Begun, StoredFile, ToldPipeline, ToldStep, ToldVersion

SHOWN_ENDINGS: Final = frozenset(
    (".png", ".jpg", ".jpeg", ".svg", ".gif", ".webp", ".pdf", ".html", ".htm", ".md", ".txt", ".log")
)
"""Endings of figures and reports, which MLflow's pages can show."""

RUN_TAG: Final = "artifactflow.run"
"""Says which record a run was made from: how it is found again after a crash."""

_STATUS: Final = {
    RunStatus.RUNNING: "KILLED",  # told of only when its process is known to be gone
    RunStatus.FINISHED: "FINISHED",
    RunStatus.FAILED: "FAILED",
    RunStatus.INTERRUPTED: "KILLED",
}
_MOST_METRICS: Final = 1000
_MOST_OTHERS: Final = 100
"""What one request of MLflow's may hold."""

_LONGEST_VALUE: Final = 5000
_DIGEST_LENGTH: Final = 36
"""What MLflow's own database has room for; the whole digest is in the dataset's source."""

_unwanted = re.compile(r"[^\w\-. /]")


class MlflowTracker:
    """One MLflow store or server, one experiment."""

    def __init__(self, settings: Mapping[str, Any], folder: Path, environment: Mapping[str, str]) -> None:
        self.settings = settings
        self.project = Path(settings["project"])
        self.address = self._whole_address(environment)
        self.client: Any = None
        self.experiment = ""

    def _whole_address(self, environment: Mapping[str, str]) -> str:
        """The address with the user info that records do not hold; ours, where it is the same otherwise."""
        own = mlflow_address(self.project, environment)
        return own if masked_address(own) == self.settings["address"] else str(self.settings["address"])

    def connect(self) -> None:
        """Reach the store, which is made where it is a database file that does not exist yet."""
        import mlflow
        from mlflow.exceptions import MlflowException

        try:
            os.chdir(self.project)  # a new database keeps its artifacts in the folder `mlruns` of the working folder
            with _made_by_one_only(self.address):
                mlflow.set_tracking_uri(self.address)
                self.client = mlflow.MlflowClient(self.address)
                self.experiment = self.settings["experiment_id"] or self._experiment(self.settings["experiment"])
        except (MlflowException, OSError) as error:
            raise OutsideError(
                f"MLflow at {masked_address(self.address)} cannot be told: {_first_line(error)}",
                hint="start the server, or unset MLFLOW_TRACKING_URI; then: artifactflow sync",
            ) from error

    def _experiment(self, name: str) -> str:
        known = self.client.get_experiment_by_name(name)
        return str(known.experiment_id if known is not None else self.client.create_experiment(name))

    def open_pipeline(self, record: PipelineRun, *, again: bool) -> str:
        """Make the parent run."""
        found = self._find(record.id) if again else None
        tags = {RUN_TAG: record.id, "artifactflow.pipeline": record.pipeline, "mlflow.source.type": "PROJECT"}
        tags["mlflow.source.name"] = str(self.project)
        if self.settings["parent"]:
            tags["mlflow.parentRunId"] = self.settings["parent"]  # of `mlflow run`, which runs the command
        run_id = found or self._create(record.pipeline, record.started, tags)
        self._log(run_id, parameters=record.parameters, present=self._data(run_id).params if found else {})
        return run_id

    def begin_step(self, run: Run, pipeline: str, *, again: bool) -> Begun:
        """Make the child run before the step runs, which finds it by these variables."""
        found = self._find(run.id) if again else None
        run_id = found or self._create(run.step, run.started, self._tags(run, pipeline))
        return Begun(run_id, {"MLFLOW_RUN_ID": run_id, "MLFLOW_EXPERIMENT_ID": self.experiment})

    def tell_step(self, step: ToldStep, pipeline: str, begun: str | None, *, again: bool) -> str:
        """Fill and end the child run. What the step has logged by itself under the same names stays as it is."""
        run = step.run
        tags = self._tags(run, pipeline) | _result_tags(step)
        attached = self._attached(run)
        if attached is not None:
            tags = {key: value for key, value in tags.items() if not key.startswith("mlflow.")}
        found = begun or attached or (self._find(run.id) if again else None)
        run_id = found or self._create(run.step, run.started, tags)
        present = self._data(run_id) if found else None
        self._log(
            run_id,
            parameters=run.parameters,
            present=present.params if present else {},
            tags=tags if found else {},
        )
        self._log_metrics(run_id, step, present.metrics if present else {})
        self._log_inputs(run_id, step)
        with tempfile.TemporaryDirectory(prefix="artifactflow-mlflow-") as aside:
            self._log_files(run_id, step, Path(aside))
            self._log_models(run_id, step, Path(aside))
        self.client.set_terminated(run_id, _STATUS[run.status], _milliseconds(run.ended))
        return run_id

    def abandon_step(self, tracked: str) -> None:
        """End a child run whose step was killed together with us."""
        self.client.set_terminated(tracked, "KILLED")

    def close_pipeline(self, pipeline: str, told: ToldPipeline) -> None:
        """Say what became of each step, link the reused ones to the runs that made them, and end the parent run."""
        record = told.record
        tags = {"artifactflow.status": record.status.value} | _source_tags(record.facts.get("source", {}))
        if record.message:
            tags["artifactflow.message"] = record.message
        for outcome in record.steps:
            name = _key(outcome.step)
            tags[f"artifactflow.step.{name}"] = f"{outcome.decision}: {outcome.reason}"
            if outcome.decision in ("REUSE", "SKIP") and outcome.step in told.links:
                tags[f"artifactflow.reused.{name}"] = told.links[outcome.step]
            for key, ref in outcome.outputs.items():
                tags[f"artifactflow.output.{name}.{_key(key)}"] = ref
        self._log(pipeline, tags=tags)
        for step, name in self._registered(record).items():
            if step in told.links:
                self._register(name, told.links[step], told.aliases)
        ended = _milliseconds(record.ended) if record.ended else None
        self.client.set_terminated(pipeline, _STATUS[record.status], ended)

    def close(self) -> None:
        """MLflow needs no goodbye."""

    # the parts of a run

    def _find(self, record_id: str) -> str | None:
        found = self.client.search_runs(
            [self.experiment], filter_string=f"tags.`{RUN_TAG}` = '{record_id}'", max_results=1
        )
        return str(found[0].info.run_id) if found else None

    def _create(self, name: str, started: str, tags: Mapping[str, str]) -> str:
        shown = {key: value[:_LONGEST_VALUE] for key, value in tags.items()}
        run = self.client.create_run(self.experiment, _milliseconds(started), shown, run_name=name)
        return str(run.info.run_id)

    def _attached(self, run: Run) -> str | None:
        """The run that was made before the step ran, by a step that called it with `mlflow.run`."""
        made = run.facts.get("mlflow", {})
        if made.get("address") != self.settings["address"]:
            return None
        return str(made["run_id"]) if self._has(made["run_id"]) else None

    def _has(self, run_id: str) -> bool:
        from mlflow.exceptions import MlflowException

        try:
            return bool(self.client.get_run(run_id).info.lifecycle_stage == "active")
        except MlflowException:
            return False

    def _data(self, run_id: str) -> Any:
        return self.client.get_run(run_id).data

    def _tags(self, run: Run, pipeline: str) -> dict[str, str]:
        tags = {
            RUN_TAG: run.id,
            "artifactflow.step": run.step,
            "artifactflow.reason": run.reason,
            "artifactflow.command": run.command,
            "mlflow.parentRunId": pipeline,
            "mlflow.source.name": run.component,
            "mlflow.source.type": "PROJECT",
            "mlflow.project.entryPoint": run.entry_point,
            "mlflow.project.backend": "artifactflow",
        }
        return {key: value for key, value in tags.items() if value}

    def _log(
        self,
        run_id: str,
        *,
        parameters: Mapping[str, Value] | None = None,
        tags: Mapping[str, str] | None = None,
        present: Mapping[str, Any] | None = None,
    ) -> None:
        from mlflow.entities import Param, RunTag

        params = [
            Param(_key(name), format_value(value)[:_LONGEST_VALUE])
            for name, value in (parameters or {}).items()
            if value is not None and _key(name) not in (present or {})
        ]
        for some in _portions(params, _MOST_OTHERS):
            self.client.log_batch(run_id, params=some)
        named = [RunTag(key, value[:_LONGEST_VALUE]) for key, value in (tags or {}).items()]
        for some in _portions(named, _MOST_OTHERS):
            self.client.log_batch(run_id, tags=some)

    def _log_metrics(self, run_id: str, step: ToldStep, present: Mapping[str, Any]) -> None:
        from mlflow.entities import Metric

        time = _milliseconds(step.run.ended)
        metrics = [
            Metric(_metric_name(point.name), point.value, time, point.step)
            for output in step.outputs.values()
            for point in points(output.metrics())
            if _metric_name(point.name) not in present
        ]
        for some in _portions(metrics, _MOST_METRICS):
            self.client.log_batch(run_id, metrics=some)

    def _log_inputs(self, run_id: str, step: ToldStep) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        inputs = [
            DatasetInput(
                Dataset(
                    name=told.version.name,
                    digest=told.version.digest.hexadecimal[:_DIGEST_LENGTH],
                    source_type="artifactflow",
                    source=json.dumps(_dataset_source(told)),
                    profile=json.dumps(dict(told.version.metadata), default=str)[:_LONGEST_VALUE],
                ),
                tags=[InputTag("mlflow.data.context", name)],
            )
            for name, told in step.inputs.items()
            if not told.is_model
        ]
        if inputs:
            self.client.log_inputs(run_id, datasets=inputs)

    def _log_files(self, run_id: str, step: ToldStep, aside: Path) -> None:
        for key, told in step.outputs.items():
            if told.is_model or not all(Path(file.name).suffix.lower() in SHOWN_ENDINGS for file in told.files):
                continue
            for file in told.files:
                inner = Path(key, file.name).parent.as_posix()
                self.client.log_artifact(run_id, _named(file, aside / "files" / inner), inner)
        if step.log is not None:
            name = f"{_key(step.run.step).replace('/', '_')}.log"
            self.client.log_text(run_id, step.log.decode(errors="replace"), f"log/{name}")
        pins = requirements_text(step.run)
        if pins:
            self.client.log_text(run_id, pins, "environment/requirements.txt")

    def _log_models(self, run_id: str, step: ToldStep, aside: Path) -> None:
        logged = self.client.get_run(run_id).outputs
        if logged is not None and logged.model_outputs:
            return  # by the step itself, or by us before a crash
        for key, told in step.outputs.items():
            if not told.is_model:
                continue
            try:
                log_model(self.client, self.experiment, run_id, told, step, aside / key)
            except NotLoggableError:
                # What is not a scikit-learn model, or made of types that nobody vouches for: its bytes, as they are.
                for file in told.files:
                    inner = Path("model", key, file.name).parent.as_posix()
                    self.client.log_artifact(run_id, _named(file, aside / "files" / inner), inner)

    # the registry

    def _registered(self, record: PipelineRun) -> Mapping[str, str]:
        """Which steps' models are to be registered under which names."""
        asked: Mapping[str, str] = record.facts.get("tracking", {}).get("mlflow", {}).get("register", {})
        return asked

    def _register(self, name: str, run_id: str, aliases: Mapping[str, tuple[str, ...]]) -> None:
        from mlflow.exceptions import MlflowException

        logged = self.client.get_run(run_id).outputs
        if logged is None or not logged.model_outputs:
            return
        model = self.client.get_logged_model(logged.model_outputs[0].model_id)
        try:
            self.client.get_registered_model(name)
        except MlflowException:
            self.client.create_registered_model(name)
        known = self.client.search_model_versions(f"name = '{name}'")
        version = next((one for one in known if one.run_id == run_id), None) or self.client.create_model_version(
            name, model.model_uri, run_id, model_id=model.model_id
        )
        for alias in aliases.get(model.tags.get("artifactflow.version", ""), ()):
            if alias != "latest":  # MLflow keeps that one for itself
                self.client.set_registered_model_alias(name, alias, version.version)


@contextmanager
def _made_by_one_only(address: str) -> Iterator[None]:
    """Keep others away while a database file is made: several at once break it for good."""
    if not address.startswith("sqlite:"):
        yield
        return
    folder = Path(address.removeprefix("sqlite:///")).parent
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _result_tags(step: ToldStep) -> dict[str, str]:
    run = step.run
    tags = {
        "artifactflow.status": run.status.value,
        "artifactflow.environment": environment_digest(run),
        "artifactflow.exit_code": "" if run.exit_code is None else str(run.exit_code),
        "artifactflow.message": run.message,
        **{f"artifactflow.input.{_key(key)}": ref for key, ref in run.inputs.items()},
        **{f"artifactflow.output.{_key(key)}": ref for key, ref in run.outputs.items()},
        **_source_tags(run.facts.get("source", {})),
    }
    return {key: value for key, value in tags.items() if value}


def _source_tags(source: Mapping[str, Any]) -> dict[str, str]:
    tags = {}
    if source.get("commit"):
        tags["mlflow.source.git.commit"] = str(source["commit"])
        tags["artifactflow.git.dirty"] = format_value(bool(source.get("dirty")))
    if source.get("repository"):
        tags["mlflow.source.git.repoURL"] = str(source["repository"])
    return tags


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


def _key(name: str) -> str:
    """A name as MLflow takes it: `train[max_iter=100]` has signs that it refuses."""
    return _unwanted.sub("_", name)[:200]


def _metric_name(name: str) -> str:
    """A name that MLflow takes: to it, it is a path, which may not begin with `/` or lead upwards."""
    parts = [part for part in _key(name).split("/") if part not in ("", ".", "..")]
    return "/".join(parts) or "_"


def _milliseconds(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp() * 1000)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
