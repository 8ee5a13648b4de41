"""Every system call of an operation fails once, with EIO, with ENOSPC, and by the death of the process."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from system_calls import OPERATIONS, failures

_MEMORY = Path("/dev/shm")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: nothing here is about what a disk does in its own time."""
    if not os.access(_MEMORY, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=_MEMORY) as name:
        yield Path(name)


@pytest.mark.torture
@pytest.mark.parametrize("operation", OPERATIONS)
def test_any_call_may_fail_and_nothing_is_lost(folder, operation):
    assert list(failures(operation, folder)) == []
