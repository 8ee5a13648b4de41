"""How addresses are shown, named and refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactflow.errors import UsageError
from artifactflow.fetch.addresses import check_web_address, file_name_of, local_file, local_path, masked_address


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://host/a.csv", "https://host/a.csv"),
        ("https://me:CANARY@host:8080/a", "https://***@host:8080/a"),
        ("https://me:CAN@ARY@host/a", "https://***@host/a"),
        ("https://host/a?sig=CANARY&x=", "https://host/a?sig=***&x=***"),
        ("https://host/a?CANARY", "https://host/a?***"),
        ("https://host/a?x=1&CANARY&y=CAN=ARY", "https://host/a?x=***&***&y=***"),
        ("https://host/a#CANARY", "https://host/a"),
        ("s3://key:CANARY@bucket/a", "s3://***@bucket/a"),
        ("https://[bad:CANARY@host", "https://***@host"),
        ("data/what?.csv", "data/what?.csv"),
        ("pkg:sklearn.datasets.data/iris.csv", "pkg:sklearn.datasets.data/iris.csv"),
    ],
)
def test_what_can_be_a_secret_is_masked(address, shown):
    assert masked_address(address) == shown


@given(st.text(), st.text())
def test_masking_never_fails_and_never_shows_a_query_value(junk, more):
    shown = masked_address(f"https://{junk.replace('?', '')}host/path?key=CANARY{more.replace('&', '')}")
    assert "CANARY" not in shown


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://host/dir/housing.tgz?x=/b", "housing.tgz"),
        ("https://host", "download"),
        ("https://host/..", "download"),
        ("https://host/a%2Fb%00c%5Cd.csv", "a_b_c_d.csv"),
        ("https://host/%E4%BE%8B.csv", "例.csv"),
        ("https://host/" + "n" * 300 + ".csv", "n" * 196 + ".csv"),
    ],
)
def test_a_file_name_from_an_address_stays_in_its_folder(address, name):
    assert file_name_of(address) == name


@pytest.mark.parametrize("address", ["http://a b/", "http://good\\@evil/", "http://host/\n", "http://[x", "http:///a"])
def test_an_address_that_can_be_read_in_two_ways_is_refused(address):
    with pytest.raises(UsageError):
        check_web_address(address)


def test_a_file_address_of_another_machine_is_refused():
    with pytest.raises(UsageError, match="another machine"):
        local_path("file://host/data.csv")


def test_local_file_finds_paths_and_package_data_and_nothing_else(tmp_path):
    file = tmp_path / "a b.csv"
    file.touch()
    assert local_file(str(file)) == file
    assert local_file(f"file://{tmp_path}/a%20b.csv") == file
    assert local_file("pkg:sklearn.datasets.data/iris.csv").name == "iris.csv"
    for nothing in ("", str(tmp_path / "other"), "pkg:sklearn/none.csv", "pkg:nowhere/a", "http://host/a", "a\0b"):
        assert local_file(nothing) is None
