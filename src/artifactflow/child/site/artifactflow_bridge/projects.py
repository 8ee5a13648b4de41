"""What happens when MLflow's project backends have been imported: `mlflow.run` asks the runner and starts no bash.

The components of a root that calls `mlflow.run` become steps of the pipeline run that the root belongs to: planned,
reused where nothing has changed, executed where the runner says. The MLflow run that the caller gets back exists in its
tracking store as it would without us; for a reused component it is the run of then, where that store still has it.
"""

# What is imported here, every root finds imported: so no pathlib.
# ruff: noqa: PTH103, PTH109, PTH117, PTH118, PTH120

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from typing import Any

from . import line
from .fetched import fetched_folder

REUSED_TAG = "artifactflow.reused"
"""On a run that was made for a component that did not run: the run of ours whose results serve."""

PARENT_TAG = "mlflow.parentRunId"
RUN_VARIABLE = "MLFLOW_RUN_ID"
RUN_GONE = "the tracking store no longer has the run of MLflow's that it has logged to"


def patch_backends(loader: Any) -> None:
    """Put the runner in the place of MLflow's local backend, for processes that belong to a step."""
    loader.MLFLOW_BACKENDS["local"] = runner_backend(loader.MLFLOW_BACKENDS["local"])


def patch_stores(utils: Any) -> None:
    """Have a database file made by one process at a time, with the artifacts beside it and not in the working folder.

    Several at once break a new one for good.
    """
    registry = utils._tracking_store_registry
    make = registry._registry.get("sqlite")
    if make is None:
        return

    def make_alone(store_uri: Any, artifact_uri: Any = None, **others: Any) -> Any:
        file = str(store_uri)[len("sqlite:///") :]
        if not line.is_open() or not os.path.isabs(file):
            return make(store_uri=store_uri, artifact_uri=artifact_uri, **others)
        folder = os.path.dirname(file)
        with _locked(folder):
            return make(store_uri=store_uri, artifact_uri=artifact_uri or os.path.join(folder, "mlruns"), **others)

    registry.register("sqlite", make_alone)


@contextlib.contextmanager
def _locked(folder: str) -> Any:
    os.makedirs(folder, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


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
            found = _run(*given) if line.is_open() else None
            return super().run(*given) if found is None else found

    return RunnerBackend


def _run(
    project_uri: Any,
    entry_point: Any,
    params: Any,
    version: Any,
    backend_config: Any,
    tracking_uri: Any,
    experiment_id: Any,
) -> Any:
    """The submitted run; None where MLflow has to run the project: a container, or a step that cannot be served."""
    from mlflow.exceptions import ExecutionException
    from mlflow.projects import utils

    folder = fetched_folder(project_uri, version, entry_point, params)
    project = utils.load_project(folder)
    if getattr(project, "docker_env", None):
        return None
    try:
        begun = line.ask(
            "begin_project",
            folder=folder,
            entry_point=entry_point,
            parameters=_local_parameters(project, entry_point, params or {}, backend_config.get("STORAGE_DIR")),
            caller=os.getcwd(),
            env_manager=backend_config.get("ENV_MANAGER"),
            environment=dict(os.environ),
            tracking_uri=tracking_uri,
        )
        if begun is None:
            return None
        return _go_on(begun, project_uri, folder, entry_point, version, backend_config, tracking_uri, experiment_id)
    except line.RefusedError as error:
        raise ExecutionException(str(error)) from error


def _go_on(
    begun: Any,
    project_uri: Any,
    folder: str,
    entry_point: Any,
    version: Any,
    backend_config: Any,
    tracking_uri: Any,
    experiment_id: Any,
) -> Any:
    from mlflow.projects import utils
    from mlflow.tracking import MlflowClient

    for abandoned in begun["abandoned"]:
        _end_run(abandoned, "KILLED")
    run_id = backend_config.get("_mlflow_local_backend_run_id")
    reused, ticket = begun["reused"], begun["ticket"]
    had_run = bool(begun["mlflow_run"])
    has_run = had_run and _has_run(begun["mlflow_run"])
    if reused and has_run and not run_id:
        line.ask("settle_project", ticket=ticket, mlflow_run=begun["mlflow_run"])
        return _submitted(begun["mlflow_run"], None)
    if not run_id:
        run_id = _create_run(begun["parameters"], project_uri, folder, entry_point, version, experiment_id)
    because = RUN_GONE if reused and not has_run and begun["uses_mlflow"] else ""
    if reused and not because:
        MlflowClient().set_tag(run_id, REUSED_TAG, reused)
        line.ask("settle_project", ticket=ticket, mlflow_run=run_id)
        _end_run(run_id, "FINISHED")
        return _submitted(run_id, None)
    asked = {
        "ticket": ticket,
        "mlflow_run": run_id,
        "tracking_uri": tracking_uri,
        "variables": {name: str(value) for name, value in utils.get_run_env_vars(run_id, experiment_id).items()},
        "because": because,
    }
    execution = _Execution(run_id, asked)
    execution.start()
    return _submitted(run_id, execution)


def _local_parameters(project: Any, entry_point: Any, params: Any, storage: Any) -> dict[str, str]:
    """The parameters as texts; what a `path` names elsewhere is downloaded, as MLflow does."""
    import tempfile

    from mlflow.tracking.artifact_utils import _download_artifact_from_uri
    from mlflow.utils.file_utils import get_local_path_or_none

    known = project.get_entry_point(entry_point).parameters
    given = {str(name): str(value) for name, value in params.items()}
    for name, text in given.items():
        is_path = getattr(known.get(name), "type", "") == "path" and not text.startswith("artifactflow:")
        if is_path and get_local_path_or_none(text) is None:
            given[name] = _download_artifact_from_uri(text, output_path=tempfile.mkdtemp(dir=storage))
    return given


def _create_run(
    parameters: Any, project_uri: Any, folder: str, entry_point: Any, version: Any, experiment_id: Any
) -> str:
    """A run as MLflow makes it for a project, with the values of parameters as they are and not quoted for a shell."""
    import mlflow
    from mlflow.entities import Param
    from mlflow.projects import utils
    from mlflow.tracking import MlflowClient
    from mlflow.tracking.context.registry import resolve_tags

    active = mlflow.active_run()
    parent = active.info.run_id if active else os.environ.get(RUN_VARIABLE)
    user = resolve_tags().get("mlflow.user")
    tags = {
        "mlflow.source.name": utils._expand_uri(project_uri),
        "mlflow.source.type": "PROJECT",
        "mlflow.source.git.commit": utils.get_git_commit(folder),
        "mlflow.source.git.branch": version if version and utils._is_valid_branch_name(folder, version) else None,
        "mlflow.project.entryPoint": entry_point,
        "mlflow.user": user,
        PARENT_TAG: parent,
    }
    client = MlflowClient()
    run = client.create_run(experiment_id, tags={name: str(value) for name, value in tags.items() if value})
    client.log_batch(run.info.run_id, params=[Param(name, value) for name, value in parameters.items()])
    return str(run.info.run_id)


class _Execution(threading.Thread):
    """Waits for the runner to execute a component. The process does not end before it has."""

    def __init__(self, run_id: Any, asked: Any) -> None:
        super().__init__(name="mlflow.run")
        self.daemon = False
        self.run_id = run_id
        self.asked = asked
        self.succeeded = False

    def run(self) -> None:
        reused = ""
        try:
            answer = line.ask("run_project", **self.asked)
            self.succeeded, reused = answer["succeeded"], answer["reused"]
        except line.RefusedError as error:
            import sys

            sys.stderr.write(f"artifactflow: {error}\n")
        # Whoever asked with synchronous=False may never wait: the run in the store ends here all the same.
        if reused:
            from mlflow.tracking import MlflowClient

            MlflowClient().set_tag(self.run_id, REUSED_TAG, reused)
        _end_run(self.run_id, "FINISHED" if self.succeeded else "FAILED")


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
                with contextlib.suppress(line.RefusedError):
                    line.ask("cancel_project", ticket=execution.asked["ticket"])
                execution.join()

    return RunnerSubmittedRun()


def _has_run(run_id: Any) -> bool:
    """Whether the tracking store that this process uses has that run, finished and not deleted."""
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    try:
        info = MlflowClient().get_run(run_id).info
    except MlflowException:
        return False
    return bool(info.lifecycle_stage == "active" and info.status == "FINISHED")


def _end_run(run_id: Any, status: str) -> None:
    """Mark the run as ended, unless that has been done, or the run deleted."""
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    client = MlflowClient()
    with contextlib.suppress(MlflowException):
        if client.get_run(run_id).info.status in ("RUNNING", "SCHEDULED"):
            client.set_terminated(run_id, status)
