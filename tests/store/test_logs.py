"""Packed logs are found where the record says, whatever happened to the disk in between."""

import resource
from pathlib import Path

import pytest

from artifactflow.errors import IntegrityError, NotFoundError
from artifactflow.store.logs import PACKED_BYTES, LogPack, log_place


@pytest.fixture
def pack(tmp_path: Path):
    (tmp_path / "runs" / "one").mkdir(parents=True)
    opened = LogPack(tmp_path / "runs" / "one" / "logs", tmp_path)
    yield opened
    opened.close()


def printed(tmp_path: Path, text: str) -> Path:
    log = tmp_path / "log"
    log.write_text(text)
    return log


def test_each_log_is_read_back_from_its_part_of_the_pack(tmp_path, pack):
    logs = [pack.add(printed(tmp_path, text), 0) for text in ("first", "", "second")]
    assert [log_place(tmp_path, log).read() for log in logs] == [b"first", b"", b"second"]


def test_what_earlier_steps_left_in_the_file_is_not_packed(tmp_path, pack):
    assert log_place(tmp_path, pack.add(printed(tmp_path, "theirs mine"), 7)).read() == b"mine"


def test_a_large_log_keeps_its_file(tmp_path, pack):
    assert pack.add(printed(tmp_path, "x" * (PACKED_BYTES + 1)), 0) is None


def test_logs_that_come_after_a_full_disk_are_where_their_records_say(tmp_path, pack):
    pack.add(printed(tmp_path, "before"), 0)
    log = printed(tmp_path, "refused")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6, before[1]))
    try:
        assert pack.add(log, 0) is None
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert log_place(tmp_path, pack.add(printed(tmp_path, "after"), 0)).read() == b"after"


def test_a_log_that_is_gone_is_not_found(tmp_path):
    with pytest.raises(NotFoundError, match="is gone"):
        log_place(tmp_path, "runs/one/logs:0:5").read()


@pytest.mark.parametrize("log", ["/etc/passwd", "runs/../../secret", "objects/ab"])
def test_a_record_cannot_name_a_log_outside_of_runs(tmp_path, log):
    with pytest.raises(IntegrityError, match=r"expected one in runs/"):
        log_place(tmp_path, log)
