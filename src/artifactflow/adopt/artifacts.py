"""The artifacts that a script logs as outputs of its component, and those that it fetches as remarks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from artifactflow.adopt.adoption import Remark
from artifactflow.adopt.options import Draft
from artifactflow.adopt.path_uses import PathUses, is_within
from artifactflow.artifact import check_name
from artifactflow.contract import DEFAULT_OUTPUT_TYPE, Output, stem
from artifactflow.errors import UsageError
from artifactflow.read.orchestration.symbols import Kind
from artifactflow.read.orchestration.texts import Text
from artifactflow.read.orchestration.tracking_uses import ArtifactUse, TrackingUse

TRACKERS = {"wandb": "W&B", "mlflow": "MLflow"}


def artifact_parameters(tracking: TrackingUse) -> set[str]:
    """The options, by dest, that hold names of artifacts which the script uses or logs by itself."""
    return {use.name.text for use in tracking.artifacts if use.name.kind in (Kind.PARAMETER, Kind.CONFIG)}


def take_artifacts(tracking: TrackingUse, draft: Draft, paths: PathUses) -> None:
    """Add what the script logs to the outputs of a draft, and say what it fetches by itself.

    A file that an option names is that output, with the artifact's name, type and description; one that the script
    names itself is collected from there. What is deleted afterwards, or lies elsewhere, cannot be collected.
    """
    for use in tracking.logged():
        for file in use.files:
            _take_logged(use, file, draft, paths)
        if not use.files:
            message = f"{use.method} hands the artifact {use.name} to {TRACKERS[use.api]} alone: it is no output here"
            draft.remarks.append(Remark(message, use.place))
    for use in tracking.used():
        if use.name.kind is not Kind.PARAMETER:
            message = f"the artifact {use.name} is fetched from {TRACKERS[use.api]} by the script: it is no input here"
            draft.remarks.append(Remark(message, use.place))
    stated = {output.path for output in draft.outputs}
    for path, place in paths.written.items():
        if path not in stated and Text(Kind.LITERAL, path) not in paths.removed:
            draft.remarks.append(Remark(f"{path} is written: state it under outputs to keep it", place))


def _take_logged(use: ArtifactUse, file: Text, draft: Draft, paths: PathUses) -> None:
    if file.kind in (Kind.PARAMETER, Kind.CONFIG):
        key = draft.names.get(file.text)
        for position, output in enumerate(draft.outputs):
            if output.key == key:
                draft.outputs[position] = _described(output, use, draft)
                return
    why = ""
    if file.kind is not Kind.LITERAL:
        why = f"the path {file} is not known before it runs"
    elif not is_within(file.text):
        why = f"{file.text} lies outside the component's folder"
    elif file in paths.removed:
        why = f"{file.text} is deleted before the script ends"
    if why:
        message = f"{why}: what goes to {TRACKERS[use.api]} as {use.name} is no output here"
        draft.remarks.append(Remark(message, use.place))
        return
    if any(output.path == file.text for output in draft.outputs):
        return
    key = draft.free_name(stem(file.text) or PurePosixPath(file.text).name)
    draft.outputs.append(_described(Output(key, key=key, path=file.text, placeholder=False), use, draft))


def _described(output: Output, use: ArtifactUse, draft: Draft) -> Output:
    """The output with what the tracker is told of it, as far as that can be said in a manifest."""
    # A file that MLflow logs has no name but its path.
    name = _template(use.name, draft) if use.api == "wandb" else ""
    kind = _template(use.type, draft)
    return replace(
        output,
        name=name or output.name or output.key,
        type=kind or DEFAULT_OUTPUT_TYPE,
        description=_template(use.description, draft, free=True) or output.description,
    )


def _template(text: Text, draft: Draft, *, free: bool = False) -> str:
    """A text of the script as a template over the manifest's parameters; empty where it cannot be one.

    What is no `free` text has to be a name that an artifact may have.
    """
    match text.kind:
        case Kind.PARAMETER | Kind.CONFIG if text.text in draft.names:
            return f"{{{draft.names[text.text]}}}"
        case Kind.LITERAL if free and not set("{}") & set(text.text):
            return text.text
        case Kind.LITERAL:
            try:
                return check_name(text.text)
            except UsageError:
                return ""
    return ""
