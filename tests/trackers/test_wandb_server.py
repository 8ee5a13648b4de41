"""Whether a server has a run is asked as W&B's clients ask, and the key goes nowhere else."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from artifactflow.errors import OutsideError
from artifactflow.trackers.wandb_offline import OfflineRun
from artifactflow.trackers.wandb_server import has_run

KEY = "k" * 40


class Server(ThreadingHTTPServer):
    """Gives one answer, and remembers questions and who asked them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.status = 200
        self.answer: Any = {"data": {"model": {"bucket": {"id": "x"}}}}
        self.location = ""
        self.to_proxy: list[str | None] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def environment(self) -> dict[str, str]:
        return {"WANDB_API_KEY": KEY, "WANDB_BASE_URL": f"http://127.0.0.1:{self.server_address[1]}/"}


class Answering(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.to_proxy.append(self.headers["Proxy-Authorization"])
        self.server.asked.append((self.path, self.headers["Authorization"], body["variables"]))
        answer = json.dumps(self.server.answer).encode()
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running
        running.shutdown()


def test_the_question_names_the_run_and_leaves_the_entity_to_the_server_where_it_has_none(server: Server):
    assert has_run(OfflineRun("r1", "flowers", "me"), server.environment)
    assert has_run(OfflineRun("r2"), server.environment)
    key = f"Basic {base64.b64encode(f'api:{KEY}'.encode()).decode()}"
    assert server.asked == [
        ("/graphql", key, {"entity": "me", "project": "flowers", "name": "r1"}),
        ("/graphql", key, {"entity": None, "project": "uncategorized", "name": "r2"}),
    ]


@pytest.mark.parametrize("model", [None, {"bucket": None}])
def test_without_the_project_or_the_run_in_it_the_server_has_not_got_it(server: Server, model: Any):
    server.answer = {"data": {"model": model}}
    assert not has_run(OfflineRun("r1", "flowers"), server.environment)


@pytest.mark.parametrize("answer", [[], {"data": None, "errors": [{"message": "no"}]}, {"data": {"project": None}}])
def test_an_answer_to_something_else_is_no_answer(server: Server, answer: Any):
    server.answer = answer
    with pytest.raises(OutsideError, match="does not say whether it has run r1"):
        has_run(OfflineRun("r1"), server.environment)


def test_the_key_does_not_follow_to_another_place(server: Server):
    with Server() as other:
        server.status, server.location = 307, other.environment["WANDB_BASE_URL"] + "graphql"
        server.answer = {}
        with pytest.raises(OutsideError):
            has_run(OfflineRun("r1"), server.environment)
        other.shutdown()
        assert other.asked == []


def test_a_server_that_is_not_there_does_not_say(server: Server):
    environment = {**server.environment, "WANDB_BASE_URL": "http://me:word@127.0.0.1:1"}
    with pytest.raises(OutsideError, match="does not say") as caught:
        has_run(OfflineRun("r1"), environment)
    assert "word" not in str(caught.value)


def test_a_proxy_is_asked_with_its_password(server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("http_proxy", f"me:p%40ss@127.0.0.1:{server.server_address[1]}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    environment = {**server.environment, "WANDB_BASE_URL": "http://wandb.example.test"}
    assert has_run(OfflineRun("r1", "flowers", "me"), environment)
    assert server.asked[0][0] == "http://wandb.example.test/graphql"
    assert server.to_proxy == ["Basic " + base64.b64encode(b"me:p@ss").decode()]
