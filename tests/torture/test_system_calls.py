"""Every system call of an operation fails once, with EIO, with ENOSPC, and by the death of the process."""

import pytest

from system_calls import OPERATIONS, failures


@pytest.mark.torture
@pytest.mark.parametrize("operation", OPERATIONS)
def test_any_call_may_fail_and_nothing_is_lost(tmp_path, operation):
    assert list(failures(operation, tmp_path)) == []
