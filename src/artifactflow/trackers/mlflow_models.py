"""A fitted estimator as MLflow's LoggedModel: signature, example, pinned requirements, and the step's own bytes."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from artifactflow.errors import ArtifactflowError
from artifactflow.formats import model as model_format
from artifactflow.formats import table
from artifactflow.runs import Run
from artifactflow.trackers.environment import packages
from artifactflow.trackers.told import StoredFile, ToldStep, ToldVersion

EXAMPLE_ROWS: Final = 5
EXAMPLE_BYTES: Final = 64 * 1024 * 1024
"""A table larger than this is not read for the sake of an example."""

_NEEDED: Final = ("scikit-learn", "skops", "numpy", "pandas", "scipy")
_MODEL_FILE: Final = "model.skops"


class NotLoggableError(Exception):
    """The version holds no estimator that MLflow's scikit-learn flavour can take."""


def log_model(client: Any, experiment: str, run_id: str, told: ToldVersion, step: ToldStep, folder: Path) -> None:
    """Log the version `told`, an output of `step`, as a model of the run.

    Requirements are stated, never inferred: MLflow would load the model in a process of its own, for seconds. Raises
    NotLoggableError before anything was logged.
    """
    import mlflow.sklearn
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    estimator = _estimator(told)
    example = _example(estimator, step)
    made = client.create_logged_model(
        experiment,
        told.version.name,
        run_id,
        tags={"artifactflow.version": told.version.ref, "artifactflow.digest": str(told.version.digest)},
        model_type=str(told.version.metadata.get("task", "")) or None,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice to whoever calls MLflow by hand
        mlflow.sklearn.save_model(
            estimator,
            str(folder),
            mlflow_model=Model(
                artifact_path=made.artifact_location, model_uuid=made.model_id, run_id=run_id, model_id=made.model_id
            ),
            signature=_signature(estimator, example),
            input_example=example,
            pip_requirements=_requirements(step.run),
            serialization_format="skops",
            skops_trusted_types=sorted(model_format.reviewed_types),
        )
    if told.only_file is not None:
        # The digest of a version is that of the step's bytes, and a file written again has others.
        shutil.copyfile(told.only_file.path, folder / _MODEL_FILE)
    client.log_model_artifacts(made.model_id, str(folder))
    client.finalize_logged_model(made.model_id, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(made.model_id, step=0)])


def _estimator(told: ToldVersion) -> Any:
    file = told.only_file
    if file is None or Path(file.name).suffix.lower() != model_format.ending:
        raise NotLoggableError
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return model_format.read(file.path)
    except ArtifactflowError as error:
        raise NotLoggableError from error


def _example(estimator: Any, step: ToldStep) -> Any:
    """The first rows of the input that has the columns on which the estimator was fitted, or None."""
    wanted = [str(name) for name in getattr(estimator, "feature_names_in_", ())]
    if not wanted:
        return None
    for told in step.inputs.values():
        for file in told.files:
            if not table.is_table(Path(file.name)) or file.size > EXAMPLE_BYTES:
                continue
            try:
                frame = _read(file)
            except ArtifactflowError:
                continue
            frame.columns = [str(column) for column in frame.columns]
            if set(wanted) <= set(frame.columns):
                return frame[wanted].head(EXAMPLE_ROWS)
    return None


def _read(file: StoredFile) -> Any:
    """A stored file has no ending of its own: it is read under the name that it has in its version."""
    with tempfile.TemporaryDirectory(prefix="artifactflow-example-") as aside:
        place = Path(aside, Path(file.name).name)
        place.symlink_to(file.path)
        return table.read(place)


def _signature(estimator: Any, example: Any) -> Any:
    import numpy
    from mlflow.models import infer_signature

    if not hasattr(estimator, "predict"):
        return None
    if example is None:
        # Fitted on bare arrays: their width is all that is known, and one row of zeros has it too.
        width = getattr(estimator, "n_features_in_", 0)
        example = numpy.zeros((1, width)) if width else None
    if example is None:
        return None
    try:
        return infer_signature(example, estimator.predict(example))
    except Exception:  # the estimator is the user's: it may refuse an example in any way
        return None


def _requirements(run: Run) -> list[str]:
    known = packages(run)
    return [f"{name}=={found}" for name in _NEEDED if (found := known.get(name) or _installed(name))]


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
