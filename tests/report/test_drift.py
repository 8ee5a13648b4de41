"""What changed inside an artifact, as a reviewer is told it."""

import pytest

from artifactflow.report.drift import LARGEST_READ, content_change


def changed(history, before, now, file: str = "data.csv") -> str:
    refs = [
        history.put("data", content, **({"file": file} if isinstance(content, bytes) else {}))
        for content in (before, now)
    ]
    return content_change(history.store, *map(history.store.version, refs))


def test_of_a_table_rows_columns_and_means_are_told(history):
    found = changed(history, b"a,b,c\n1,x,7\n2,y,7\n", b"a,c,d\n3,7,x\n5,7,y\n4,7,z\n")
    assert found == "rows 2 → 3; new columns d; without the columns b; mean of a 1.5 → 4"


def test_of_many_columns_those_that_moved_most_are_told(history):
    header = ",".join(f"c{number}" for number in range(6))
    before = f"{header}\n{','.join('0' * 6)}\n{','.join('1' * 6)}\n"
    now = f"{header}\n{','.join(map(str, range(6)))}\n{','.join('1' * 6)}\n"
    assert changed(history, before.encode(), now.encode()) == (
        "mean of c5 0.5 → 3; mean of c4 0.5 → 2.5; mean of c3 0.5 → 2"
    )


def test_of_json_the_keys_are_counted(history):
    found = changed(history, b'{"a": 1, "b": 2}', b'{"a": 2, "c": 3, "d": 4}', "x.json")
    assert found == "1 key changed; 2 keys added; 1 key removed"


def test_of_a_folder_the_files_are_counted(history):
    before, now = {"same": b"1", "changed": b"1", "gone": b"1"}, {"same": b"1", "changed": b"2", "new": b"1"}
    assert changed(history, before, now) == "1 file changed, 1 file added, 1 file removed"


@pytest.mark.parametrize("now", [b"a,b\n1\n2,3,4\n", b"\xff\xfe\x00", b""])
def test_what_cannot_be_compared_is_no_error(history, now: bytes):
    assert isinstance(changed(history, b"a\n1\n", now), str)


def test_other_files_are_not_read(history):
    assert changed(history, b"one", b"two", "model.pkl") == ""


def test_a_file_that_is_too_large_is_not_read(history, monkeypatch):
    monkeypatch.setattr("artifactflow.report.drift.LARGEST_READ", 5)
    assert LARGEST_READ > 1_000_000
    assert changed(history, b"a\n1\n2\n3\n", b"a\n1\n") == ""
