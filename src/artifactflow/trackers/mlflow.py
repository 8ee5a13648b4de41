"""Tells MLflow: a pipeline run is a run, each step that was executed a nested run below it."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from artifactflow.errors import OutsideError
from artifactflow.fetch.addresses import masked_address
from artifactflow.runs import PipelineRun, Run, RunStatus
from artifactflow.trackers.choice import mlflow_address
from artifactflow.trackers.mlflow_content import LONGEST_VALUE, RunContent, milliseconds
from artifactflow.trackers.mlflow_registry import register_model
from artifactflow.trackers.mlflow_tags import RUN_TAG, outcome_tags, pipeline_tags, result_tags, step_tags
from artifactflow.trackers.told import Begun, ToldPipeline, ToldStep

_STATUS: Final = {
    RunStatus.RUNNING: "KILLED",  # told of only when its process is known to be gone
    RunStatus.FINISHED: "FINISHED",
    RunStatus.FAILED: "FAILED",
    RunStatus.INTERRUPTED: "KILLED",
}


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
        tags = pipeline_tags(record, self.project, self.settings["parent"])
        run_id = found or self._create(record.pipeline, record.started, tags)
        present = self._data(run_id).params if found else ()
        self._content(run_id).log_parameters(record.parameters, present)
        return run_id

    def begin_step(self, run: Run, pipeline: str, *, again: bool) -> Begun:
        """Make the child run before the step runs, which finds it by these variables."""
        found = self._find(run.id) if again else None
        run_id = found or self._create(run.step, run.started, step_tags(run, pipeline))
        return Begun(run_id, {"MLFLOW_RUN_ID": run_id, "MLFLOW_EXPERIMENT_ID": self.experiment})

    def tell_step(self, step: ToldStep, pipeline: str, begun: str | None, *, again: bool) -> str:
        """Fill and end the child run. What the step has logged by itself under the same names stays as it is."""
        run = step.run
        tags = step_tags(run, pipeline) | result_tags(step)
        attached = self._attached(run)
        if attached is not None:
            tags = {key: value for key, value in tags.items() if not key.startswith("mlflow.")}
        found = begun or attached or (self._find(run.id) if again else None)
        run_id = found or self._create(run.step, run.started, tags)
        present = self._data(run_id) if found else None
        content = self._content(run_id)
        content.log_parameters(run.parameters, present.params if present else ())
        if found:
            content.log_tags(tags)
        content.log_metrics(step, present.metrics if present else ())
        content.log_inputs(step)
        with tempfile.TemporaryDirectory(prefix="artifactflow-mlflow-") as aside:
            content.log_files(step, Path(aside))
            content.log_models(step, Path(aside))
        self.client.set_terminated(run_id, _STATUS[run.status], milliseconds(run.ended))
        return run_id

    def abandon_step(self, tracked: str) -> None:
        """End a child run whose step was killed together with us."""
        self.client.set_terminated(tracked, "KILLED")

    def close_pipeline(self, pipeline: str, told: ToldPipeline) -> None:
        """Say what became of each step, link the reused ones to the runs that made them, and end the parent run."""
        record = told.record
        self._content(pipeline).log_tags(outcome_tags(told))
        for step, name in _registered(record).items():
            if step in told.links:
                register_model(self.client, name, told.links[step], told.aliases)
        ended = milliseconds(record.ended) if record.ended else None
        self.client.set_terminated(pipeline, _STATUS[record.status], ended)

    def close(self) -> None:
        """MLflow needs no goodbye."""

    # finding and making runs

    def _find(self, record_id: str) -> str | None:
        found = self.client.search_runs(
            [self.experiment], filter_string=f"tags.`{RUN_TAG}` = '{record_id}'", max_results=1
        )
        return str(found[0].info.run_id) if found else None

    def _create(self, name: str, started: str, tags: Mapping[str, str]) -> str:
        shown = {key: value[:LONGEST_VALUE] for key, value in tags.items()}
        run = self.client.create_run(self.experiment, milliseconds(started), shown, run_name=name)
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

    def _content(self, run_id: str) -> RunContent:
        return RunContent(self.client, self.experiment, run_id)


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


def _registered(record: PipelineRun) -> Mapping[str, str]:
    """Which steps' models are to be registered under which names."""
    asked: Mapping[str, str] = record.facts.get("tracking", {}).get("mlflow", {}).get("register", {})
    return asked


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
