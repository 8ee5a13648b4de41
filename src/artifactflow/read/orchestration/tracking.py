"""The artifacts that a script takes from and gives to W&B and MLflow, read from its text.

The script is followed by `walk.py`; what each of its calls does is noted by `wandb_calls.py` and `mlflow_calls.py`.
"""

from __future__ import annotations

from pathlib import Path

from artifactflow.read.orchestration.known_calls import Call
from artifactflow.read.orchestration.mlflow_calls import MlflowCalls
from artifactflow.read.orchestration.symbols import Symbol
from artifactflow.read.orchestration.tracking_notes import Notes
from artifactflow.read.orchestration.tracking_uses import TrackingUse
from artifactflow.read.orchestration.walk import Walker
from artifactflow.read.orchestration.wandb_calls import WandbCalls
from artifactflow.read.source import Source, parse_source, read_source


def read_tracking(path: Path) -> TrackingUse:
    """What the script at `path` does with W&B and MLflow; it is neither run nor imported.

    Raises NotFoundError, OutsideError where it cannot be read, and ContractError with file, line and column where it
    is not Python.
    """
    return tracking_of(read_source(path))


def read_tracking_text(text: str, file: str) -> TrackingUse:
    """The same of a script's text.

    >>> text = "import wandb\\nwandb.init().use_artifact('clean.csv:latest').file()"
    >>> [(use.kind, str(use.name), use.method) for use in read_tracking_text(text, "main.py").artifacts]
    [('used', 'clean.csv:latest', 'file')]
    """
    return tracking_of(parse_source(text, file))


def tracking_of(source: Source) -> TrackingUse:
    """The same of a script that was parsed."""
    if not any(tracker in line for line in source.lines for tracker in ("wandb", "mlflow")):
        return TrackingUse()
    notes = Notes()
    walker = Walker(source, _Observer(notes))
    walker.walk()
    started = any(init.api == "wandb" for init in notes.inits)
    return TrackingUse(
        artifacts=tuple(dict.fromkeys(draft.value() for draft in notes.artifacts)),
        inits=tuple(dict.fromkeys(notes.inits)),
        finished=notes.finished if started else None,
        removed_after_logging=tuple(dict.fromkeys(notes.removed)),
        imports_wandb="wandb" in walker.modules,
        imports_mlflow="mlflow" in walker.modules,
        logged_parameters=tuple(dict.fromkeys(notes.parameters)),
        logged_metrics=tuple(dict.fromkeys(notes.metrics)),
    )


class _Observer:
    """Takes down what each call does to artifacts."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._wandb = WandbCalls(notes)
        self._mlflow = MlflowCalls(notes)

    def __call__(self, call: Call) -> Symbol | None:
        name = call.name
        if name.startswith("wandb."):
            return self._wandb(call)
        if name.startswith("mlflow."):
            return self._mlflow(call)
        if name in {"os.remove", "os.unlink", "shutil.rmtree"} and call.arguments:
            self._notes.remove(call.arguments[0], call.place)
        elif name == ".unlink":
            self._notes.remove(call.receiver, call.place)
        return None
