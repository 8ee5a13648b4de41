"""What happens when wandb has been imported: its functions are replaced by ones that know the local store."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from typing import Any

from . import line


def patch_wandb(wandb: Any) -> None:
    """Patch what `import wandb` has loaded, and say hello to the runner where this process belongs to a step."""
    from . import runs

    if not _patched(wandb, lambda: runs.patch(wandb)):
        return
    if line.is_open():
        try:
            runs.hello()
        except line.RefusedError as error:
            _say(str(error))
    else:
        _separate_forks(wandb)


def patch_public_api(public: Any) -> None:
    """Patch `wandb.Api`, which newer versions load when it is asked for."""
    from . import api

    _patched(sys.modules["wandb"], lambda: api.patch(public.Api))


def _patched(wandb: Any, patch: Any) -> bool:
    """Whether the patches fit. Where they do not, wandb is what it is without them, and the step is not reused."""
    try:
        patch()
    except (AttributeError, ImportError, TypeError) as error:
        version = getattr(wandb, "__version__", "of an unknown version")
        problem = f"wandb {version} cannot be bridged to the local store ({type(error).__name__}: {error})"
        _say(problem)
        if line.is_open():
            with contextlib.suppress(line.RefusedError):
                line.ask("not_repeatable", reason=problem)
        return False
    return True


def _separate_forks(wandb: Any) -> None:
    """In a process that steps are forked from: each gets temporary folders of its own, and may remove them."""
    from wandb.sdk.data_types import _private  # type: ignore[import-not-found,unused-ignore]

    shared = [getattr(_private, "MEDIA_TMP", None), getattr(wandb.Artifact, "_TMP_DIR", None)]

    def renew() -> None:
        if not line.is_open():  # forks that a step makes share what is the step's
            for folder in shared:
                if isinstance(folder, tempfile.TemporaryDirectory):
                    folder.__init__(suffix="wandb")  # type: ignore[misc] # in place: several modules hold it

    os.register_at_fork(after_in_child=renew)


def _say(message: str) -> None:
    sys.stderr.write(f"artifactflow: {message}\n")
