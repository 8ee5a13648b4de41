"""The fault suites share helpers, which are modules beside the tests."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import disks


@pytest.fixture
def mount():
    """Mounts file systems made for one test, which go when it ends. Skips where this machine does not let us."""
    mounts = disks.Mounts()
    try:
        yield mounts
    finally:
        mounts.close()
