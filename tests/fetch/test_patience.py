"""Pauses, Retry-After and stalls."""

import pytest

from artifactflow.fetch.patience import Patience, StallWatch, retry_after


def test_pauses_double_with_jitter_up_to_the_longest():
    patience = Patience(first_pause=1, longest_pause=5)
    for tried, whole in [(1, 1), (2, 2), (3, 4), (4, 5), (9, 5)]:
        pauses = {patience.pause(tried) for _ in range(50)}
        assert all(whole / 2 <= pause <= whole for pause in pauses)
        assert len(pauses) > 5


@pytest.mark.parametrize("header", [None, "", "soon", "-1", "1.5", "²"])
def test_an_unusable_retry_after_says_nothing(header):
    assert retry_after(header) is None


def test_a_retry_after_in_the_past_is_now():
    assert retry_after("Fri, 31 Dec 1999 23:59:59 GMT") == 0


def test_a_drip_below_the_floor_is_a_stall_and_a_burst_is_none():
    now = [0.0]
    patience = Patience(slowest=1024, stall_window=60, clock=lambda: now[0])
    watch = StallWatch(patience)
    for now[0] in range(1, 60):
        assert not watch.stalled(1)
    now[0] = 60
    assert watch.stalled(1)
    now[0] = 90
    assert not watch.stalled(10 << 20)
    now[0] = 121
    assert not watch.stalled(1)
    now[0] = 182
    assert watch.stalled(1)
