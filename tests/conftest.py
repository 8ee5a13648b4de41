"""What every test may rely on: a home that is empty, a network that ends at this machine, a folder of its own."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _no_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reads or writes the user's home finds an empty folder, and so do the processes that it starts."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name in list(os.environ):
        if name.startswith(("ARTIFACTFLOW_", "MLFLOW_", "WANDB_", "XDG_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection to anywhere else than this machine fails at once."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if isinstance(address, tuple) and str(address[0]) not in ("127.0.0.1", "::1", "localhost"):
            raise OSError(f"a test reached for the network: {address}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def artifactflow(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command line as a user runs it, in `tmp_path` unless told otherwise."""

    def run(*arguments: object, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "artifactflow", *map(str, arguments)],
            cwd=cwd or tmp_path,
            env={**os.environ, "COLUMNS": "200", **variables},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


@pytest.fixture
def repository() -> Path:
    """The checkout that the tests run in."""
    return REPOSITORY


@pytest.fixture
def housing_archive() -> Path:
    """The California housing archive, which does not belong into the repository."""
    archive = REPOSITORY.parent / "shared" / "data" / "housing.tgz"
    if not archive.is_file():
        pytest.skip(f"{archive} is not on this machine")
    return archive
