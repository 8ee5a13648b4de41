import sys
import time

import pandas
import pytest

from artifactflow.errors import ContractError, IntegrityError, MissingToolError, NotFoundError, StepFailedError
from artifactflow.formats import table

FRAME = pandas.DataFrame(
    {"price": [1.5, None, 3.0], "rooms": [1, 2, 3], "name": ["a,b", "ü", 'say "x"']}, index=[7, 8, 9]
)
ENDINGS = ["csv", "tsv", "jsonl", "ndjson", "json", "parquet", "feather", "csv.gz", "tsv.bz2", "csv.xz", "jsonl.zst"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_table_comes_back_without_its_index(tmp_path, ending):
    table.write(FRAME, tmp_path / f"a.{ending}")
    pandas.testing.assert_frame_equal(table.read(tmp_path / f"a.{ending}"), FRAME.reset_index(drop=True))


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_same_table_gives_the_same_bytes_at_any_time(tmp_path, ending, monkeypatch):
    file = tmp_path / f"a.{ending}"
    table.write(FRAME, file)
    first = file.read_bytes()
    later = time.time() + 100_000
    monkeypatch.setattr(time, "time", lambda: later)
    table.write(FRAME, file)
    assert file.read_bytes() == first


def test_one_table_among_other_files_of_a_folder_is_found(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "README.md").write_text("about")
    table.write(FRAME, tmp_path / "data" / "a.csv")
    assert table.read(tmp_path).shape == (3, 3)


def test_a_folder_with_two_tables_or_none_is_refused(tmp_path):
    with pytest.raises(ContractError, match="nothing that is a table"):
        table.read(tmp_path)
    for name in ("a.csv", "b.csv"):
        table.write(FRAME, tmp_path / name)
    with pytest.raises(ContractError, match=r"2 files that could be a table: a\.csv, b\.csv"):
        table.read(tmp_path)


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(NotFoundError, match="does not exist, expected a table"):
        table.read(tmp_path / "a.csv")


@pytest.mark.parametrize("name", ["a.txt", "a", "a.zip", "a.parquet.gz"])
def test_an_ending_that_is_no_tables_is_refused_both_ways(tmp_path, name):
    (tmp_path / name).write_text("x")
    with pytest.raises(ContractError, match=r"\.csv"):
        table.read(tmp_path / name)
    with pytest.raises(ContractError, match=r"\.csv"):
        table.write(FRAME, tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.csv", b""),
        ("ragged.csv", b"a,b\n1,2\n1,2,3\n"),
        ("latin.csv", b"a\n\xff\xfe\n"),
        ("a.parquet", b"PAR1 nonsense"),
        ("a.feather", b"nonsense"),
        ("a.jsonl", b"{"),
        ("a.csv.gz", b"nonsense"),
        ("cut.csv.gz", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03K\xd2"),
        ("a.csv.bz2", b"nonsense"),
        ("a.csv.xz", b"nonsense"),
        ("a.csv.zst", b"nonsense"),
    ],
)
def test_broken_content_is_refused_in_one_line(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(IntegrityError, match="cannot be read as") as caught:
        table.read(tmp_path / name)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(("ending", "package"), [("parquet", "pyarrow"), ("feather", "pyarrow"), ("xlsx", "openpyxl")])
def test_a_missing_library_is_named_as_pip_knows_it(tmp_path, monkeypatch, ending, package):
    monkeypatch.setitem(sys.modules, package, None)
    (tmp_path / f"a.{ending}").write_bytes(b"PK\x03\x04")
    with pytest.raises(MissingToolError, match=package) as caught:
        table.write(FRAME, tmp_path / f"b.{ending}")
    assert caught.value.hint == f"pip install {package}"


def test_what_is_no_table_is_refused(tmp_path):
    with pytest.raises(StepFailedError, match=r"gave a list, expected a pandas\.DataFrame"):
        table.write([1], tmp_path / "a.csv")
    assert not list(tmp_path.iterdir())


def test_values_that_a_format_cannot_hold_leave_no_file(tmp_path):
    with pytest.raises(StepFailedError, match=r"cannot be written as \.parquet"):
        table.write(pandas.DataFrame({"a": [1, "x", object()]}), tmp_path / "a.parquet")
    assert not list(tmp_path.iterdir())


def test_summary_tells_shape_types_and_first_rows(tmp_path):
    table.write(FRAME, tmp_path / "a.csv")
    found = table.summary(tmp_path / "a.csv", rows=2)
    assert found.shape == (3, 3)
    assert (found.columns["price"], found.columns["rooms"]) == ("float64", "int64")
    assert found.first_rows == (("1.5", "1", "a,b"), ("nan", "2", "ü"))
    assert found.to_json() == {"rows": 3, "columns": found.columns}
