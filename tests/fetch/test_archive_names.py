"""Which names of members are refused, and why."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactflow.errors import IntegrityError
from artifactflow.fetch.archive_names import TakenNames, member_parts

REFUSED = {
    "": "empty",
    "/etc/passwd": "absolute",
    "//host/share": "absolute",
    "../a": "leads out",
    "a/../../b": "leads out",
    "a/..": "leads out",
    "a\\b": "backslash",
    "..\\a": "backslash",
    "C:/a": "drive",
    "c:a": "drive",
    "a\nb": "control character",
    "a\0b": "control character",
    "a\x1b[2Jb": "control character",
    "a\x7f": "control character",
    "a\x85": "control character",
    "a\u2028b": "control character",
    "a\udcffb": "control character",
    "NUL": "reserved",
    "dir/con.txt": "reserved",
    "Aux": "reserved",
    "com1.tar.gz": "reserved",
    "LPT9": "reserved",
    "lpt³": "reserved",
    "nul .txt": "reserved",
    "name.": "dot or a space",
    "name ": "dot or a space",
    "dir./a": "dot or a space",
    "...": "dot or a space",
    "n" * 256: "longer than 255",
    "ü" * 128: "longer than 255",
    "/".join(["n" * 200] * 6): "longer than 1024",
    "/".join(["d"] * 101): "deeper than 100",
}


@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_a_name_that_could_do_harm_is_refused(name):
    with pytest.raises(IntegrityError, match=REFUSED[name]) as caught:
        member_parts(name)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a.csv", ("a.csv",)),
        ("./a//b/./c", ("a", "b", "c")),
        (".", ()),
        ("./", ()),
        ("._x", ("._x",)),
        ("__MACOSX/._a", ("__MACOSX", "._a")),
        (".hidden", (".hidden",)),
        ("console.txt", ("console.txt",)),
        ("com10", ("com10",)),
        ("..a/b..c", ("..a", "b..c")),
        ("例/ü 1.csv", ("例", "ü 1.csv")),
        ("-rf", ("-rf",)),
        ("n" * 255, ("n" * 255,)),
    ],
)
def test_an_odd_name_that_does_no_harm_is_kept(name, parts):
    assert member_parts(name) == parts


@given(st.text(st.sampled_from("a./\\:C\n \u0301"), max_size=12))
def test_whatever_is_accepted_stays_inside(name):
    try:
        parts = member_parts(name)
    except IntegrityError:
        return
    inside = Path("/target")
    assert Path(os.path.normpath(inside.joinpath(*parts))).is_relative_to(inside)


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ("a", "a", "twice"),
        ("a", "./a", "twice"),
        ("a", "A", "differ only"),
        ("dir/x", "DIR/y", "differ only"),
        ("stra\u00dfe", "STRASSE", "differ only"),
        ("\u00e9", "e\u0301", "differ only"),
        ("a", "a/b", "both a file and a folder"),
        ("a/b", "a", "both a file and a folder"),
        ("a/b/c", "a/b", "both a file and a folder"),
        ("a/b/c", "a", "both a file and a folder"),
    ],
)
def test_two_files_that_want_one_place_are_refused(first, second, why):
    names = TakenNames()
    names.take(member_parts(first), folder=False)
    with pytest.raises(IntegrityError, match=why):
        names.take(member_parts(second), folder=False)


def test_a_folder_may_come_twice_and_after_its_files():
    names = TakenNames()
    names.take(("a", "b"), folder=False)
    names.take(("a",), folder=True)
    names.take(("a",), folder=True)
    with pytest.raises(IntegrityError, match="both a file and a folder"):
        names.take(("a", "b"), folder=True)
    with pytest.raises(IntegrityError, match="differ only"):
        names.take(("A",), folder=True)
