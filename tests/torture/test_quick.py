"""A little of each suite in the usual run, so that no change breaks a promise until somebody runs them all."""

import functools

import pytest

from artifactflow.errors import ArtifactflowError
from kills import kill_workers
from mutants import work_as
from system_calls import check_fault, prepared
from test_contention import number_versions
from test_power_cuts import cut_power
from test_small_disks import fill_to_levels


def test_kills_lose_nothing(tmp_path):
    kill_workers(tmp_path, 12)


def test_kills_find_a_store_that_acknowledges_before_the_journal(tmp_path):
    with pytest.raises((AssertionError, ArtifactflowError)):
        kill_workers(tmp_path, 200, worker=functools.partial(work_as, "acknowledged before the journal"))


@pytest.mark.parametrize("call", [("fsync", 1), ("pwrite64", 3), ("rename", 2)], ids=lambda call: call[0])
@pytest.mark.parametrize("fault", ["EIO", "ENOSPC", "SIGKILL"])
def test_a_call_of_a_put_fails_and_nothing_is_lost(tmp_path, fault, call):
    check_fault("put", prepared("put", tmp_path / "template"), tmp_path, fault, call)


def test_power_cuts_lose_nothing(mount, monkeypatch):
    cut_power(mount, "ext4", 4, monkeypatch)


def test_a_disk_almost_full_takes_all_or_nothing(mount, tmp_path):
    assert fill_to_levels(mount, tmp_path, 2) == [False, False]


def test_four_processes_number_a_hundred_versions_without_a_gap(tmp_path):
    number_versions(tmp_path / "store", 4, 25)
