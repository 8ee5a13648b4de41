"""The limits that no archive gets past: counted by what comes out, and not by what the archive says of itself."""

import pytest

from artifactflow.errors import IntegrityError
from artifactflow.fetch.archive_staging import RATIO_FREE_BYTES, RUNNING_RATIO_FREE_BYTES, Limits, Quota

KILOBYTE, MEGABYTE = 1 << 10, 1 << 20


def refused(quota, size, consumed=None):
    with pytest.raises(IntegrityError) as caught:
        quota.take(size, consumed)
    return caught.value


def test_bytes_are_counted_over_all_members_up_to_the_limit_itself():
    quota = Quota(Limits(bytes=100), archive_size=100)
    quota.take(60)
    quota.take(40)
    error = refused(quota, 1)
    assert error.message == "more than 100 bytes come out of it"
    assert "--max-size" in str(error.hint)


def test_members_are_counted_up_to_the_limit_itself():
    quota = Quota(Limits(members=2), archive_size=100)
    quota.take_member()
    quota.take_member()
    with pytest.raises(IntegrityError, match="it has more than 2 members") as caught:
        quota.take_member()
    assert "--max-files" in str(caught.value.hint)


def test_the_ratio_is_asked_once_more_than_ten_megabytes_came_out():
    quota = Quota(Limits(ratio=200), archive_size=KILOBYTE)
    quota.take(RATIO_FREE_BYTES)
    error = refused(quota, 1)
    assert error.message == "what comes out of it is more than 200 times its own 1,024 bytes"
    assert "--max-ratio" in str(error.hint)
    Quota(Limits(ratio=200), archive_size=MEGABYTE).take(200 * MEGABYTE)


def test_a_bomb_at_the_beginning_of_a_large_archive_does_not_come_out_until_its_end():
    limits = Limits(ratio=200)
    Quota(limits, archive_size=1 << 30).take(RUNNING_RATIO_FREE_BYTES, consumed=KILOBYTE)
    assert "200 times" in refused(Quota(limits, archive_size=1 << 30), RUNNING_RATIO_FREE_BYTES + 1, KILOBYTE).message


def test_where_nobody_knows_how_much_was_read_the_whole_archive_counts():
    Quota(Limits(ratio=200), archive_size=1 << 30).take(RUNNING_RATIO_FREE_BYTES + 1)
