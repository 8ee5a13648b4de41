"""Which trackers are told: what was asked for, and what the surroundings say where nothing was."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from artifactflow.errors import ContractError, UsageError, near_matches
from artifactflow.fetch.addresses import masked_address
from artifactflow.settings import TABLE, project_settings
from artifactflow.trackers.told import Tracker

TRACKERS: Final = ("mlflow", "wandb")
TRACK_VARIABLE: Final = "ARTIFACTFLOW_TRACK"
AUTO: Final = "auto"
NONE: Final = "none"

MLFLOW_DATABASE: Final = "mlflow.db"
WANDB_ADDRESS: Final = "https://api.wandb.ai"
WANDB_OFF: Final = frozenset({"disabled", "dryrun-disabled"})
WANDB_OFFLINE: Final = frozenset({"offline", "dryrun"})

Settings = Mapping[str, Mapping[str, Any]]
"""By tracker, what a pipeline run has to remember so that another process can tell of it. Nothing secret."""


def parse_choice(text: str, where: str) -> tuple[str, ...] | None:
    """The trackers that `mlflow,wandb`, `none` or `auto` (None) mean. Raises UsageError for anything else.

    >>> parse_choice("wandb, mlflow", "--track"), parse_choice("none", "--track"), parse_choice("auto", "--track")
    (('mlflow', 'wandb'), (), None)
    """
    words = [word for word in re.split(r"[,\s]+", text.strip().lower()) if word]
    if words == [AUTO]:
        return None
    if words == [NONE]:
        return ()
    for word in words:
        if word not in TRACKERS:
            raise UsageError(
                f"{where} takes {', '.join(TRACKERS)}, {NONE} or {AUTO}, got {word!r}",
                hint=near_matches(word, (*TRACKERS, NONE, AUTO)),
            )
    if not words:
        raise UsageError(f"{where} names no tracker", hint=f"give {', '.join(TRACKERS)}, {NONE} or {AUTO}")
    return tuple(name for name in TRACKERS if name in words)


def chosen_trackers(
    asked: str | None, stated: Sequence[str] | None, project: Path, environment: Mapping[str, str]
) -> tuple[str, ...]:
    """The trackers to tell of a run. The first that says anything decides.

    `asked` on the command line; the variable ARTIFACTFLOW_TRACK; `stated` in the pipeline file;
    `track` under `[tool.artifactflow]` of the nearest pyproject.toml; and for `auto`, or where nobody says anything,
    the surroundings: MLflow where its address is set or the project has an mlflow.db, W&B where there is a key or a
    mode. Raises UsageError for an unknown name, ContractError for one in pyproject.toml.
    """
    choices = [(asked, "--track"), (environment.get(TRACK_VARIABLE), TRACK_VARIABLE)]
    choices.append((",".join(stated) if stated is not None else None, "track:"))
    for text, where in choices:
        if text:
            found = parse_choice(text, where)
            return _wanted(_found_around(project, environment) if found is None else found, environment)
    stated_for_project = _in_pyproject(project)
    if stated_for_project is not None:
        return _wanted(stated_for_project, environment)
    return _wanted(_found_around(project, environment), environment)


def _wanted(names: tuple[str, ...], environment: Mapping[str, str]) -> tuple[str, ...]:
    off = environment.get("WANDB_MODE", "").lower() in WANDB_OFF
    return tuple(name for name in names if not (off and name == "wandb"))


def _found_around(project: Path, environment: Mapping[str, str]) -> tuple[str, ...]:
    found = []
    if environment.get("MLFLOW_TRACKING_URI") or (project / MLFLOW_DATABASE).is_file():
        found.append("mlflow")
    if environment.get("WANDB_MODE") or has_wandb_key(environment):
        found.append("wandb")
    return tuple(found)


def has_wandb_key(environment: Mapping[str, str]) -> bool:
    """Whether W&B would find a key."""
    return bool(wandb_key(environment))


def wandb_key(environment: Mapping[str, str]) -> str:
    """The key that W&B would find: in the environment, else for its server in the file of passwords; or nothing."""
    if environment.get("WANDB_API_KEY"):
        return environment["WANDB_API_KEY"]
    import netrc
    from urllib.parse import urlsplit

    try:
        file = Path(environment.get("NETRC") or Path(environment.get("HOME") or Path.home()) / ".netrc")
    except RuntimeError:  # a user whom this system does not know, as in a container
        return ""
    try:
        known = netrc.netrc(file)
    except (OSError, netrc.NetrcParseError):
        return ""
    host = urlsplit(environment.get("WANDB_BASE_URL") or WANDB_ADDRESS).netloc
    _, _, password = known.authenticators(host) or ("", "", "")
    return password or ""


def _in_pyproject(project: Path) -> tuple[str, ...] | None:
    settings = project_settings(project)
    value = settings.values.get("track")
    if value is None:
        return None
    words = [value] if isinstance(value, str) else settings.texts("track")
    try:
        return parse_choice(",".join(words) or NONE, f"{TABLE} track")
    except UsageError as error:
        raise ContractError(error.message, hint=error.hint, place=settings.place) from None


def settings_of(
    names: Sequence[str], pipeline: str, project: Path, environment: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """What the run has to remember for each tracker: where it is told of, under which name."""
    settings: dict[str, dict[str, Any]] = {}
    if "mlflow" in names:
        settings["mlflow"] = {
            "address": masked_address(mlflow_address(project, environment)),
            "project": str(project),
            "experiment": environment.get("MLFLOW_EXPERIMENT_NAME") or pipeline,
            "experiment_id": environment.get("MLFLOW_EXPERIMENT_ID", ""),
            "parent": environment.get("MLFLOW_RUN_ID", ""),
        }
    if "wandb" in names:
        settings["wandb"] = {
            "offline": environment.get("WANDB_MODE", "").lower() in WANDB_OFFLINE,
            "project": environment.get("WANDB_PROJECT") or pipeline,
            "entity": environment.get("WANDB_ENTITY", ""),
            "address": masked_address(environment.get("WANDB_BASE_URL") or WANDB_ADDRESS),
        }
    return settings


def mlflow_address(project: Path, environment: Mapping[str, str]) -> str:
    """Where MLflow keeps runs: the address that is set, else the file that is MLflow's own default, in the project."""
    address = environment.get("MLFLOW_TRACKING_URI", "")
    if not address:
        return f"sqlite:///{project.resolve() / MLFLOW_DATABASE}"
    # A relative file would be another one for every step, each of which runs in its own folder.
    if address.startswith("sqlite:///") and not address.startswith("sqlite:////"):
        return f"sqlite:///{Path(address.removeprefix('sqlite:///')).resolve()}"
    return address if "://" in address or address == "databricks" else str(Path(address).resolve())


def wandb_folders(root: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Where W&B keeps things, as variables: below `root`, unless the user says otherwise; never in the home."""
    inner = root / "wandb"
    wanted = {"WANDB_DATA_DIR": inner / "data", "WANDB_CACHE_DIR": inner / "cache", "WANDB_ARTIFACT_DIR": inner / "got"}
    return {name: environment.get(name) or str(folder) for name, folder in wanted.items()}


def new_tracker(name: str, settings: Mapping[str, Any], folder: Path) -> Tracker:
    """The tracker of that name; `folder` is for what it keeps on this machine."""
    from artifactflow.trackers.mlflow import MlflowTracker
    from artifactflow.trackers.wandb import WandbTracker

    trackers: dict[str, type[MlflowTracker] | type[WandbTracker]] = {"mlflow": MlflowTracker, "wandb": WandbTracker}
    return trackers[name](settings, folder, os.environ)
