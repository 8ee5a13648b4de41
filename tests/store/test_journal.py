import os
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artifactflow.errors import IntegrityError, OutsideError
from artifactflow.store import journal as journal_module
from artifactflow.store.journal import Journal, Position

START = Position()


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path, "the-store")


def append(journal, *records, position=START):
    for record in records:
        position = journal.append(position, record)
    return position


def read(journal, position=START):
    return [record for record, _ in journal.records(position) if "n" in record]


def numbered(*numbers):
    return [{"n": number} for number in numbers]


def test_what_was_appended_is_read_in_order(journal, tmp_path):
    end = append(journal, *numbered(1, 2, 3))
    assert read(Journal(tmp_path, "the-store")) == numbered(1, 2, 3)
    assert journal.ends_at(end)
    assert not journal.ends_at(START)


def test_reading_can_go_on_from_any_position(journal):
    middle = append(journal, *numbered(1, 2))
    append(journal, *numbered(3, 4), position=middle)
    assert read(journal, middle) == numbered(3, 4)


@given(
    record=st.dictionaries(
        st.text(), st.recursive(st.none() | st.integers() | st.floats(allow_nan=False) | st.text(), st.lists)
    )
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a busy machine too
def test_any_json_comes_back_as_it_was(tmp_path_factory, record):
    journal = Journal(tmp_path_factory.mktemp("journal"), "the-store")
    append(journal, {"n": record})
    assert read(journal) == [{"n": record}]


def test_numbers_that_json_has_no_word_for_come_back_too(journal):
    append(journal, {"n": [float("nan"), float("inf"), float("-inf")]})
    assert repr(read(journal)) == "[{'n': [nan, inf, -inf]}]"


def test_a_full_segment_is_followed_by_another_one_that_opens_with_the_last_checksum(tmp_path):
    journal = Journal(tmp_path, "the-store", segment_bytes=300)
    end = append(journal, *numbered(*range(20)))
    segments = sorted(path.name for path in tmp_path.iterdir())
    assert segments[:2] == ["000001.log", "000002.log"]
    assert read(journal) == numbered(*range(20))
    assert journal.ends_at(end)
    last_of_first = (tmp_path / "000001.log").read_bytes().splitlines()[-1][:64].decode()
    assert f'"previous":"{last_of_first}"' in (tmp_path / "000002.log").read_text().splitlines()[0]


def test_every_torn_tail_is_passed_over_and_cut_off_by_the_next_append(tmp_path):
    whole = tmp_path / "whole"
    whole.mkdir()
    journal = Journal(whole, "the-store")
    acknowledged = append(journal, *numbered(1))
    append(journal, *numbered(2), position=acknowledged)
    content = (whole / "000001.log").read_bytes()
    for length in range(acknowledged.offset + 1, len(content)):
        folder = tmp_path / str(length)
        folder.mkdir()
        (folder / "000001.log").write_bytes(content[:length])
        torn = Journal(folder, "the-store")
        assert read(torn) == numbered(1)
        append(torn, *numbered(3), position=acknowledged)
        assert read(torn) == numbered(1, 3)
        shutil.rmtree(folder)


@pytest.mark.parametrize("lost", ["all of it", "its beginning", "a sector in the middle"])
def test_sectors_of_the_last_line_that_never_reached_the_disk_are_a_torn_tail(journal, tmp_path, lost):
    acknowledged = append(journal, *numbered(1))
    append(journal, {"n": "x" * 2000}, position=acknowledged)
    path = tmp_path / "000001.log"
    content = bytearray(path.read_bytes())
    start, end = acknowledged.offset, len(content)
    first, last = {"all of it": (start, end), "its beginning": (start, start + 100)}.get(
        lost, (start + 500, start + 1200)
    )
    content[first:last] = bytes(last - first)
    path.write_bytes(content)
    assert read(journal) == numbered(1)


def test_every_flipped_bit_is_found_the_last_line_and_the_header_included(journal, tmp_path):
    append(journal, *numbered(1, 2))
    path = tmp_path / "000001.log"
    content = path.read_bytes()
    for offset in range(len(content)):
        flipped = bytearray(content)
        flipped[offset] ^= 1 << offset % 8
        path.write_bytes(flipped)
        with pytest.raises(IntegrityError) as caught:
            read(journal)
        # A newline that has become something else joins a line to the one behind it, never to one before.
        assert caught.value.place.line == content[:offset].count(b"\n") + 1
        assert caught.value.place.file == str(path)


@pytest.mark.parametrize("damage", ["dropped", "swapped", "doubled"])
def test_lines_that_were_moved_about_are_found(journal, tmp_path, damage):
    append(journal, *numbered(1, 2, 3))
    path = tmp_path / "000001.log"
    header, one, two, three = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(
        {
            "dropped": header + one + three,
            "swapped": header + two + one + three,
            "doubled": header + one + one + two + three,
        }[damage]
    )
    with pytest.raises(IntegrityError, match="checksum"):
        read(journal)


def test_a_missing_or_foreign_segment_is_found(tmp_path):
    journal = Journal(tmp_path, "the-store", segment_bytes=300)
    append(journal, *numbered(*range(20)))
    with pytest.raises(IntegrityError, match="header"):
        read(Journal(tmp_path, "another-store"))
    middle = tmp_path / "000002.log"
    middle.rename(tmp_path / "elsewhere")
    with pytest.raises(IntegrityError, match="lost a segment"):
        read(journal)


def test_a_torn_tail_in_a_segment_that_is_not_the_last_is_damage(tmp_path):
    journal = Journal(tmp_path, "the-store", segment_bytes=300)
    append(journal, *numbered(*range(20)))
    path = tmp_path / "000001.log"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(IntegrityError, match="damaged"):
        read(journal)


def test_a_journal_that_is_shorter_than_what_was_seen_of_it_has_been_cut(journal, tmp_path):
    end = append(journal, *numbered(1, 2))
    path = tmp_path / "000001.log"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(IntegrityError, match="cut short"):
        read(journal, end)


def test_an_append_that_cannot_be_made_durable_leaves_nothing(journal, monkeypatch):
    end = append(journal, *numbered(1))

    def fail(descriptor):
        raise OSError(5, os.strerror(5))

    with monkeypatch.context() as patch:
        patch.setattr(journal_module, "sync_descriptor", fail)
        with pytest.raises(OutsideError, match="cannot write the journal: Input/output error"):
            append(journal, *numbered(2), position=end)
    assert journal.ends_at(end)
    append(journal, *numbered(3), position=end)
    assert read(journal) == numbered(1, 3)
