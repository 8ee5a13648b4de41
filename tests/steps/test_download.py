"""The built-in step `download`."""

import gzip
import hashlib
import inspect
import json
import subprocess
import sys

import pytest

from artifactflow.contract import Output, fill_template
from artifactflow.errors import ArtifactflowError, IntegrityError, NotFoundError, UsageError
from artifactflow.steps.download import download
from artifactflow.steps.fetched_before import request_identity

TABLE = b"a,b\n1,2\n"


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "data.csv").write_bytes(TABLE)
    (folder / "data.csv.gz").write_bytes(gzip.compress(TABLE))
    (folder / "page.tgz").write_text("<html>log in first</html>")
    return folder


@pytest.fixture
def dataset(tmp_path):
    return tmp_path / "run" / "dataset"


@pytest.fixture
def metadata_file(tmp_path, monkeypatch):
    monkeypatch.setenv("ARTIFACTFLOW_METADATA", str(tmp_path / "metadata.json"))
    return tmp_path / "metadata.json"


def test_a_file_lands_in_the_folder_under_its_own_name(source, dataset):
    download(str(source / "data.csv"), dataset)
    assert {path.name: path.read_bytes() for path in dataset.iterdir()} == {"data.csv": TABLE}
    assert [path.name for path in dataset.parent.iterdir()] == ["dataset"]


def test_an_archive_is_extracted_unless_told_not_to(source, dataset, tmp_path):
    download(str(source / "data.csv.gz"), dataset)
    assert [path.name for path in dataset.iterdir()] == ["data.csv"]
    download(str(source / "data.csv.gz"), tmp_path / "kept", extract=False)
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["data.csv.gz"]


def test_the_file_as_served_is_described(source, dataset, metadata_file):
    download(str(source / "data.csv.gz"), dataset)
    served = (source / "data.csv.gz").read_bytes()
    assert json.loads(metadata_file.read_text()) == {
        "dataset": {
            "address": str(source / "data.csv.gz"),
            "request": request_identity(str(source / "data.csv.gz"), extract=True, skip_links=False),
            "sha256": hashlib.sha256(served).hexdigest(),
            "size": len(served),
            "etag": None,
            "last_modified": None,
            "length_verified": True,
        }
    }


@pytest.mark.parametrize(
    ("name", "sha256", "error"),
    [
        ("none.csv", None, NotFoundError),
        ("data.csv", "0" * 64, IntegrityError),
        ("data.csv", "zero", UsageError),
        ("page.tgz", None, IntegrityError),
    ],
)
def test_a_failure_leaves_neither_dataset_nor_metadata(source, metadata_file, *, name, sha256, error):
    dataset = metadata_file.parent / "run" / "dataset"
    with pytest.raises(error):
        download(str(source / name), dataset, sha256=sha256)
    assert list(dataset.parent.rglob("*")) == []
    assert not metadata_file.exists()


def test_an_empty_folder_is_filled_and_a_full_one_is_left_alone(source, dataset):
    dataset.mkdir(parents=True)
    download(str(source / "data.csv"), dataset)
    with pytest.raises(UsageError, match="exists already"):
        download(str(source / "data.csv"), dataset)
    assert [path.name for path in dataset.iterdir()] == ["data.csv"]


def test_it_writes_nothing_when_nobody_watches(source, dataset, capfd):
    download(str(source / "data.csv"), dataset)
    assert capfd.readouterr() == ("", "")


def test_a_progress_bar_is_shown_on_a_terminal(source, dataset):
    import os
    import pty

    ours, theirs = pty.openpty()
    code = f"from artifactflow.steps.download import *; download({str(source / 'data.csv')!r}, Path({str(dataset)!r}))"
    environment = {**os.environ, "TERM": "xterm"}
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=theirs, env=environment)
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert (done.returncode, done.stdout) == (0, b"")
    assert "data.csv" in shown
    assert "bytes" in shown


def test_an_interrupted_download_is_kept_where_the_environment_says(dataset, tmp_path, monkeypatch):
    import socket
    import threading

    answers = [
        b'HTTP/1.1 200 OK\r\nETag: "1"\r\nContent-Length: 8\r\nConnection: close\r\n\r\na,b\n',
        b"HTTP/1.1 404 Gone\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        b'HTTP/1.1 206 Rest\r\nETag: "1"\r\nContent-Length: 4\r\nContent-Range: bytes 4-7/8\r\n'
        b"Connection: close\r\n\r\n1,2\n",
    ]
    monkeypatch.setenv("ARTIFACTFLOW_DOWNLOADS", str(tmp_path / "downloads"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            for answer in answers:
                connection, _ = server.accept()
                with connection:
                    asked.append(connection.recv(4096))
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}/data.csv"
        with pytest.raises(ArtifactflowError, match="404"):
            download(address, dataset)
        assert len(list((tmp_path / "downloads").iterdir())) == 2
        download(address, dataset)
        thread.join()
    assert b"Range: bytes=4-\r\n" in asked[2]
    assert (dataset / "data.csv").read_bytes() == TABLE


def test_its_contract_can_be_read_and_names_the_artifact_after_the_file():
    annotation = inspect.signature(download, eval_str=True).parameters["dataset"].annotation
    (output,) = (extra for extra in annotation.__metadata__ if isinstance(extra, Output))
    values = {"artifact_name": None, "file_url": "https://host/housing.tgz?x=1", "artifact_type": "raw_data"}
    assert fill_template(output.name, values) == "housing"
    assert fill_template(output.name, {**values, "artifact_name": "mine"}) == "mine"
    assert output.unwrap


def test_importing_the_step_loads_nothing_heavy():
    code = (
        "import sys, artifactflow.steps.download\n"
        "print(sorted({'urllib3', 'zstandard', 'rich.progress', 'pandas', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
