"""Runs with a key, and `artifactflow sync`: the requests, seen from a scripted endpoint that speaks W&B's GraphQL.

No server of W&B's is asked. The endpoint says that it has every artifact's bytes already, so none are sent.
"""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

GET = "steps:\n  get: {component: artifactflow:download, with: {file_url: pkg:sklearn.datasets.data/iris.csv}}\n"
ARTIFACT = {"id": "QXJ0aWZhY3Q6MQ==", "state": "COMMITTED", "artifactSequence": {"id": "s", "latestArtifact": None}}


def answer_to(operation: str, variables: dict[str, Any], server: "Endpoint") -> dict[str, Any]:
    """What a server would say to an operation of W&B's, as far as its client looks at it."""
    match operation:
        case "UpsertBucket":
            project = {"name": variables["project"], "entity": {"name": "someone"}}
            bucket = {
                "id": "b",
                "name": variables["name"],
                "displayName": "",
                "historyLineCount": 0,
                "project": project,
            }
            return {"upsertBucket": {"bucket": bucket, "inserted": True}}
        case "Run":
            return {"model": {"bucket": {"id": "b"} if variables["name"] in server.runs else None}}
        case "RunUploadUrls":  # before 0.22
            nodes = [{"name": name, "url": f"{server.address}/upload"} for name in variables["files"]]
            files = {"uploadHeaders": [], "edges": [{"node": {**node, "updatedAt": None}} for node in nodes]}
            return {"model": {"bucket": {"id": "b", "files": files}}}
        case "InputFields":  # before 0.22
            return {"TypeInfo": {"inputFields": []}}
        case "Viewer" | "/graphql":  # a question without a name asks for the same
            person = {"id": "1", "entity": "someone", "username": "someone", "email": "", "flags": "{}"}
            return {"viewer": {**person, "teams": {"edges": []}}}
        case "ServerFeaturesQuery":
            return {"serverInfo": {"features": []}}
        case "CreateArtifact":
            return {"createArtifact": {"artifact": ARTIFACT}}
        case "UseArtifact":
            return {"useArtifact": {"artifact": ARTIFACT}}
        case "CreateRunFiles":
            files = [{"name": name, "uploadUrl": f"{server.address}/upload"} for name in variables["files"]]
            return {"createRunFiles": {"runID": "b", "uploadHeaders": [], "files": files}}
    return {"project": None}  # as for any question about what is there


class Endpoint(ThreadingHTTPServer):
    """Answers by the name of the operation, and remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.runs: set[str] = set()
        self.refused: tuple[str, ...] = ()
        super().__init__(("127.0.0.1", 0), Answering)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def variables(self, operation: str) -> list[dict[str, Any]]:
        return [variables for name, variables in self.asked if name == operation]

    def artifacts(self) -> dict[str, dict[str, Any]]:
        """What was asked for to make artifacts, by their names."""
        rows = [row.get("input", row) for row in self.variables("CreateArtifact")]
        return {row.get("artifactCollectionName") or row["artifactCollectionNames"][0]: row for row in rows}


class Answering(BaseHTTPRequestHandler):
    server: Endpoint

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        content = json.loads(body) if body.startswith(b"{") else {}
        operation = content.get("operationName") or self._in_query(content.get("query", ""))
        variables = content.get("variables") or {}
        self.server.asked.append((operation, variables or content))
        if operation in self.server.refused:
            self._send({"data": None, "errors": [{"message": "permission denied"}]})
            return
        if operation == "UpsertBucket":
            self.server.runs.add(variables["name"])
        self._send({"data": answer_to(operation, variables, self.server)})

    def _in_query(self, query: str) -> str:
        """Older versions of W&B name the operation there only; what is no question has a path."""
        named = re.match(r"\s*(?:query|mutation)\s+(\w+)", query)
        return named[1] if named else self.path

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._send({})

    def _send(self, content: dict[str, Any]) -> None:
        answer = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as server:
        yield server
        server.shutdown()


def test_sync_sends_each_offline_run_with_its_artifacts_and_lineage_once(told: Any, endpoint: Endpoint):
    project, _ = told
    server = {"WANDB_API_KEY": "k" * 40, "WANDB_BASE_URL": endpoint.address}
    done = project.call("sync", "--json", **server)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["wandb"]["sent"]) == 4

    runs = {row["displayName"]: row for row in endpoint.variables("UpsertBucket") if row.get("displayName")}
    assert set(runs) == {"download", "describe", "train", "logs"}
    assert runs["train"]["project"] == "flowers"
    assert runs["train"]["groupName"] == runs["describe"]["groupName"]
    assert json.loads(runs["train"]["config"])["max_iter"]["value"] == 200

    model = endpoint.artifacts()["flower-model"]
    assert model["artifactTypeName"] == "model"
    assert json.loads(model["metadata"])["artifactflow"]["version"] == "flower-model:v1"
    assert endpoint.variables("UseArtifact"), "what a run used is said, too"

    asked = len(endpoint.variables("UpsertBucket"))
    again = project.call("sync", **server)
    assert "0 sent, 0 waiting" in again.stdout
    assert len(endpoint.variables("UpsertBucket")) == asked


def test_a_run_that_waits_keeps_its_bytes_whatever_is_removed_from_the_store(project: Any, endpoint: Endpoint):
    project.write("pipeline.yaml", GET)
    first = project.call("run-pipeline", "--track", "wandb", "--wait-tracking", WANDB_MODE="offline")
    assert first.returncode == 0, first.stderr
    (kept,) = (project.store / "wandb").glob("offline-run-*/kept")
    assert [file.stat().st_nlink for file in kept.iterdir()] == [2], "one file, whose bytes are the store's"
    for file in (project.store / "objects").rglob("*"):
        if file.is_file():
            file.unlink()
    done = project.call("sync", WANDB_API_KEY="k" * 40, WANDB_BASE_URL=endpoint.address)
    assert "1 sent, 0 waiting" in done.stdout, done.stdout + done.stderr
    assert list(endpoint.artifacts()) == ["iris"]
    assert not kept.exists()


def test_with_a_key_a_run_goes_to_the_server_at_once(project: Any, endpoint: Endpoint):
    project.write("pipeline.yaml", GET)
    server = {"WANDB_API_KEY": "k" * 40, "WANDB_BASE_URL": endpoint.address}
    done = project.call("run-pipeline", "--wait-tracking", **server)
    assert done.returncode == 0, done.stderr
    assert "wandb was told in" in done.stdout
    assert [row["displayName"] for row in endpoint.variables("UpsertBucket") if row.get("displayName")] == ["get"]
    assert list(endpoint.artifacts()) == ["iris"]
    assert not list((project.store / "wandb").glob("offline-run-*"))


def test_a_run_that_the_server_has_not_taken_waits_whatever_wandb_has_marked(project: Any, endpoint: Endpoint):
    project.write("pipeline.yaml", GET)
    project.call("run-pipeline", "--track", "wandb", "--wait-tracking", WANDB_MODE="offline")
    server = {"WANDB_API_KEY": "k" * 40, "WANDB_BASE_URL": endpoint.address}
    endpoint.refused = ("UpsertBucket",)
    refused = project.call("sync", **server)
    assert refused.returncode == 9
    assert "0 sent, 1 waiting" in refused.stdout
    endpoint.refused = ("Run",)
    unknown = project.call("sync", **server)
    assert "0 sent, 1 waiting" in unknown.stdout
    assert f"{endpoint.address} does not say whether it has run" in unknown.stderr
    assert list((project.store / "wandb").glob("offline-run-*/kept/*")), "what waits keeps its bytes"
    endpoint.refused = ()
    assert "1 sent, 0 waiting" in project.call("sync", **server).stdout
