"""A web server on loopback that answers by script, and a patience that never sleeps."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from artifactflow.fetch.patience import Patience


@dataclass
class Answer:
    """One answer. `sent` bytes of the body leave before the connection is cut, all of it by default."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    sent: int | None = None
    length: bool = True
    chunked: bool = False


class ScriptedServer(ThreadingHTTPServer):
    """Each path has a list of answers; the last one is repeated. `requests` holds what was asked, in order."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: dict[str, list[Answer]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []

    def answer(self, path: str, *answers: Answer) -> str:
        """Set the script of a path and return its address."""
        self.script[path] = list(answers)
        return f"{self.address}{path}"

    def say(self, status: int = 200, body: bytes = b"", **options: object) -> Answer:
        """An answer."""
        return Answer(status, body, **options)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ScriptedServer

    def do_GET(self) -> None:
        self.server.requests.append((self.path, {key.lower(): value for key, value in self.headers.items()}))
        answers = self.server.script.get(self.path.partition("?")[0], [Answer(404, b"nothing here")])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        self.close_connection = True
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif answer.length and "Content-Length" not in answer.headers:
            self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        body = answer.body if answer.sent is None else answer.body[: answer.sent]
        if answer.chunked:
            end = b"0\r\n\r\n" if answer.sent is None else b""
            body = (b"%x\r\n%s\r\n" % (len(body), body) if body else b"") + end
        self.wfile.write(body)
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_WR)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, serving: Callable) -> Iterator[ScriptedServer]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving(ScriptedServer()) as scripted:
        yield scripted


@pytest.fixture
def slept() -> list[float]:
    """The pauses that were asked for."""
    return []


@pytest.fixture
def patience(slept: list[float]) -> Patience:
    """Five tries without waiting."""
    return Patience(sleep=slept.append, connect=2, read=2)
