"""What calls of MLflow do to artifacts and runs."""

from __future__ import annotations

import re
from typing import Final

from artifactflow.read.orchestration.known_calls import Call
from artifactflow.read.orchestration.symbols import UNKNOWN, Constant, Handle, Kind, Symbol, Table
from artifactflow.read.orchestration.texts import NO_TEXT, Text
from artifactflow.read.orchestration.tracking_notes import LOCAL_COPY, NO_DESCRIPTION, Draft, Notes, given_text
from artifactflow.read.orchestration.tracking_uses import RunStart

_model_call: Final = re.compile(r"mlflow\.(\w+\.(?:log_model|save_model|load_model))|mlflow\.(pyfunc)\.\w+")
_file_calls: Final = {"log_text", "log_dict", "log_figure", "log_image", "log_table"}


class MlflowCalls:
    """Takes down in `notes` what each call of MLflow does."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    def __call__(self, call: Call) -> Symbol | None:
        """Take down a call whose name begins with `mlflow.`; what it gives is known of a client only."""
        name = call.name.removeprefix("mlflow.tracking.").removeprefix("mlflow.client.").removeprefix("mlflow.")
        if name == "MlflowClient":
            return self._notes.handle("mlflow.client")
        # A client's methods take the run's id first.
        first = 1 if isinstance(call.receiver, Handle) and call.receiver.kind == "mlflow.client" else 0
        match name:
            case "start_run":
                experiment = given_text(call.argument(None, "experiment_id"))
                self._notes.inits.append(RunStart("mlflow", experiment, NO_TEXT, NO_TEXT, call.place))
            case "log_artifact" | "log_artifacts":
                path = call.argument(first, "local_path", "local_dir")
                folder = call.argument(first + 1, "artifact_path")
                self._logged(call, name, folder if folder not in (None, Constant(None)) else path, [path])
            case _ if name in _file_calls:
                self._logged(call, name, call.argument(first + 1, "artifact_file"), [])
            case "artifacts.download_artifacts" | "artifacts.load_text" | "artifacts.load_dict" | "download_artifacts":
                position = first if first else 0
                address = call.argument(position, "artifact_uri", "artifact_path", "path")
                self._used(call, name.removeprefix("artifacts."), address)
            case "log_param" | "log_metric":
                names = self._notes.parameters if name == "log_param" else self._notes.metrics
                names.append(given_text(call.argument(first, "key")))
            case "log_params" | "log_metrics":
                names = self._notes.parameters if name == "log_params" else self._notes.metrics
                names += _keys(call.argument(first, "params", "metrics"))
            case _ if found := _model_call.fullmatch(call.name):
                self._model(call, found[1] or name)
        return None

    def _model(self, call: Call, method: str) -> None:
        if method.endswith("load_model"):
            address = call.argument(0, "model_uri")
            if not (isinstance(address, Handle) and address.kind == LOCAL_COPY):
                self._used(call, method, address, Constant("model"))
        elif method.endswith(("log_model", "save_model")):
            # pyfunc takes the path first, the flavors of libraries the model.
            position = 0 if method.startswith("pyfunc.") else 1
            name = call.argument(position, "name", "artifact_path", "path")
            self._logged(call, method, name, [], Constant("model"))

    def _logged(
        self, call: Call, method: str, name: Symbol | None, files: list[Symbol | None], kind: Symbol = UNKNOWN
    ) -> None:
        found = [file for file in files if file is not None]
        self._notes.add(
            Draft("logged", "mlflow", call.place, name or UNKNOWN, kind, NO_DESCRIPTION, method, True, found)
        )

    def _used(self, call: Call, method: str, name: Symbol | None, kind: Symbol = UNKNOWN) -> None:
        draft = Draft("used", "mlflow", call.place, name or UNKNOWN, kind, NO_DESCRIPTION, method, True)
        self._notes.add(draft)


def _keys(symbol: Symbol | None) -> list[Text]:
    return [Text(Kind.LITERAL, key) for key in symbol.entries] if isinstance(symbol, Table) else [given_text(symbol)]
