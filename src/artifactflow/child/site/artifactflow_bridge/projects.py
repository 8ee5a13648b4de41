"""What happens when MLflow's project backends have been imported: `mlflow.run` asks the runner and starts no bash.

The components of a root that calls `mlflow.run` become steps of the pipeline run that the root belongs to: planned,
reused where nothing has changed, executed where the runner says. The MLflow run that the caller gets back exists in its
tracking store as it would without us; for a reused component it is the run of then, where that store still has it.
"""

# What is imported here, every root finds imported: so no pathlib.
# ruff: noqa: PTH100, PTH109

from __future__ import annotations

import os
import threading
from typing import Any

from . import line

REUSED_TAG = "artifactflow.reused"
"""On a run that was made for a component that did not run: the run of ours whose results serve."""


def patch_backends(loader: Any) -> None:
    """Put the runner in the place of MLflow's local backend, for processes that belong to a step."""
    loader.MLFLOW_BACKENDS["local"] = runner_backend(loader.MLFLOW_BACKENDS["local"])


def runner_backend(local: Any) -> Any:
    """A subclass of MLflow's local backend that has components run by the runner."""

    class RunnerBackend(local):  # type: ignore[misc]
        def run(
            self,
            project_uri: Any,
            entry_point: Any,
            params: Any,
            version: Any,
            backend_config: Any,
            tracking_uri: Any,
            experiment_id: Any,
        ) -> Any:
            given = (project_uri, entry_point, params, version, backend_config, tracking_uri, experiment_id)
            if not line.is_open():
                return super().run(*given)
            return _run(*given, without_runner=lambda: super(RunnerBackend, self).run(*given))

    return RunnerBackend


def _run(
    project_uri: Any,
    entry_point: Any,
    params: Any,
    version: Any,
    backend_config: Any,
    tracking_uri: Any,
    experiment_id: Any,
    *,
    without_runner: Any,
) -> Any:
    from mlflow.exceptions import ExecutionException
    from mlflow.projects import utils

    folder = utils.fetch_and_validate_project(project_uri, version, entry_point, params)
    if getattr(utils.load_project(folder), "docker_env", None):
        return without_runner()
    try:
        begun = line.ask(
            "begin_project",
            folder=os.path.abspath(folder),
            entry_point=entry_point,
            parameters={name: str(value) for name, value in (params or {}).items()},
            caller=os.getcwd(),
            tracking_uri=tracking_uri,
        )
    except line.RefusedError as error:
        raise ExecutionException(str(error)) from error
    run_id = backend_config.get("_mlflow_local_backend_run_id")
    reused = begun["reused"]
    if reused and not run_id and _has_run(begun["mlflow_run"]):
        line.ask("settle_project", ticket=begun["ticket"], mlflow_run=begun["mlflow_run"])
        return _submitted(begun["mlflow_run"], None)
    run = utils.get_or_create_run(run_id, project_uri, experiment_id, folder, version, entry_point, params)
    if reused:
        from mlflow.tracking import MlflowClient

        MlflowClient().set_tag(run.info.run_id, REUSED_TAG, reused)
        line.ask("settle_project", ticket=begun["ticket"], mlflow_run=run.info.run_id)
        return _submitted(run.info.run_id, None)
    variables = utils.get_run_env_vars(run.info.run_id, experiment_id)
    execution = _Execution(begun["ticket"], run.info.run_id, variables)
    execution.start()
    return _submitted(run.info.run_id, execution)


class _Execution(threading.Thread):
    """Waits for the runner to execute a component. The process does not end before it has."""

    def __init__(self, ticket: Any, run_id: Any, variables: Any) -> None:
        super().__init__(name="mlflow.run")
        self.daemon = False
        self.ticket = ticket
        self.run_id = run_id
        self.variables = {name: str(value) for name, value in variables.items()}
        self.succeeded = False
        self.message = ""

    def run(self) -> None:
        try:
            answer = line.ask("run_project", ticket=self.ticket, mlflow_run=self.run_id, variables=self.variables)
            self.succeeded = answer["succeeded"]
        except line.RefusedError as error:
            self.message = str(error)
        # Whoever asked with synchronous=False may never wait: the run in the store ends here all the same.
        _end_run(self.run_id, self.succeeded)


def _submitted(run_id: Any, execution: Any) -> Any:
    """What `mlflow.run` gives back: the run with this id; `execution` waits for it, and is None where it is over."""
    from mlflow.projects.submitted_run import SubmittedRun

    class RunnerSubmittedRun(SubmittedRun):  # type: ignore[misc]
        @property
        def run_id(self) -> Any:
            return run_id

        def wait(self) -> bool:
            if execution is None:
                return True
            execution.join()
            return bool(execution.succeeded)

        def get_status(self) -> str:
            if execution is not None and execution.is_alive():
                return "RUNNING"
            return "FINISHED" if self.wait() else "FAILED"

        def cancel(self) -> None:
            if execution is not None and execution.is_alive():
                line.ask("cancel_project", ticket=execution.ticket)
                execution.join()

    return RunnerSubmittedRun()


def _has_run(run_id: Any) -> bool:
    """Whether the tracking store that this process uses has that run, not deleted."""
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    if not run_id:
        return False
    try:
        return bool(MlflowClient().get_run(run_id).info.lifecycle_stage == "active")
    except MlflowException:
        return False


def _end_run(run_id: Any, succeeded: bool) -> None:
    """Mark the run as ended, unless the component has done so itself."""
    from mlflow.entities import RunStatus
    from mlflow.tracking import MlflowClient

    client = MlflowClient()
    if not RunStatus.is_terminated(RunStatus.from_string(client.get_run(run_id).info.status)):
        client.set_terminated(run_id, "FINISHED" if succeeded else "FAILED")
