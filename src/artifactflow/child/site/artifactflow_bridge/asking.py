"""Questions to the runner whose refusals are what scripts catch when W&B has not got an artifact."""

from __future__ import annotations

import functools
from typing import Any

from . import line


@functools.lru_cache(maxsize=None)  # noqa: UP033 - cache came with Python 3.9
def _error_class() -> Any:
    from wandb.errors import CommError  # type: ignore[import-not-found,unused-ignore]

    return type("LocalArtifactError", (CommError, ValueError), {"__module__": __name__})


def failure(message: str) -> Exception:
    """An exception that is whatever scripts catch when W&B has not got an artifact: CommError and ValueError."""
    return _error_class()(message)  # type: ignore[no-any-return]


def ask(operation: str, **arguments: Any) -> Any:
    """Ask the runner. Raises what `failure` makes where it refuses."""
    try:
        return line.ask(operation, **arguments)
    except line.RefusedError as error:
        raise failure(str(error)) from None
