"""What a script takes from and gives to W&B and MLflow, as values.

Every name, type and description is a `Text`: a literal, the parameter or config key that gives it, or unknown.
"""

from __future__ import annotations

from dataclasses import dataclass

from artifactflow.errors import Place
from artifactflow.read.orchestration.texts import Text


@dataclass(frozen=True, slots=True)
class ArtifactUse:
    """An artifact that a script uses or logs.

    `kind` is `used` or `logged`, `api` `wandb` or `mlflow`; `name` of a used one is the whole reference (`name:alias`,
    an MLflow address). `method` says how: `file`, `download`, `log_artifact`, `sklearn.log_model`. `files` are the
    paths that go into a logged one. `waits` says whether the script waits until it is uploaded (MLflow always does).
    """

    kind: str
    api: str
    name: Text
    type: Text
    description: Text
    method: str
    waits: bool
    place: Place
    files: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True)
class RunStart:
    """A call of `wandb.init` or `mlflow.start_run`; `project` of the latter is its experiment, if one was set."""

    api: str
    project: Text
    group: Text
    job_type: Text
    place: Place


@dataclass(frozen=True, slots=True)
class TrackingUse:
    """What a script does with W&B and MLflow.

    `finished` says whether it finishes its W&B run by `finish()` or `with`, and is None where it starts none.
    `removed_after_logging` are the places that delete a file which was logged to W&B and not waited for.
    `logged_parameters` and `logged_metrics` are the names given to MLflow, and metrics given to `wandb.log`.
    """

    artifacts: tuple[ArtifactUse, ...] = ()
    inits: tuple[RunStart, ...] = ()
    finished: bool | None = None
    removed_after_logging: tuple[Place, ...] = ()
    imports_wandb: bool = False
    imports_mlflow: bool = False
    logged_parameters: tuple[Text, ...] = ()
    logged_metrics: tuple[Text, ...] = ()

    def used(self) -> tuple[ArtifactUse, ...]:
        """The artifacts that it takes."""
        return tuple(artifact for artifact in self.artifacts if artifact.kind == "used")

    def logged(self) -> tuple[ArtifactUse, ...]:
        """The artifacts that it gives."""
        return tuple(artifact for artifact in self.artifacts if artifact.kind == "logged")
