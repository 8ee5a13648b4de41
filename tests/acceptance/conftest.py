"""The whole tool, as a process, on copies of the examples, with a web server on loopback."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@dataclass(frozen=True)
class Answer:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as the one JSON document that it is."""
        return json.loads(self.out)


class Shell:
    """A user in a folder. `variables` are added to the environment of every command."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        self.variables = {"ARTIFACTFLOW_TRACK": "none", **variables}  # the examples turn MLflow on

    def run(self, *command: object, code: int = 0) -> Answer:
        """Run a command; it must end with `code`."""
        done = subprocess.run(
            [str(word) for word in command],
            cwd=self.folder,
            env={
                **os.environ,
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                **self.variables,
            },
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert done.returncode == code, f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return Answer(done.returncode, done.stdout, done.stderr)

    def artifactflow(self, *arguments: object, code: int = 0) -> Answer:
        """Run the tool."""
        return self.run(sys.executable, "-m", "artifactflow", *arguments, code=code)

    def steps(self, *arguments: object) -> list[tuple[str, str, str]]:
        """Run a pipeline; each step with its decision and its reason, without the id of the run that is reused."""
        steps = self.artifactflow("run-pipeline", *arguments, "--json").json["steps"]
        return [(step["step"], step["decision"], step["reason"].partition(" since run ")[0]) for step in steps]


@pytest.fixture(scope="module")
def new_shell(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Shell]:
    """Makes a user with an empty home, in a folder with copies of the examples that are named."""

    def make(*examples: str) -> Shell:
        folder = tmp_path_factory.mktemp("work")
        for name in examples:
            shutil.copytree(
                EXAMPLES / name,
                folder / "examples" / name,
                ignore=shutil.ignore_patterns(".artifactflow", "mlruns", "__pycache__", "mlflow.db"),
            )
        home = tmp_path_factory.mktemp("home")
        return Shell(folder, HOME=str(home), WANDB_MODE="offline", no_proxy="127.0.0.1", NO_PROXY="127.0.0.1")

    return make


@dataclass
class Page:
    """What the server answers. `sent` bytes of the body leave before the connection is cut, all of it by default."""

    body: bytes = b""
    status: int = 200
    sent: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


class PageServer(ThreadingHTTPServer):
    """Answers each path with its page, and counts the requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages: dict[str, Page] = {}
        self.asked: list[str] = []

    def page(self, path: str, body: bytes = b"", **facts: Any) -> str:
        """Put a page and return its address."""
        self.pages[path] = Page(body, **facts)
        return f"{self.address}{path}"

    @property
    def address(self) -> str:
        """Where the server is."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: PageServer

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.asked.append(path)
        page = self.server.pages.get(path, Page(b"nothing here", 404))
        self.close_connection = True
        self.send_response(page.status)
        for name, value in page.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(page.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(page.body if page.sent is None else page.body[: page.sent])
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_WR)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def server(serving: Callable[..., AbstractContextManager[PageServer]]) -> Iterator[PageServer]:
    """A web server on loopback, for the tests of one file."""
    with serving(PageServer()) as pages:
        yield pages
