"""Kill -9 at random moments: nothing acknowledged is lost, nothing half done is seen, no garbage stays."""

import functools

import pytest

from artifactflow.errors import ArtifactflowError
from kills import kill_pipeline_runs, kill_workers
from mutants import work_as


@pytest.mark.torture
def test_nothing_acknowledged_is_lost_by_kills_at_random_moments(tmp_path):
    assert kill_workers(tmp_path, 900) > 2000


@pytest.mark.torture
def test_kills_find_a_store_that_acknowledges_before_the_journal(tmp_path):
    worker = functools.partial(work_as, "acknowledged before the journal")
    with pytest.raises((AssertionError, ArtifactflowError)):
        kill_workers(tmp_path, 300, worker=worker)


@pytest.mark.torture
def test_nothing_announced_is_lost_by_kills_of_pipeline_runs(tmp_path):
    assert kill_pipeline_runs(tmp_path, 100) > 100
