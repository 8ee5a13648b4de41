"""What the doctor says of this machine, and of machines that lack something."""

import http.server
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from artifactflow.doctor import Mark, Observation, examine
from artifactflow.doctor.disk import examine_disk
from artifactflow.doctor.machine import examine_machine, journal_mode, python_version
from artifactflow.doctor.programs import examine_programs
from artifactflow.doctor.services import PATIENCE, answers_no, examine_trackers
from artifactflow.doctor.storage import examine_store
from artifactflow.store import Store


def by_subject(found: list[Observation]) -> dict[str, Observation]:
    return {one.subject: one for one in found}


@contextmanager
def serving(status: int) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    root = tmp_path / ".artifactflow"
    with Store.open(root) as opened:
        (tmp_path / "data.csv").write_text("1")
        tree = opened.put_tree(tmp_path / "data.csv")
        with opened.transaction() as transaction:
            transaction.register("data", "raw_data", "", tree)
    return root


def test_everything_is_examined_and_what_is_not_well_has_a_mend(store, tmp_path):
    found = examine(store, tmp_path, {})
    assert {one.subject for one in found} == (
        {"Python", "platform", "SQLite", "byte-compilation", "fsync", "locks", "sharing", "names", "space", "store"}
        | {"uv", "conda", "interpreters", "git", "MLflow", "W&B"}
    )
    assert all(one.mend for one in found if one.mark is not Mark.OK)


def test_examining_imports_no_tracker_and_leaves_nothing_behind(store, tmp_path):
    before = sorted(path for path in tmp_path.rglob("*") if "catalog" not in path.name)
    loaded = {"mlflow", "wandb"} & set(sys.modules)
    examine(store, tmp_path, {})
    assert {"mlflow", "wandb"} & set(sys.modules) == loaded
    assert sorted(path for path in tmp_path.rglob("*") if "catalog" not in path.name) == before


# the machine


@pytest.mark.parametrize(
    ("minor", "mark"), [((3, 10), "fail"), ((3, 11), "ok"), ((3, 12), "ok"), ((3, 13), "ok"), ((3, 14), "warn")]
)
def test_python_is_one_of_those_that_were_tested(minor: tuple[int, int], mark: str):
    assert python_version(minor).mark.value == mark


def test_the_journal_mode_follows_from_the_version_of_sqlite():
    assert "a write-ahead log" in journal_mode((3, 51, 3)).text.partition("(")[0]
    assert "a rollback journal" in journal_mode((3, 51, 2)).text
    assert "3.51.3 on" in journal_mode((3, 40, 1)).text


def test_byte_compilation_that_is_off_is_said_so():
    assert by_subject(examine_machine({"PYTHONDONTWRITEBYTECODE": "1"}))["byte-compilation"].mark is Mark.WARN
    assert by_subject(examine_machine({}))["byte-compilation"].mark is Mark.OK


# the disk


def test_a_disk_is_tried_where_the_store_will_be(tmp_path):
    found = by_subject(examine_disk(tmp_path / "project" / ".artifactflow"))
    assert found["fsync"].mark is Mark.OK
    assert found["locks"].mark is Mark.OK
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_to_is_broken(tmp_path, monkeypatch):
    def refuse(*_arguments, **_keywords):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)  # root may write anywhere
    (found,) = examine_disk(tmp_path)
    assert found.mark is Mark.FAIL
    assert "Permission denied" in found.text


def test_locks_that_keep_nobody_out_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr("fcntl.flock", lambda *_: None)
    assert by_subject(examine_disk(tmp_path))["locks"].mark is Mark.FAIL


# the store


def test_a_store_in_a_line(store):
    (found,) = examine_store(store)
    assert found.mark is Mark.OK
    assert "format 1, 1 version, 0 runs" in found.text
    assert "its journal is whole" in found.text


def test_no_store_yet_is_no_fault(tmp_path):
    (found,) = examine_store(tmp_path / ".artifactflow")
    assert (found.mark, "none yet" in found.text) == (Mark.OK, True)


def test_a_damaged_journal_is_broken(store):
    (segment,) = (store / "journal").glob("*.log")
    content = bytearray(segment.read_bytes())
    content[100] ^= 1
    segment.write_bytes(content)
    (found,) = examine_store(store)
    assert found.mark is Mark.FAIL
    assert "journal is damaged" in found.text
    assert found.mend


def test_a_folder_that_is_no_store_is_broken(tmp_path):
    (tmp_path / ".artifactflow").mkdir()
    (tmp_path / ".artifactflow" / "notes.txt").write_text("mine")
    (found,) = examine_store(tmp_path / ".artifactflow")
    assert found.mark is Mark.FAIL


def test_what_a_killed_process_left_is_found_once_it_is_old(store):
    left = store / "tmp" / "put-abc"
    left.mkdir()
    (store / "tmp" / "downloads").mkdir()
    assert len(examine_store(store)) == 1
    for folder in (left, store / "tmp" / "downloads"):
        os.utime(folder, (0, 0))
    _, found = examine_store(store)
    assert (found.mark, "1 leftover of" in found.text, "artifacts gc" in found.mend) == (Mark.WARN, True, True)


# programs


def test_programs_that_are_missing_are_told_with_what_that_means(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = by_subject(examine_programs())
    assert found["git"].mark is Mark.WARN
    assert "needed only for --env conda" in found["conda"].text
    assert "3.1" in found["interpreters"].text


# trackers


def test_nobody_is_told_where_nothing_is_set(tmp_path):
    mlflow, wandb = examine_trackers(tmp_path, {"HOME": str(tmp_path)})
    assert "not told" in mlflow.text
    assert "not told" in wandb.text


def test_a_server_that_answers(tmp_path):
    with serving(200) as address:
        mlflow, _ = examine_trackers(tmp_path, {"MLFLOW_TRACKING_URI": address})
    assert (mlflow.mark, "which answers" in mlflow.text) == (Mark.OK, True)


def test_a_server_that_is_not_there_is_told_with_the_reason_and_the_way_to_catch_up(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    mlflow, _ = examine_trackers(tmp_path, {"MLFLOW_TRACKING_URI": f"http://me:word@127.0.0.1:{port}"})
    assert mlflow.mark is Mark.WARN
    assert "Connection refused" in mlflow.text
    assert "word" not in mlflow.text
    assert "artifactflow sync" in mlflow.mend


def test_a_server_that_never_answers_costs_two_seconds(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        begun = time.monotonic()
        assert answers_no(f"http://127.0.0.1:{server.getsockname()[1]}") == "no answer within 2 s"
    assert time.monotonic() - begun < 5 * PATIENCE  # not the library's own minute and a half


def test_a_server_that_is_broken_says_so_itself():
    with serving(503) as address:
        assert answers_no(address).startswith("503")
    with serving(401) as address:
        assert answers_no(address) == ""


@pytest.mark.parametrize("address", ["http://", "http://127.0.0.1:99999", "http://[", "nonsense://x"])
def test_an_address_that_is_none_is_no_traceback(address: str):
    assert answers_no(address)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"WANDB_MODE": "offline"}, "told offline"),
        ({"WANDB_MODE": "disabled", "WANDB_API_KEY": "k" * 40}, "disabled"),
        ({"WANDB_MODE": "online"}, "there is no key"),
    ],
)
def test_wandb_by_its_mode(tmp_path, variables: dict[str, str], words: str):
    _, wandb = examine_trackers(tmp_path, {"HOME": str(tmp_path), **variables})
    assert words in wandb.text


def test_a_key_is_never_printed(tmp_path):
    with serving(404) as address:
        _, wandb = examine_trackers(tmp_path, {"WANDB_API_KEY": "k" * 40, "WANDB_BASE_URL": address})
    assert "a key is there" in wandb.text
    assert "kkk" not in wandb.text + wandb.mend


def test_a_choice_of_trackers_that_cannot_be_right_is_broken(tmp_path):
    (found,) = examine_trackers(tmp_path, {"ARTIFACTFLOW_TRACK": "mlfow"})
    assert found.mark is Mark.FAIL
    assert "did you mean mlflow" in found.mend


FULL_DISK = """
import resource, sys
from pathlib import Path
from artifactflow.doctor.disk import examine_disk
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
sys.stdout.write(" ".join(f"{one.subject}={one.mark.value}" for one in examine_disk(Path(sys.argv[1]))))
"""


def test_a_disk_that_takes_nothing_more_is_a_finding_and_no_end(tmp_path):
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "fsync=fail locks=ok sharing=fail names=ok space=ok"
    assert list(tmp_path.iterdir()) == []
