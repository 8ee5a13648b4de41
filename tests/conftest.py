"""What every test may rely on: a home that is empty, a network that ends at this machine, a folder of its own."""

import base64
import hashlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from http.server import HTTPServer
from pathlib import Path
from typing import TypeVar

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent

collect_ignore = ["data"]  # scripts of components, not modules with doctests

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that starts the suite in the background has it, and every process of it, ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _no_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reads or writes the user's home finds an empty folder, and so do the processes that it starts."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name in list(os.environ):
        if name.startswith(("ARTIFACTFLOW_", "MLFLOW_", "WANDB_", "XDG_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("ARTIFACTFLOW_TRACK", "none")
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
def seed() -> Path:
    """The folder with the two components that the project grew from, to the letter.

    The blank after each backslash in a command is the seed's own, and so are the deeper lines.
    """
    return REPOSITORY / "tests" / "data" / "seed"


@pytest.fixture
def is_alive() -> Callable[[int], bool]:
    """Whether a process runs; one that has ended and only waits for its parent to ask does not."""

    def state(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except (FileNotFoundError, ProcessLookupError):
            return False

    return state


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Waits for what another process or thread does, and fails where it does not come, or not `within` seconds.

    The wait is a bound for a test that would hang, so it is long: a busy machine must not fail a test.
    """

    def wait(condition: Callable[[], object], within: float = 60.0) -> None:
        deadline = time.monotonic() + within
        while not condition():
            assert time.monotonic() < deadline, f"it has not come true in {within:g} seconds"
            time.sleep(0.01)

    return wait


Server = TypeVar("Server", bound=HTTPServer)


@pytest.fixture(scope="session")
def serving() -> Callable[[Server], AbstractContextManager[Server]]:
    """Has a web server answer in a thread of its own while the body of the `with` runs."""

    @contextmanager
    def serve(server: Server) -> Iterator[Server]:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    return serve


@pytest.fixture
def housing_archive() -> Path:
    """The California housing archive, which does not belong into the repository."""
    archive = REPOSITORY.parent / "shared" / "data" / "housing.tgz"
    if not archive.is_file():
        pytest.skip(f"{archive} is not on this machine")
    return archive


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Puts a tiny wheel into the only index that uv sees: its name, version, requirements and files."""
    if not shutil.which("uv") and not importlib.util.find_spec("uv"):
        pytest.skip("uv is not installed: pip install uv")
    folder = tmp_path / "index"
    folder.mkdir()
    for name in ("UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_INDEX", "PYTHONDONTWRITEBYTECODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))

    def make(name: str, version: str, *requires: str, files: Mapping[str, str] | None = None) -> Path:
        information = f"{name.replace('-', '_')}-{version}.dist-info"
        needed = "".join(f"Requires-Dist: {text}\n" for text in requires)
        content = {
            f"{name.replace('-', '_')}/__init__.py": f"version = {version!r}\n",
            **(files or {}),
            f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needed}",
            f"{information}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        rows = [f"{path},{_hash(text)},{len(text)}" for path, text in content.items()]
        content[f"{information}/RECORD"] = "\n".join([*rows, f"{information}/RECORD,,", ""])
        target = folder / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
        with zipfile.ZipFile(target, "w") as archive:
            for path, text in content.items():
                archive.writestr(path, text)
        return target

    return make


def _hash(text: str) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
