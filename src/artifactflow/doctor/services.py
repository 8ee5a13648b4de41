"""The trackers: whether they are told, where, and whether that place answers. Neither library is imported."""

from __future__ import annotations

import importlib.metadata
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from artifactflow.doctor.observation import Observation, fail, ok, warn
from artifactflow.errors import ArtifactflowError
from artifactflow.fetch.addresses import masked_address
from artifactflow.trackers.choice import (
    TRACK_VARIABLE,
    WANDB_ADDRESS,
    WANDB_OFF,
    WANDB_OFFLINE,
    chosen_trackers,
    has_wandb_key,
    mlflow_address,
)

PATIENCE: Final = 2.0
"""Seconds that a server has to answer."""

_too_late: Final = f"no answer within {PATIENCE:g} s"
_web: Final = ("http", "https")


def examine_trackers(project: Path, environment: Mapping[str, str]) -> list[Observation]:
    """What is told to MLflow and W&B from here, and whether it can be."""
    try:
        chosen = chosen_trackers(None, None, project, environment)
    except ArtifactflowError as error:
        return [fail("tracking", error.message, error.hint or f"correct {error.place or TRACK_VARIABLE}")]
    with ThreadPoolExecutor(2) as pool:
        mlflow = pool.submit(_mlflow, project, environment, told="mlflow" in chosen)
        wandb = pool.submit(_wandb, environment, told="wandb" in chosen)
        return [mlflow.result(), wandb.result()]


def _mlflow(project: Path, environment: Mapping[str, str], *, told: bool) -> Observation:
    version = _version("mlflow")
    if version is None:
        return warn("MLflow", "not installed", "pip install mlflow")
    if not told:
        return ok("MLflow", f"{version}, not told of runs (--track mlflow tells it)")
    address = mlflow_address(project, environment)
    shown = f"{version}, told at {masked_address(address)}"
    if urlsplit(address).scheme not in _web:
        return ok("MLflow", shown)
    trouble = answers_no(address)
    if trouble:
        mend = "start the server or correct MLFLOW_TRACKING_URI; what it misses is sent by: artifactflow sync"
        return warn("MLflow", f"{shown}, which does not answer: {trouble}", mend)
    return ok("MLflow", f"{shown}, which answers")


def _wandb(environment: Mapping[str, str], *, told: bool) -> Observation:
    version = _version("wandb")
    if version is None:
        return warn("W&B", "not installed", "pip install wandb")
    mode = environment.get("WANDB_MODE", "").lower()
    if mode in WANDB_OFF:
        return ok("W&B", f"{version}, disabled by WANDB_MODE={mode}")
    if not told:
        return ok("W&B", f"{version}, not told of runs (--track wandb tells it)")
    if mode in WANDB_OFFLINE:
        return ok("W&B", f"{version}, told offline (WANDB_MODE={mode}); artifactflow sync sends what is waiting")
    if not has_wandb_key(environment):
        mend = "wandb login stores a key, WANDB_MODE=offline says that none is wanted"
        return warn("W&B", f"{version}, told offline, as there is no key", mend)
    address = environment.get("WANDB_BASE_URL") or WANDB_ADDRESS
    trouble = answers_no(address)
    if trouble:
        mend = "check the network; runs are kept and sent later by: artifactflow sync"
        return warn("W&B", f"{version}, a key is there, but {masked_address(address)} does not answer: {trouble}", mend)
    return ok("W&B", f"{version}, a key is there, {masked_address(address)} answers")


def answers_no(address: str) -> str:
    """Why no web server answers at an address, or nothing where one does. Takes `PATIENCE` at the most."""

    def ask() -> str:
        import urllib3

        patience = urllib3.Timeout(total=PATIENCE)
        try:
            answer = urllib3.request(
                "GET", address, timeout=patience, retries=False, redirect=False, preload_content=False
            )
        except urllib3.exceptions.NewConnectionError as error:
            return _reason(error)
        except urllib3.exceptions.TimeoutError:
            return _too_late
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            return _reason(error)
        # Any other answer will do, also one that wants a password: it is a server, and it is up.
        return f"{answer.status} {answer.reason or ''}".strip() if answer.status >= 500 else ""

    return _in_time(ask)


def _in_time(ask: Callable[[], str]) -> str:
    """The answer, or that there was none: looking up a name knows no timeout of its own."""
    answer: list[str] = []
    thread = threading.Thread(target=lambda: answer.append(ask()), daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return answer[0] if answer else _too_late


def _reason(error: BaseException) -> str:
    """What the system said, below the layers of a library."""
    while error.__cause__ is not None:
        error = error.__cause__
    return getattr(error, "strerror", None) or masked_address(str(error))


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
