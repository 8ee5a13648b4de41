"""`artifactflow download`: a file by its address, told about."""

import hashlib
import tarfile
from pathlib import Path

import pytest


def test_a_table_is_shown_with_shape_types_and_first_rows(cli, table: Path):
    shown = cli("download", "--file-url", table, "--artifact-description", "Flats to let").out
    assert "artifact     flats:v1\n" in shown
    assert "type         raw_data\n" in shown
    assert "description  Flats to let\n" in shown
    assert "digest       sha256:" in shown
    assert f"size         {table.stat().st_size} B in 1 file\n" in shown
    assert "60 rows, 3 columns" in shown
    assert "size    float64" in shown


def test_the_same_content_is_the_same_version_and_it_is_said(cli, table: Path):
    cli("download", "--file-url", table)
    assert "flats:v1  (the same content as before, so the same version)" in cli("download", "--file-url", table).out
    table.write_text(table.read_text() + "9,north,no\n")
    assert "flats:v2\n" in cli("download", "--file-url", table).out


def test_the_options_name_the_artifact(cli, table: Path):
    options = ["--artifact-name", "homes", "--artifact-type", "listing", "--artifact-description", "Homes"]
    version = cli("download", "--file-url", table, *options, "--json").json["outputs"]["dataset"]
    assert (version["name"], version["type"], version["description"]) == ("homes", "listing", "Homes")


def test_options_are_understood_as_mlflow_writes_them(cli, table: Path):
    answer = cli("download", f"--file_url={table}", "--artifact_name=", "--extract=false", "--json").json
    assert answer["outputs"]["dataset"]["name"] == "flats"


def test_data_inside_an_installed_package(cli):
    answer = cli("download", "--file-url", "pkg:sklearn.datasets.data/iris.csv", "--json").json
    version = answer["outputs"]["dataset"]
    assert (version["name"], version["files"]) == ("iris", 1)
    assert version["run"] == answer["run"]


def test_an_archive_is_taken_apart_unless_told_otherwise(cli, table: Path, tmp_path: Path):
    (tmp_path / "two.txt").write_text("two")
    with tarfile.open(tmp_path / "both.tgz", "w:gz") as archive:
        archive.add(table, "flats.csv")
        archive.add(tmp_path / "two.txt", "sub/two.txt")
    whole = cli("download", "--file-url", "both.tgz").out
    assert "in 2 files" in whole
    assert "sub/two.txt" in whole
    kept = cli("download", "--file-url", "both.tgz", "--no-extract", "--artifact-name", "kept", "--json").json
    cli("artifacts", "get", "kept", "--to", "out")
    assert kept["outputs"]["dataset"]["files"] == 1
    assert Path("out/both.tgz").read_bytes() == Path("both.tgz").read_bytes()


def test_a_file_that_only_looks_like_a_table_is_stored_all_the_same(cli, tmp_path: Path):
    (tmp_path / "odd.csv").write_bytes(b"a,b\n\xff\xfe\x00\n")
    assert "odd:v1" in cli("download", "--file-url", "odd.csv").out


def test_a_right_sha256_passes_and_a_wrong_one_is_told_with_both(cli, table: Path):
    right = hashlib.sha256(table.read_bytes()).hexdigest()
    cli("download", "--file-url", table, "--sha256", right)
    failed = cli("download", "--file-url", table, "--sha256", "0" * 64, code=5).err
    assert f"expected sha256:{'0' * 64}, got sha256:{right}" in failed
    assert f"hint: if the file was meant to change, give --sha256 {right}" in failed


@pytest.mark.parametrize(
    ("arguments", "code", "error", "hint"),
    [
        ([], 2, "the parameter file_url is missing", "--file-url"),
        (["--file-url", "nowhere.csv"], 4, "there is no file", ""),
        (["--file-url", "ftp://host/x.csv"], 2, "ftp is not supported", "use http, https, a path"),
        (["--file-url", "flats.csv", "--sha256", "12"], 2, "'12' is not a SHA-256 digest", "sha256sum"),
        (["--file-url", "flats.csv", "--artifact-name", "a/b"], 2, "'a/b' cannot be an artifact name", "use letters"),
        (["--file-url", "pkg:nopackage/x.csv"], 7, "'nopackage', which is not installed", "pip install nopackage"),
        (["--file-url", "pkg:sklearn.datasets.data/irs.csv"], 4, "has no file", "did you mean iris.csv"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_stored(cli, table: Path, arguments, code, error, hint):
    failed = cli("download", *arguments, code=code).err
    assert error in failed.splitlines()[0]
    assert hint in failed.partition("hint: ")[2]
    assert cli("artifacts", "ls", "--json").json == []
