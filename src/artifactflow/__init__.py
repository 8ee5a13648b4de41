"""Reproducible ML pipelines made of components with contracts.

What is named here is the public interface. Each name is loaded when it is first used, so that a component that
only needs `step` and `run` does not pay for the store.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # as in `typing`, whose import would take longer than all that is done here
if TYPE_CHECKING:
    from typing import Any

    from artifactflow.contract import Contract, Input, Output, step
    from artifactflow.errors import ArtifactflowError
    from artifactflow.formats.metadata import add_metadata
    from artifactflow.invoke.step_function import run
    from artifactflow.library import StoredVersion, download, train
    from artifactflow.parameters import Parameter, Uri
    from artifactflow.pipeline import Pipeline
    from artifactflow.store import Store

__version__ = "0.1.0"

__all__ = [
    "ArtifactflowError",
    "Contract",
    "Input",
    "Output",
    "Parameter",
    "Pipeline",
    "Store",
    "StoredVersion",
    "Uri",
    "__version__",
    "add_metadata",
    "download",
    "run",
    "step",
    "train",
]

_homes = {
    "ArtifactflowError": "errors",
    "Contract": "contract",
    "Input": "contract",
    "Output": "contract",
    "Parameter": "parameters",
    "Pipeline": "pipeline",
    "Store": "store",
    "StoredVersion": "library",
    "Uri": "parameters",
    "add_metadata": "formats.metadata",
    "download": "library",
    "run": "invoke.step_function",
    "step": "contract",
    "train": "library",
}


def __getattr__(name: str) -> Any:
    if name not in _homes:
        raise AttributeError(f"module 'artifactflow' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"artifactflow.{_homes[name]}"), name)
    globals()[name] = value
    return value
