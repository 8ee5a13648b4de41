"""W&B runs that use and log artifacts of the local store.

Without an account the store answers. With one, W&B is asked first, and the store keeps a copy.
"""

# What is imported here, every step with wandb finds imported: so no pathlib.
# Parameters are called as W&B's are.
# ruff: noqa: A002, PTH118, PTH120, PTH208

from __future__ import annotations

import functools
import os
import socket
import sys
from typing import Any
from urllib.parse import urlparse

from . import line, staging
from .artifacts import LocalMethods, adopt, listed, stored_artifact
from .asking import ask, failure
from .entries import fill_manifest

LEFT_ALONE = ("job", "run_table", "code")
"""Types of artifacts that W&B logs by itself, as parts of its own records; so are those that begin with `wandb-`."""

PROBE_SECONDS = 3.0
"""How long a W&B server may take to accept a connection before the run is an offline one."""


def patch(wandb: Any) -> None:
    """Replace the functions of a run and those that begin one. Raises AttributeError where W&B has them no more."""
    run = wandb.sdk.wandb_run.Run
    replace(run, "use_artifact", _use_artifact)
    replace(run, "link_artifact", _link_artifact)
    replace(run, "_log_artifact", _log_artifact)
    for name, replacement in (("use_model", _use_model), ("link_model", _link_model)):
        if hasattr(run, name):  # since 0.16
            replace(run, name, replacement)
    for name, replacement in (("init", _init), ("login", _login)):
        replace(wandb, name, replacement)
    _keep_references_local()


def replace(owner: Any, name: str, replacement: Any) -> None:
    """Have `replacement(original, …)` called in place of a function, where this process belongs to a step."""
    original = getattr(owner, name)

    @functools.wraps(original)
    def replaced(*args: Any, **kwargs: Any) -> Any:
        if not line.is_open():
            return original(*args, **kwargs)
        return replacement(original, *args, **kwargs)

    setattr(owner, name, replaced)


def hello() -> dict[str, Any]:
    """Say hello to the runner, where this process has not yet, and return what it said."""
    answer: dict[str, Any] = line.greet(wandb=sys.modules["wandb"].__version__)
    return answer


def is_local(run: Any = None) -> bool:
    """Whether W&B's service is out of the question for a run, or for whoever asks without one."""
    try:
        has_account = hello()["account"]
    except line.RefusedError as error:
        raise failure(str(error)) from None
    if run is not None:
        return not has_account or bool(run._settings._offline)
    return not has_account or os.environ.get("WANDB_MODE") in ("offline", "dryrun")


# beginning a run


def _init(original: Any, *args: Any, **kwargs: Any) -> Any:
    mode = kwargs.get("mode") or os.environ.get("WANDB_MODE")
    if mode not in ("disabled", "offline", "dryrun") and (is_local() or not _server_answers()):
        kwargs["mode"] = "offline"
    run = original(*args, **kwargs)
    if run is not None and getattr(getattr(run, "_settings", None), "_offline", False):
        hello()
        ask("note_run", folder=os.path.dirname(str(run.dir)), id=str(run.id), project=str(run.project or ""))
    return run


def _login(original: Any, *args: Any, **kwargs: Any) -> Any:
    if is_local():
        return True  # nothing is asked for, and nothing is needed
    return original(*args, **kwargs)


def _server_answers() -> bool:
    """Whether W&B's server can be reached. W&B itself tries for more than a minute."""
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY")):
        return True  # only the proxy knows
    url = urlparse(os.environ.get("WANDB_BASE_URL") or "https://api.wandb.ai")
    try:
        address = (str(url.hostname), url.port or (80 if url.scheme == "http" else 443))
        socket.create_connection(address, PROBE_SECONDS).close()
    except OSError as error:
        _warn(f"{url.hostname} does not answer ({error}): the run is kept offline, and its artifacts in the store")
        return False
    return True


# using


def _use_artifact(
    original: Any, run: Any, artifact_or_name: Any, type: Any = None, aliases: Any = None, *args: Any, **kwargs: Any
) -> Any:
    if is_local(run) or isinstance(artifact_or_name, LocalMethods):
        return _use_stored(run, artifact_or_name, type, aliases)
    try:
        used = original(run, artifact_or_name, type, aliases, *args, **kwargs)
    except Exception as problem:
        try:
            return _use_stored(run, artifact_or_name, type, aliases)
        except ValueError:
            raise problem from None
    _keep_copy_of_used(used, artifact_or_name)
    return used


def _use_stored(run: Any, artifact_or_name: Any, type: Any, aliases: Any) -> Any:
    if isinstance(artifact_or_name, LocalMethods):
        find(artifact_or_name._local["reference"], type)
        return artifact_or_name
    if not isinstance(artifact_or_name, str):
        return run._log_artifact(artifact_or_name, aliases=listed(aliases))
    record = find(artifact_or_name, type)
    if aliases:
        record["aliases"] = ask("add_aliases", reference=record["reference"], aliases=listed(aliases))
    artifact = stored_artifact(record, run)
    if run._settings._offline:
        _mirror_use(run, artifact)
    return artifact


def find(reference: str, type: Any = None) -> dict[str, Any]:
    """The runner's record of the version that a reference names, noted as used. Raises what scripts catch."""
    record: dict[str, Any] = ask("use_artifact", reference=reference)
    if type is not None and ask("name_of", text=str(type)) != record["type"]:
        raise failure(f"Supplied type {type} does not match type {record['type']} of artifact {record['reference']}")
    return record


def _mirror_use(run: Any, artifact: Any) -> None:
    """Have the offline run say that it used the artifact: W&B learns of it when the run is sent."""
    import wandb

    record, handed = artifact._local, artifact._handed()
    draft = wandb.Artifact(record["name"], record["type"], record["description"], record["metadata"])
    objects = staging.keep(handed["objects"], os.path.dirname(str(run.dir)))
    fill_manifest(draft.manifest, {**handed, "objects": objects})
    logged = type(run)._log_artifact.__wrapped__
    logged(run, draft, aliases=[], is_user_created=True, use_after_commit=True)


def _keep_copy_of_used(used: Any, asked: Any) -> None:
    """Keep in the store what W&B has handed out."""
    if not isinstance(asked, str):
        return
    try:
        folder = used.download()
        files = {os.path.relpath(os.path.join(place, name), folder): os.path.join(place, name)
                 for place, _, names in os.walk(folder) for name in names}  # fmt: skip
        staged = staging.stage_files(files, hello()["staging"])
        ask("keep_used", **_described(used), asked=asked, **staged)
    except Exception as error:  # W&B's own, the network's, the disk's: the script has what it asked for
        _warn(f"the store keeps no copy of {asked}: {error}")
        ask("not_repeatable", reason=f"the store has no copy of {asked}, which W&B handed out")


def _use_model(original: Any, run: Any, name: str) -> Any:
    if not is_local(run):
        return original(run, name)
    artifact = run.use_artifact(name)
    if "model" not in artifact.type.lower():
        raise AssertionError(f"use_model takes artifacts whose type holds 'model', and {name} is a {artifact.type}")
    folder = artifact.download()
    names = os.listdir(folder)
    return os.path.join(folder, names[0]) if len(names) == 1 else folder


# logging


def _log_artifact(
    original: Any,
    run: Any,
    artifact_or_path: Any,
    name: Any = None,
    type: Any = None,
    aliases: Any = None,
    *args: Any,
    **kwargs: Any,
) -> Any:
    if isinstance(artifact_or_path, LocalMethods):
        reference = artifact_or_path._local["reference"]
        artifact_or_path._local["aliases"] = ask("add_aliases", reference=reference, aliases=listed(aliases))
        return artifact_or_path
    local = is_local(run)
    logged = original(run, artifact_or_path, name, type, aliases, *args, **kwargs)
    staging.remember(logged)
    if logged.type in LEFT_ALONE or str(logged.type).startswith("wandb-"):
        return logged
    try:
        record = _register(logged, aliases)
    except (OSError, ValueError) as error:
        if local:
            raise
        _warn(f"the store keeps no copy of {logged.name}: {error}")
        ask("not_repeatable", reason=f"the store has no copy of {logged.name}, which W&B was given")
        return logged
    return adopt(logged, {**record, "is_saved": False}, run) if local else logged


def _register(artifact: Any, aliases: Any) -> dict[str, Any]:
    """Have the store keep an artifact as it is at this moment."""
    staged = staging.stage(artifact, hello()["staging"])
    return ask("log_artifact", **_described(artifact), aliases=listed(aliases), **staged)  # type: ignore[no-any-return]


def _described(artifact: Any) -> dict[str, Any]:
    return {
        "name": str(artifact.name).partition(":")[0],
        "type": str(artifact.type),
        "description": artifact.description or "",
        "metadata": staging.plain(dict(artifact.metadata or {})),
    }


def _link_artifact(original: Any, run: Any, artifact: Any, target_path: str, aliases: Any = None) -> Any:
    if not is_local(run) and not isinstance(artifact, LocalMethods):
        return original(run, artifact, target_path, aliases)
    if not isinstance(artifact, LocalMethods):
        artifact = run._log_artifact(artifact)
    return artifact.link(target_path, aliases)


def _link_model(
    original: Any, run: Any, path: Any, registered_model_name: str, name: Any = None, aliases: Any = None
) -> Any:
    if not is_local(run):
        return original(run, path, registered_model_name, name, aliases)
    return run.link_artifact(run._log_artifact(path, name, "model"), registered_model_name, aliases)


# references between artifacts


def _keep_references_local() -> None:
    """Tables of offline runs refer to artifacts by client ids: older versions ask the server whether they may."""
    from wandb.sdk.data_types.base_types import wb_value  # type: ignore[import-not-found,unused-ignore]

    if hasattr(wb_value, "_server_accepts_client_ids"):
        replace(wb_value, "_server_accepts_client_ids", lambda original: True if is_local() else original())


def _warn(message: str) -> None:
    import wandb

    wandb.termwarn(f"artifactflow: {message}")
