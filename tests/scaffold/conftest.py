"""A user who types what `scaffold` has said is to be typed."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def typed() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Types a command as the user is told to, with the programs of this interpreter's environment."""

    def run(command: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        return subprocess.run(
            shlex.split(command),
            cwd=folder,
            env={**os.environ, "PATH": path, **variables},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run
