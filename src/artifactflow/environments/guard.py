"""Locks around the making of environments, which last for as long as any program at work below them lives."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from artifactflow.environments.program import LOOK_SECONDS, refuse_when_stopped
from artifactflow.errors import OutsideError
from artifactflow.store.files import os_errors
from artifactflow.store.locks import hold

PATIENCE: Final = 3600.0
"""Seconds to wait for another process that builds the same environment: large packages and slow networks exist."""


@contextmanager
def guarded(path: Path, *, shared: bool = False, patience: float = PATIENCE) -> Iterator[int]:
    """Hold the lock at `path` during the body, alone or `shared`; gives its descriptor, to hand to child processes.

    A child that has the descriptor keeps the lock when its parent is killed, so nobody builds where it still writes.
    Raises OutsideError after `patience` seconds, and InterruptedRunError where the run is stopped meanwhile.
    """
    with os_errors(f"take the lock {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + patience
    with ExitStack() as stack:
        while True:
            try:
                lock = hold(path, shared=shared, patience=min(LOOK_SECONDS, patience), inherited=True)
                descriptor = stack.enter_context(lock)
                break
            except OutsideError as error:
                if error.__cause__ is not None:
                    raise  # nobody holds it: the file cannot be opened
                refuse_when_stopped()
                if time.monotonic() > deadline:
                    raise OutsideError(
                        f"the lock {path} is held by another process, which builds or removes environments",
                        hint="let the other artifactflow command in this store finish, or end it",
                    ) from None
        yield descriptor
