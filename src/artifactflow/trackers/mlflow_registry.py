"""MLflow's registry of models: a logged model becomes a version of a registered one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def register_model(client: Any, name: str, run_id: str, aliases: Mapping[str, tuple[str, ...]]) -> None:
    """Register the model of a run under a name, unless it is, and set the aliases of the version that it was made from.

    `aliases` are those of the versions in the store, by `name:v3`. A run without a model is left alone.
    """
    from mlflow.exceptions import MlflowException

    logged = client.get_run(run_id).outputs
    if logged is None or not logged.model_outputs:
        return
    model = client.get_logged_model(logged.model_outputs[0].model_id)
    try:
        client.get_registered_model(name)
    except MlflowException:
        client.create_registered_model(name)
    known = client.search_model_versions(f"name = '{name}'")
    version = next((one for one in known if one.run_id == run_id), None) or client.create_model_version(
        name, model.model_uri, run_id, model_id=model.model_id
    )
    for alias in aliases.get(model.tags.get("artifactflow.version", ""), ()):
        if alias != "latest":  # MLflow keeps that one for itself
            client.set_registered_model_alias(name, alias, version.version)
