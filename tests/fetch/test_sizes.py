"""Sizes as people write them."""

import pytest

from artifactflow.errors import UsageError
from artifactflow.fetch.sizes import parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [("1", 1), (" 7 b ", 7), ("2k", 2048), ("2KB", 2000), ("1.5MiB", 3 << 19), ("10GiB", 10 << 30), ("3T", 3 << 40)],
)
def test_a_size_has_decimal_and_binary_units(text, size):
    assert parse_size(text, "max_size") == size


@pytest.mark.parametrize("text", ["", "0", "0.1", "-1", "ten", "10 apples", "1e9", "1,000", "GB", "9" * 99, "१"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(UsageError, match="max_size takes a size"):
        parse_size(text, "max_size")
