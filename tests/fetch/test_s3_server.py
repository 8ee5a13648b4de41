"""`s3://` addresses by the real s3fs, against a server on this machine that speaks the protocol.

Both come with `pip install s3fs 'moto[server]'`, which the usual run does without; see CONTRIBUTING.md.
"""

import os
import socket
import subprocess
import sys
import time

import pytest

pytest.importorskip("s3fs", reason="s3fs is not installed")
pytest.importorskip("moto.server", reason="moto[server] is not installed")

pytestmark = pytest.mark.torture

PUT = """
import sys, fsspec
filesystem = fsspec.filesystem("s3")
filesystem.makedirs("data", exist_ok=True)
filesystem.pipe("data/iris.csv", sys.stdin.buffer.read())
"""


def answers(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def variables():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-c", "from moto.server import main; main()", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not answers(port):
        assert server.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": "canary-of-s3",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    server.terminate()
    server.wait()


def test_an_object_is_registered_once_and_again_when_it_has_changed(artifactflow, variables, tmp_path):
    def download(name="iris.csv"):
        words = ("--file-url", f"s3://data/{name}", "--artifact-name", "iris")
        return artifactflow("download", *words, **variables)

    def put(content):
        environment = {**os.environ, **variables}
        subprocess.run([sys.executable, "-c", PUT], input=content, env=environment, check=True)

    def versions():
        return artifactflow("artifacts", "ls", "iris").stdout.count(" raw_data ")

    put(b"a,b\n1,2\n" * 100_000)
    first = download()
    assert first.returncode == 0, first.stderr
    download()
    assert versions() == 1
    put(b"a,b\n3,4\n")
    assert download().returncode == 0
    assert versions() == 2
    got = artifactflow("artifacts", "get", "iris:v2", "--to", "out")
    assert got.returncode == 0, got.stderr
    assert (tmp_path / "out" / "iris.csv").read_bytes() == b"a,b\n3,4\n"

    missing = download("none.csv")
    assert missing.returncode != 0
    assert "there is no object s3://data/none.csv" in missing.stderr
    assert "Traceback" not in missing.stderr
    left = subprocess.run(["grep", "-r", "canary-of-s3", tmp_path], capture_output=True)
    assert left.stdout == b""
