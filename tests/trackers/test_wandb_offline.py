"""W&B's offline runs are read as W&B wrote them, and wait until somebody has them."""

import warnings
from pathlib import Path

import pytest

from artifactflow.trackers.wandb_offline import (
    KEPT_FOLDER,
    OfflineRun,
    described,
    forget_sent,
    wait_again,
    waiting_runs,
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as W&B's own library writes it, with a record before the run's that is longer than a block."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from wandb.proto.wandb_internal_pb2 import Record, RunRecord
    run = Record(run=RunRecord(run_id="r1", project="flowers", entity="me"))
    long = Record()
    long.output_raw.line = "x" * 70_000
    file = tmp_path_factory.mktemp("written") / "run-r1.wandb"
    file.write_bytes(log_of([long.SerializeToString(), run.SerializeToString()]))
    return file


def log_of(records: list[bytes]) -> bytes:
    """A LevelDB log with the header that W&B gives it; checksums are left out, as nobody looks at them."""
    content = b":W&B" + bytes(3)
    for record in records:
        left, begun = record, False
        while left or not begun:
            room = 32768 - len(content) % 32768
            if room < 7:
                content += bytes(room)
                continue
            piece, left = left[: room - 7], left[room - 7 :]
            kind = {(False, False): 1, (False, True): 2, (True, True): 3, (True, False): 4}[begun, bool(left)]
            content += bytes(4) + len(piece).to_bytes(2, "little") + bytes([kind]) + piece
            begun = True
    return content


def offline_run(root: Path, content: bytes) -> Path:
    folder = root / "wandb" / "offline-run-20260101_000000-r1"
    (folder / KEPT_FOLDER).mkdir(parents=True)
    (folder / "run-r1.wandb").write_bytes(content)
    return folder


def test_a_run_says_where_it_belongs_though_long_records_come_before(tmp_path: Path, written: Path):
    folder = offline_run(tmp_path, written.read_bytes())
    assert described(folder) == OfflineRun("r1", "flowers", "me")


@pytest.mark.parametrize("length", [7, 20, 40_000])
def test_a_run_that_was_cut_off_before_its_record_says_nothing(tmp_path: Path, written: Path, length: int):
    assert described(offline_run(tmp_path, written.read_bytes()[:length])) is None


def test_a_run_whose_record_was_cut_off_or_damaged_says_nothing(tmp_path: Path, written: Path):
    content = written.read_bytes()
    folder = offline_run(tmp_path, content[:-5])
    assert described(folder) is None
    (folder / "run-r1.wandb").write_bytes(content[:-20] + b"\xff" * 20)
    assert described(folder) is None


def test_a_run_waits_until_it_is_marked_and_again_when_the_mark_was_wrong(tmp_path: Path, written: Path):
    folder = offline_run(tmp_path, written.read_bytes())
    assert waiting_runs(tmp_path) == [folder]
    (folder / "run-r1.wandb.synced").touch()
    assert waiting_runs(tmp_path) == []
    wait_again(folder)
    assert waiting_runs(tmp_path) == [folder]


def test_a_run_into_which_nothing_was_written_has_nothing_to_send(tmp_path: Path):
    offline_run(tmp_path, b":W&B" + bytes(3))
    assert waiting_runs(tmp_path) == []


def test_what_was_kept_for_a_run_that_was_sent_is_let_go_of(tmp_path: Path, written: Path):
    folder = offline_run(tmp_path, written.read_bytes())
    forget_sent([folder])
    assert [path.name for path in folder.iterdir()] == ["run-r1.wandb"]
