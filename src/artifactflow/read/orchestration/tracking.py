"""The artifacts that a script takes from and gives to W&B and MLflow, read from its text.

Every name, type and description is a `Text`: a literal, the parameter or config key that gives it, or unknown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from artifactflow.errors import ContractError, Place
from artifactflow.read.orchestration.known_calls import Call
from artifactflow.read.orchestration.symbols import UNKNOWN, Constant, Handle, Kind, Symbol, Table
from artifactflow.read.orchestration.texts import NO_TEXT, Text, text_of
from artifactflow.read.orchestration.walk import Walker
from artifactflow.read.source import Source, parse_source, read_source


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
    observer = _Observer()
    walker = Walker(source, observer)
    observer.walker = walker
    walker.walk()
    started = any(init.api == "wandb" for init in observer.inits)
    return TrackingUse(
        artifacts=tuple(dict.fromkeys(draft.value() for draft in observer.uses)),
        inits=tuple(dict.fromkeys(observer.inits)),
        finished=observer.finished if started else None,
        removed_after_logging=tuple(dict.fromkeys(observer.removed)),
        imports_wandb="wandb" in walker.modules,
        imports_mlflow="mlflow" in walker.modules,
        logged_parameters=tuple(dict.fromkeys(observer.parameters)),
        logged_metrics=tuple(dict.fromkeys(observer.metrics)),
    )


@dataclass(slots=True)
class _Draft:
    """An artifact while the script is followed: later calls say more of it."""

    kind: str
    api: str
    place: Place
    name: Symbol
    type: Symbol = UNKNOWN
    description: Symbol = UNKNOWN
    method: str = ""
    waits: bool = False
    files: list[Symbol] = field(default_factory=list)

    def value(self) -> ArtifactUse:
        return ArtifactUse(
            self.kind,
            self.api,
            text_of(self.name),
            text_of(self.type),
            text_of(self.description),
            self.method,
            self.waits,
            self.place,
            tuple(text_of(file) for file in self.files),
        )


MOST_USES: Final = 1000
NO_DESCRIPTION: Final = Constant("")

_LOCAL_COPY: Final = "local copy"
"""What `file()` and `download()` of an artifact give: loading a model from there uses no other artifact."""

_run_calls: Final = re.compile(r"wandb(\.run)?\.(\w+)")
_mlflow_model: Final = re.compile(r"mlflow\.(\w+\.(?:log_model|save_model|load_model))|mlflow\.(pyfunc)\.\w+")
_mlflow_files: Final = {"log_text", "log_dict", "log_figure", "log_image", "log_table"}


class _Observer:
    """Takes down what each call does to artifacts."""

    walker: Walker

    def __init__(self) -> None:
        self.uses: list[_Draft] = []
        self.inits: list[RunStart] = []
        self.finished = False
        self.removed: list[Place] = []
        self.parameters: list[Text] = []
        self.metrics: list[Text] = []
        self._drafts: dict[Handle, _Draft] = {}
        self._not_awaited: list[_Draft] = []

    def __call__(self, call: Call) -> Symbol | None:
        name = call.name
        if name.startswith("wandb."):
            return self._wandb(call)
        if name.startswith("mlflow."):
            return self._mlflow(call)
        if name in {"os.remove", "os.unlink", "shutil.rmtree"} and call.arguments:
            self._remove(call.arguments[0], call.place)
        elif name == ".unlink":
            self._remove(call.receiver, call.place)
        return None

    def _add(self, draft: _Draft) -> None:
        if len(self.uses) >= MOST_USES:
            raise ContractError(f"the script uses and logs more than {MOST_USES} artifacts", place=draft.place)
        self.uses.append(draft)

    def _wandb(self, call: Call) -> Symbol | None:
        match call.name:
            case "wandb.init":
                project, group, job = (_text(call.argument(None, word)) for word in ("project", "group", "job_type"))
                self.inits.append(RunStart("wandb", project, group, job, call.place))
                return self.walker.handle("wandb.run")
            case "wandb.run.__enter__":
                return call.receiver
            case "wandb.finish" | "wandb.run.finish" | "wandb.run.__exit__" | "wandb.join":
                self.finished = True
                self._not_awaited.clear()
            case "wandb.Artifact" | "wandb.sdk.Artifact":
                return self._new_artifact(call)
            case "wandb.Api" | "wandb.apis.PublicApi" | "wandb.apis.public.Api":
                return self.walker.handle("wandb.api")
            case "wandb.api.artifact":
                return self._used(call, call.argument(0, "name"))
            case _ if call.name.startswith("wandb.artifact."):
                return self._of_artifact(call)
            case _:
                found = _run_calls.fullmatch(call.name)
                return self._of_run(call, found[2]) if found else None
        return None

    def _of_run(self, call: Call, method: str) -> Symbol | None:
        match method:
            case "use_artifact":
                return self._used(call, call.argument(0, "artifact_or_name"))
            case "log_artifact" | "upsert_artifact" | "finish_artifact":
                return self._logged(call, method)
            case "log":
                first = call.argument(0, "data")
                self.metrics += [Text(Kind.LITERAL, key) for key in first.entries] if isinstance(first, Table) else []
        return None

    def _new_artifact(self, call: Call) -> Handle:
        handle = self.walker.handle("wandb.artifact")
        self._drafts[handle] = _Draft(
            "logged",
            "wandb",
            call.place,
            call.argument(0, "name") or UNKNOWN,
            call.argument(1, "type") or UNKNOWN,
            call.argument(2, "description") or (NO_DESCRIPTION if call.complete else UNKNOWN),
        )
        return handle

    def _used(self, call: Call, name: Symbol | None) -> Handle:
        if isinstance(name, Handle) and name in self._drafts:
            draft = self._drafts[name]
            name = draft.name
        handle = self.walker.handle("wandb.artifact")
        draft = _Draft("used", "wandb", call.place, name or UNKNOWN, call.argument(1, "type") or UNKNOWN)
        self._drafts[handle] = draft
        self._add(draft)
        return handle

    def _logged(self, call: Call, method: str) -> Handle:
        first = call.argument(0, "artifact_or_path", "artifact") or UNKNOWN
        if isinstance(first, Handle) and first in self._drafts:
            handle, draft = first, self._drafts[first]
            if draft.kind == "used":
                return handle
        else:
            handle = self.walker.handle("wandb.artifact")
            is_path = call.argument(None, "name", "type") is not None or isinstance(first, Constant)
            draft = _Draft(
                "logged",
                "wandb",
                call.place,
                call.argument(None, "name") or UNKNOWN,
                call.argument(None, "type") or UNKNOWN,
            )
            draft.files = [first] if is_path else []
            self._drafts[handle] = draft
        if not draft.method:
            self._add(draft)
            self._not_awaited.append(draft)
        draft.method, draft.place = method, call.place
        return handle

    def _of_artifact(self, call: Call) -> Symbol | None:
        draft = self._drafts.get(call.receiver) if isinstance(call.receiver, Handle) else None
        if draft is None:
            return None
        match call.name.rpartition(".")[2]:
            case "add_file" | "add_dir" | "add_reference":
                draft.files.append(call.argument(0, "local_path", "uri") or UNKNOWN)
            case "new_file":
                draft.files.append(call.argument(0, "name") or UNKNOWN)
            case "add":
                draft.files.append(call.argument(1, "name") or UNKNOWN)
            case "wait":
                draft.waits = True
                self._not_awaited = [other for other in self._not_awaited if other is not draft]
                return call.receiver
            case "file" | "download" | "get_path" | "get" | "checkout" as method if draft.kind == "used":
                draft.method = draft.method or method
                return self.walker.handle(_LOCAL_COPY)
            case "save":
                return self._logged(Call("", (call.receiver,), {}, call.place), "save")
        return None

    def _remove(self, path: Symbol, place: Place) -> None:
        if any(path in draft.files for draft in self._not_awaited) and text_of(path) != NO_TEXT:
            self.removed.append(place)

    def _mlflow(self, call: Call) -> Symbol | None:
        name = call.name.removeprefix("mlflow.tracking.").removeprefix("mlflow.client.").removeprefix("mlflow.")
        if name == "MlflowClient":
            return self.walker.handle("mlflow.client")
        # A client's methods take the run's id first.
        first = 1 if isinstance(call.receiver, Handle) and call.receiver.kind == "mlflow.client" else 0
        match name:
            case "start_run":
                experiment = _text(call.argument(None, "experiment_id"))
                self.inits.append(RunStart("mlflow", experiment, NO_TEXT, NO_TEXT, call.place))
            case "log_artifact" | "log_artifacts":
                path = call.argument(first, "local_path", "local_dir")
                folder = call.argument(first + 1, "artifact_path")
                self._mlflow_logged(call, name, folder if folder not in (None, Constant(None)) else path, [path])
            case _ if name in _mlflow_files:
                self._mlflow_logged(call, name, call.argument(first + 1, "artifact_file"), [])
            case "artifacts.download_artifacts" | "artifacts.load_text" | "artifacts.load_dict" | "download_artifacts":
                position = first if first else 0
                address = call.argument(position, "artifact_uri", "artifact_path", "path")
                self._mlflow_used(call, name.removeprefix("artifacts."), address)
            case "log_param" | "log_metric":
                names = self.parameters if name == "log_param" else self.metrics
                names.append(_text(call.argument(first, "key")))
            case "log_params" | "log_metrics":
                names = self.parameters if name == "log_params" else self.metrics
                names += _keys(call.argument(first, "params", "metrics"))
            case _ if found := _mlflow_model.fullmatch(call.name):
                self._model(call, found[1] or name)
        return None

    def _model(self, call: Call, method: str) -> None:
        if method.endswith("load_model"):
            address = call.argument(0, "model_uri")
            if not (isinstance(address, Handle) and address.kind == _LOCAL_COPY):
                self._mlflow_used(call, method, address, Constant("model"))
        elif method.endswith(("log_model", "save_model")):
            # pyfunc takes the path first, the flavors of libraries the model.
            position = 0 if method.startswith("pyfunc.") else 1
            name = call.argument(position, "name", "artifact_path", "path")
            self._mlflow_logged(call, method, name, [], Constant("model"))

    def _mlflow_logged(
        self, call: Call, method: str, name: Symbol | None, files: list[Symbol | None], kind: Symbol = UNKNOWN
    ) -> None:
        found = [file for file in files if file is not None]
        self._add(_Draft("logged", "mlflow", call.place, name or UNKNOWN, kind, NO_DESCRIPTION, method, True, found))

    def _mlflow_used(self, call: Call, method: str, name: Symbol | None, kind: Symbol = UNKNOWN) -> None:
        draft = _Draft("used", "mlflow", call.place, name or UNKNOWN, kind, NO_DESCRIPTION, method, True)
        self._add(draft)


def _text(symbol: Symbol | None) -> Text:
    return text_of(symbol) if symbol is not None else NO_TEXT


def _keys(symbol: Symbol | None) -> list[Text]:
    return [Text(Kind.LITERAL, key) for key in symbol.entries] if isinstance(symbol, Table) else [_text(symbol)]
