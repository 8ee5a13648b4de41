"""`artifactflow download`: a file by its address, told about."""

import contextlib
import hashlib
import os
import pty
import signal
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


class FileServer(ThreadingHTTPServer):
    """Serves `files`, each with the ETag of its content; a path in `held` waits until the event there is set."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.held: dict[str, threading.Event] = {}
        self.asked: list[tuple[str, int]] = []
        self.together = 0
        self.most_together = 0

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


class _Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.together += 1
        self.server.most_together = max(self.server.most_together, self.server.together)
        if path in self.server.held:
            self.server.held[path].wait(20)
        self.server.together -= 1
        content = self.server.files.get(path)
        etag = f'"{hashlib.sha256(content or b"").hexdigest()[:8]}"'
        known = content is not None and self.headers.get("If-None-Match") == etag
        status = 404 if content is None else 304 if known else 200
        self.server.asked.append((path, status))
        self.send_response(status)
        self.send_header("ETag", etag)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        if status == 200:
            self.wfile.write(content or b"")

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch, serving) -> Iterator[FileServer]:
    for name in ("http_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving(FileServer()) as server:
        yield server


def test_a_table_is_shown_with_shape_types_and_first_rows(cli, table: Path):
    shown = cli("download", "--file-url", table, "--artifact-description", "Flats to let").out
    assert "artifact     flats:v1\n" in shown
    assert "type         raw_data\n" in shown
    assert "description  Flats to let\n" in shown
    assert "digest       sha256:" in shown
    assert f"size         {table.stat().st_size} B in 1 file\n" in shown
    assert "60 rows, 3 columns" in shown
    assert "size    float64" in shown


def test_the_same_content_is_the_same_version_and_it_is_said(cli, table: Path):
    cli("download", "--file-url", table)
    assert "flats:v1  (the same content as before, so the same version)" in cli("download", "--file-url", table).out
    table.write_text(table.read_text() + "9,north,no\n")
    assert "flats:v2\n" in cli("download", "--file-url", table).out


def test_the_options_name_the_artifact(cli, table: Path):
    options = ["--artifact-name", "homes", "--artifact-type", "listing", "--artifact-description", "Homes"]
    version = cli("download", "--file-url", table, *options, "--json").json["outputs"]["dataset"]
    assert (version["name"], version["type"], version["description"]) == ("homes", "listing", "Homes")


def test_options_are_understood_as_mlflow_writes_them(cli, table: Path):
    answer = cli("download", f"--file_url={table}", "--artifact_name=", "--extract=false", "--json").json
    assert answer["outputs"]["dataset"]["name"] == "flats"


def test_data_inside_an_installed_package(cli):
    answer = cli("download", "--file-url", "pkg:sklearn.datasets.data/iris.csv", "--json").json
    version = answer["outputs"]["dataset"]
    assert (version["name"], version["files"]) == ("iris", 1)
    assert version["run"] == answer["run"]


def test_an_archive_is_taken_apart_unless_told_otherwise(cli, table: Path, tmp_path: Path):
    (tmp_path / "two.txt").write_text("two")
    with tarfile.open(tmp_path / "both.tgz", "w:gz") as archive:
        archive.add(table, "flats.csv")
        archive.add(tmp_path / "two.txt", "sub/two.txt")
    whole = cli("download", "--file-url", "both.tgz").out
    assert "in 2 files" in whole
    assert "sub/two.txt" in whole
    kept = cli("download", "--file-url", "both.tgz", "--no-extract", "--artifact-name", "kept", "--json").json
    cli("artifacts", "get", "kept", "--to", "out")
    assert kept["outputs"]["dataset"]["files"] == 1
    assert Path("out/both.tgz").read_bytes() == Path("both.tgz").read_bytes()


def test_a_file_that_only_looks_like_a_table_is_stored_all_the_same(cli, tmp_path: Path):
    (tmp_path / "odd.csv").write_bytes(b"a,b\n\xff\xfe\x00\n")
    assert "odd:v1" in cli("download", "--file-url", "odd.csv").out


def test_a_right_sha256_passes_and_a_wrong_one_is_told_with_both(cli, table: Path):
    right = hashlib.sha256(table.read_bytes()).hexdigest()
    cli("download", "--file-url", table, "--sha256", right)
    failed = cli("download", "--file-url", table, "--sha256", "0" * 64, code=5).err
    assert f"expected sha256:{'0' * 64}, got sha256:{right}" in failed
    assert f"hint: if the file was meant to change, give --sha256 {right}" in failed


@pytest.mark.parametrize(
    ("arguments", "code", "error", "hint"),
    [
        ([], 2, "the parameter file_url is missing", "--file-url"),
        (["--file-url", "nowhere.csv"], 4, "there is no file", ""),
        (["--file-url", "ftp://host/x.csv"], 2, "ftp is not supported", "use http, https, a path"),
        (["--file-url", "flats.csv", "--sha256", "12"], 2, "'12' is not a SHA-256 digest", "sha256sum"),
        (["--file-url", "flats.csv", "--artifact-name", "a/b"], 2, "'a/b' cannot be an artifact name", "use letters"),
        (["--file-url", "pkg:nopackage/x.csv"], 7, "'nopackage', which is not installed", "pip install nopackage"),
        (["--file-url", "pkg:sklearn.datasets.data/irs.csv"], 4, "has no file", "did you mean iris.csv"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_stored(cli, table: Path, arguments, code, error, hint):
    failed = cli("download", *arguments, code=code).err
    assert error in failed.splitlines()[0]
    assert hint in failed.partition("hint: ")[2]
    assert cli("artifacts", "ls", "--json").json == []


# The same address once more.


@pytest.mark.parametrize("name", ["data.csv", "data.tgz"])
def test_an_unchanged_address_is_asked_about_and_not_fetched_again(cli, web, table: Path, name):
    with tarfile.open("data.tgz", "w:gz") as archive:
        for inside in ("one.csv", "sub/two.csv"):
            archive.add(table, inside)
    web.files[f"/{name}"] = Path("data.tgz").read_bytes() if name.endswith("tgz") else table.read_bytes()
    address = web.address(f"/{name}?id=7")
    first = cli("download", "--file-url", address, "--json").json["outputs"]["dataset"]
    again = cli("download", "--file-url", address)
    assert "data:v1  (the same content as before, so the same version)" in again.out
    assert "unchanged on the server since data:v1, so not fetched again" in again.err
    assert cli("artifacts", "show", "data", "--json").json["digest"] == first["digest"]
    assert [version["version"] for version in cli("artifacts", "ls", "--json").json] == [1]
    web.files[f"/{name}"] = b"a,b\n1,2\n" if name.endswith("csv") else web.files[f"/{name}"] + bytes(512)
    cli("download", "--file-url", address)
    assert [status for _, status in web.asked] == [200, 304, 200]


@pytest.mark.parametrize(
    "other",
    [["--no-extract"], ["--skip-links"], ["--artifact-name", "other"]],
)
def test_another_request_for_the_same_address_fetches_it(cli, web, table: Path, other):
    with tarfile.open("data.tgz", "w:gz") as archive:
        archive.add(table, "flats.csv")
    web.files["/data.tgz"] = Path("data.tgz").read_bytes()
    cli("download", "--file-url", web.address("/data.tgz"))
    cli("download", "--file-url", web.address("/data.tgz"), *other)
    assert [status for _, status in web.asked] == [200, 200]


def test_another_query_and_another_digest_are_other_requests(cli, web, table: Path):
    web.files["/data.csv"] = table.read_bytes()
    cli("download", "--file-url", web.address("/data.csv?id=1"))
    cli("download", "--file-url", web.address("/data.csv?id=2"))
    cli("download", "--file-url", web.address("/data.csv?id=1"), "--sha256", "0" * 64, code=5)
    right = hashlib.sha256(table.read_bytes()).hexdigest()
    cli("download", "--file-url", web.address("/data.csv?id=1"), "--sha256", right)
    assert [status for _, status in web.asked] == [200, 200, 200, 304]


def test_what_was_signed_anew_is_the_same_request(cli, web, table: Path):
    web.files["/data.csv"] = table.read_bytes()
    for signature in ("CANARY1", "CANARY2"):
        cli("download", "--file-url", web.address(f"/data.csv?Signature={signature}"))
    assert [status for _, status in web.asked] == [200, 304]


def test_a_version_whose_bytes_are_gone_is_fetched_again(cli, web, table: Path):
    web.files["/data.csv"] = table.read_bytes()
    cli("download", "--file-url", web.address("/data.csv"))
    digest = hashlib.sha256(table.read_bytes()).hexdigest()
    (lost,) = [path for path in Path(".artifactflow/objects").rglob("*") if path.name in (digest, digest[2:])]
    lost.unlink()
    cli("download", "--file-url", web.address("/data.csv"))
    assert [status for _, status in web.asked] == [200, 200]
    assert lost.exists()


def test_refresh_lets_the_downloads_of_a_pipeline_ask(cli, web, table: Path):
    web.files["/data.csv"] = table.read_bytes()
    Path("pipeline.yaml").write_text(
        "name: refreshed\nsteps:\n"
        f"  fetch: {{component: artifactflow:download, with: {{file_url: '{web.address('/data.csv')}'}}}}\n"
        "  local: {component: artifactflow:download, with: {file_url: pkg:sklearn.datasets.data/iris.csv}}\n"
    )

    def decisions(*options):
        record = cli("run-pipeline", "--jobs", 1, *options, "--json").json
        return {step["step"]: step["decision"] for step in record["steps"]}

    assert decisions() == {"fetch": "RUN", "local": "RUN"}
    assert decisions() == {"fetch": "REUSE", "local": "REUSE"}
    assert [status for _, status in web.asked] == [200]
    assert decisions("--refresh") == {"fetch": "RUN", "local": "REUSE"}
    planned = cli("plan", "--refresh", "--json").json["steps"]
    assert {step["step"]: step["decision"] for step in planned} == {"fetch": "RUN", "local": "REUSE"}
    assert [status for _, status in web.asked] == [200, 304]
    assert [version["version"] for version in cli("artifacts", "ls", "--json").json] == [1, 1]


# Several files at once.


def test_several_files_are_downloaded_side_by_side_each_under_its_own_name(cli, web, eventually):
    for name in ("a", "b", "c"):
        web.files[f"/{name}.csv"] = f"{name}\n1\n".encode()
        web.held[f"/{name}.csv"] = threading.Event()

    def let_go_when_all_are_there():
        eventually(lambda: web.together == 3)
        for event in web.held.values():
            event.set()

    threading.Thread(target=let_go_when_all_are_there, daemon=True).start()
    addresses = [part for name in ("a", "b", "c") for part in ("--file-url", web.address(f"/{name}.csv"))]
    lines = cli("download", *addresses).out.splitlines()
    assert web.most_together == 3
    assert sorted(line.split()[0] for line in lines) == ["a:v1", "b:v1", "c:v1"]
    assert all(line.endswith("(new)") for line in lines)


def test_names_and_digests_go_with_the_files_in_their_order(cli, table: Path, tmp_path: Path):
    (tmp_path / "b.csv").write_text("b\n2\n")
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (table, tmp_path / "b.csv")]
    options = ["--file-url", table, "--file-url", "b.csv", "--artifact-name", "one", "--artifact_name=two"]
    answer = cli("download", *options, "--sha256", digests[0], "--sha256", digests[1], "--json").json
    found = {one["outputs"]["dataset"]["name"]: one["outputs"]["dataset"]["size"] for one in answer["downloads"]}
    assert found == {"one": table.stat().st_size, "two": 4}
    failed = cli("download", *options, "--sha256", digests[0], code=2).err
    assert "there are 2 files and 1 values of --sha256" in failed


def test_one_that_fails_is_named_and_the_others_are_kept(cli, web, table: Path):
    web.files["/good.csv"] = table.read_bytes()
    addresses = ["--file-url", web.address("/good.csv"), "--file-url", web.address("/gone.csv?key=CANARY")]
    failed = cli("download", *addresses, code=9)
    assert failed.err.splitlines()[0].startswith("error: gone: http://127.0.0.1")
    assert "answered 404" in failed.err
    assert failed.out.startswith("good:v1  ")
    assert "CANARY" not in failed.out + failed.err
    several = ["--file-url", "none.csv", "--file-url", table, *addresses[2:]]
    both = cli("download", *several, "--json", code=6)
    assert "2 steps failed" in both.err
    assert "- none: there is no file " in both.err
    assert [one["outputs"]["dataset"]["name"] for one in both.json["downloads"]] == ["flats"]


def test_two_files_of_one_name_are_refused_before_anything_is_fetched(cli, web):
    options = ["--file-url", web.address("/1/data.csv?k=CANARY"), "--file-url", web.address("/2/data.csv")]
    failed = cli("download", *options, code=2).err
    assert "would both be called 'data'" in failed
    assert "--artifact-name" in failed
    assert "CANARY" not in failed
    assert web.asked == []


def test_bars_are_shown_on_a_terminal(web, table: Path, tmp_path: Path):
    for name in ("flats.csv", "more.csv"):
        web.files[f"/{name}"] = table.read_bytes() + name.encode()
    ours, theirs = pty.openpty()
    addresses = [part for name in web.files for part in ("--file-url", web.address(name))]
    command = [sys.executable, "-m", "artifactflow", "download", *addresses]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=theirs, env={**os.environ, "TERM": "xterm"}, cwd=tmp_path, text=True
    )
    os.close(theirs)
    with contextlib.suppress(OSError), os.fdopen(ours, "rb", buffering=0) as terminal:  # its end is an error on Linux
        shown = b""
        while piece := terminal.read(65_536):
            shown += piece
    assert done.returncode == 0
    assert "flats:v1" in done.stdout
    for name in ("flats.csv", "more.csv"):
        assert name.encode() in shown


def test_ctrl_c_ends_at_once_though_the_server_is_silent(web, tmp_path: Path, eventually):
    web.held["/slow.csv"] = threading.Event()
    command = [sys.executable, "-m", "artifactflow", "download", "--file-url", web.address("/slow.csv")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, text=True)
    eventually(lambda: web.together)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=15)
    web.held["/slow.csv"].set()
    assert process.returncode == 130
    assert said.startswith("error: the run was stopped")


def test_no_secret_of_an_address_is_said_or_kept(cli, web, tmp_path: Path, table: Path):
    web.files["/data.csv"] = table.read_bytes()
    Path("pipeline.yaml").write_text(
        "name: secret\nparameters:\n  url: {type: str}\nsteps:\n"
        "  fetch: {component: artifactflow:download, with: {file_url: '${url}', artifact_name: data}}\n"
    )
    host = web.address("").replace("http://", "http://me:CANARY@")
    said = [
        cli("run-pipeline", "-P", f"url={host}/gone.csv?Signature=CANARY&key=CANARY", code=6),
        cli("run-pipeline", "-P", f"url={host}/data.csv?Signature=CANARY&key=CANARY"),
        cli("download", "--file-url", f"{host}/data.csv?Signature=CANARY", "--artifact-name", "data"),
        cli(
            "download",
            "--file-url",
            f"{host}/gone.csv?Signature=CANARY",
            "--file-url",
            f"{host}/data.csv?x=CANARY",
            code=9,
        ),
        cli("artifacts", "show", "data"),
    ]
    assert not [answer for answer in said if "CANARY" in answer.out + answer.err]
    kept = [path for path in Path(".artifactflow").rglob("*") if path.is_file() and b"CANARY" in path.read_bytes()]
    assert kept == []


# Archives.


def test_links_and_limits_are_said_with_the_option_that_helps(cli, tmp_path: Path, table: Path):
    (tmp_path / "link").symlink_to("flats.csv")
    with tarfile.open("linked.tgz", "w:gz") as archive:
        archive.add(table, "flats.csv")
        archive.add(tmp_path / "link", "link")
    assert "--skip-links" in cli("download", "--file-url", "linked.tgz", code=5).err
    assert cli("artifacts", "ls", "--json").json == []
    answer = cli("download", "--file-url", "linked.tgz", "--skip-links", "--json")
    assert answer.json["outputs"]["dataset"]["files"] == 1
    assert "note: 1 link in linked.tgz left out" in answer.err
    small = cli("download", "--file-url", "linked.tgz", "--skip-links", "--max-size", "1kB", code=5).err
    assert "more than 1,000 bytes come out of it" in small
    assert "--max-size" in small.partition("hint: ")[2]
    few = cli("download", "--file-url", "linked.tgz", "--skip-links", "--max-files", 1, code=5).err
    assert "more than 1 members" in few
    assert "max_size takes a size" in cli("download", "--file-url", "linked.tgz", "--max-size", "big", code=2).err


def test_a_missing_extra_is_named_with_its_command(cli, monkeypatch):
    for module in ("fsspec", "fsspec.core"):
        monkeypatch.setitem(sys.modules, module, None)
    failed = cli("download", "--file-url", "s3://bucket/a.csv", code=7).err
    assert "hint: pip install 'artifactflow[s3]'" in failed
