"""What is read of a file that somebody else wrote."""

from __future__ import annotations

import pytest

from artifactflow.errors import ContractError
from artifactflow.read.bounded_text import read_bounded_text


def test_a_file_may_be_as_large_as_its_kind_and_no_larger(tmp_path):
    file = tmp_path / "main.py"
    file.write_text("x" * 10)
    assert read_bounded_text(file, 10, "script") == "x" * 10
    with pytest.raises(ContractError, match="larger than 9 bytes, which no script is") as caught:
        read_bounded_text(file, 9, "script")
    assert caught.value.place is not None
    assert caught.value.place.file == str(file)


def test_size_is_judged_before_content(tmp_path):
    file = tmp_path / "main.py"
    file.write_bytes("é".encode() * 5)  # cut in the middle of a letter
    with pytest.raises(ContractError, match="larger than 8 bytes"):
        read_bounded_text(file, 8, "script")


def test_utf_16_is_read_only_where_the_kind_of_file_may_be_in_it(tmp_path):
    file = tmp_path / "file.txt"
    file.write_bytes("pandas".encode("utf-16"))
    assert read_bounded_text(file, 100, "environment file", utf_16=True) == "pandas"
    with pytest.raises(ContractError, match="byte 0 is not UTF-8"):
        read_bounded_text(file, 100, "script")
