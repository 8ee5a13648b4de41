"""`mlflow run DIR --backend artifactflow`: the same component or pipeline, planned and cached."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlflow.projects.backend.abstract_backend import AbstractBackend

from artifactflow.errors import ArtifactflowError, InterruptedRunError
from artifactflow.fetch.addresses import masked_message
from artifactflow.pipeline import Given
from artifactflow.read.component import load_pipeline
from artifactflow.runner import Options, Silent, bind_pipeline, refuse_secret_options, run_pipeline
from artifactflow.runner.environment_modes import environment_modes
from artifactflow.runner.keep_warm import keep_warm_seconds
from artifactflow.runner.secrets import shown_value
from artifactflow.runs import PipelineRun, StepOutcome
from artifactflow.store import Store, find_store


class Told(Silent):
    """Tells the person at the terminal what is decided and printed, on standard error as MLflow does."""

    def step_started(self, step: str, reason: str) -> None:
        """Say that the step runs, and why."""
        print(f"{step}  RUN  {reason}", file=sys.stderr)  # noqa: T201 - there is no other way to a person here

    def step_printed(self, step: str, line: str) -> None:
        """Hand the line on."""
        print(f"{step} | {line}", file=sys.stderr)  # noqa: T201 - as above

    def noted(self, message: str) -> None:
        """Hand the message on."""
        print(message, file=sys.stderr)  # noqa: T201 - as above

    def step_ended(self, outcome: StepOutcome) -> None:
        """Say what became of the step."""
        made = ", ".join(outcome.outputs.values())
        print(f"{outcome.step}  {outcome.decision}  {made}", file=sys.stderr)  # noqa: T201 - as above


class ArtifactflowBackend(AbstractBackend):  # type: ignore[misc]
    """Runs in this process and ends the MLflow run itself: MLflow's command line does not wait for a plug-in's run."""

    def run(
        self,
        project_uri: str,
        entry_point: str,
        params: Mapping[str, Any] | None,
        version: str | None,
        backend_config: Mapping[str, Any] | None,
        tracking_uri: str,
        experiment_id: str,
    ) -> Any:
        """Run the project and return its ended run. Raises ExecutionException where it failed."""
        from mlflow.exceptions import ExecutionException
        from mlflow.tracking import MlflowClient

        del backend_config
        caller = Path.cwd()
        folder = _fetched(project_uri, version)
        values = {name: str(value) for name, value in (params or {}).items()}
        client = MlflowClient(tracking_uri)
        tags = {
            "mlflow.source.name": masked_message(project_uri),
            "mlflow.source.type": "PROJECT",
            "mlflow.project.entryPoint": entry_point,
            "mlflow.project.backend": "artifactflow",
        }
        run_id: str = client.create_run(experiment_id, tags=tags).info.run_id
        status = "FAILED"
        try:
            with _variables(MLFLOW_RUN_ID=run_id, MLFLOW_TRACKING_URI=tracking_uri, MLFLOW_EXPERIMENT_ID=experiment_id):
                pipeline = load_pipeline(folder, entry_point=entry_point)
                variables = {name: text for name, text in os.environ.items() if name.startswith("ARTIFACTFLOW_P_")}
                bound = bind_pipeline(pipeline, Given(values, variables), caller)
                refuse_secret_options(bound)
                for parameter in bound.pipeline.parameters:
                    value, _ = bound.parameters[parameter.name]
                    client.log_param(run_id, parameter.name, shown_value(parameter, value))
                with Store.open(find_store(folder)) as store:
                    modes = environment_modes((), os.environ, pipeline.steps, pipeline.folder)
                    warm = keep_warm_seconds(None, pipeline.folder)
                    record = run_pipeline(bound, store, Options(environments=modes, keep_warm=warm), Told())
            _tell_outcomes(client, run_id, record)
            status = "FINISHED"
        except InterruptedRunError as error:
            status = "KILLED"
            raise KeyboardInterrupt from error
        except ArtifactflowError as error:
            raise ExecutionException(masked_message(error.render())) from error
        finally:
            client.set_terminated(run_id, status)
        return _ended_run(run_id)


def _fetched(project_uri: str, version: str | None) -> Path:
    """The project's folder; what is not local is fetched by MLflow's own means."""
    local = Path(project_uri)
    if local.exists() and version is None:
        return local.resolve()
    from mlflow.projects.utils import _fetch_project

    return Path(_fetch_project(project_uri, version))


def _tell_outcomes(client: Any, run_id: str, record: PipelineRun) -> None:
    client.set_tag(run_id, "artifactflow.run", record.id)
    for outcome in record.steps:
        client.set_tag(run_id, f"artifactflow.step.{outcome.step}", f"{outcome.decision}: {outcome.reason}"[:5000])
        for key, ref in outcome.outputs.items():
            client.set_tag(run_id, f"artifactflow.output.{outcome.step}.{key}", ref)


def _ended_run(run_id: str) -> Any:
    from mlflow.entities import RunStatus
    from mlflow.projects.submitted_run import SubmittedRun

    class EndedRun(SubmittedRun):  # type: ignore[misc]
        """A run that is over by the time that anybody can ask."""

        @property
        def run_id(self) -> str:
            return run_id

        def wait(self) -> bool:
            return True

        def get_status(self) -> str:
            return str(RunStatus.to_string(RunStatus.FINISHED))

        def cancel(self) -> None:
            """Too late."""

    return EndedRun()


@contextmanager
def _variables(**wanted: str) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
