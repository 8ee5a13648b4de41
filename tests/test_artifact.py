"""Names, digests, trees and references: what may be said, and what is refused in words."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactflow.artifact import ArtifactRef, Digest, Tree, TreeEntry, Version, check_alias, check_name
from artifactflow.errors import IntegrityError, UsageError

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
ONE, OTHER = Digest.of(b"one"), Digest.of(b"other")


# Names.


@pytest.mark.parametrize("name", ["a", "_a", "0", "raw_data-1.csv", "x" * 128])
def test_letters_digits_and_three_signs_make_a_name(name):
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", ".hidden", "-option", "a/b", "a b", "größe", "a\n", "x" * 129])
def test_what_would_be_no_harmless_file_name_is_refused_with_the_rule(name):
    with pytest.raises(UsageError, match=r"cannot be an artifact name$") as caught:
        check_name(name)
    assert repr(name) in caught.value.message
    assert "at most 128" in str(caught.value.hint)


def test_the_refusal_says_what_the_name_was_for():
    with pytest.raises(UsageError, match=r"'a b' cannot be a step name$"):
        check_name("a b", "step name")


def test_an_alias_is_a_name_that_does_not_read_as_a_version_number():
    aliases = ["champion", "v", "v01", "vx", "v1.2"]
    assert [check_alias(alias) for alias in aliases] == aliases
    for alias in ("v0", "v3", "v999999999999999999"):
        with pytest.raises(UsageError, match="reads as a version number"):
            check_alias(alias)
    with pytest.raises(UsageError, match=r"cannot be an alias$"):
        check_alias("a b")


# Digests.


def test_a_digest_is_sha256_written_with_its_kind_and_cut_for_people():
    digest = Digest.of(b"")
    assert (digest.hexadecimal, str(digest), digest.short) == (EMPTY, f"sha256:{EMPTY}", "e3b0c44298fc")


@pytest.mark.parametrize("text", [EMPTY, f"sha256:{EMPTY}", f"  SHA256:{EMPTY.upper()}\n"])
def test_a_digest_is_read_with_and_without_its_kind_in_any_case(text):
    assert Digest.parse(text) == Digest.of(b"")


@pytest.mark.parametrize("text", ["", EMPTY[1:], EMPTY + "0", "g" * 64, f"md5:{EMPTY}"])
def test_what_is_no_digest_is_refused(text):
    with pytest.raises(IntegrityError, match="is not a SHA-256 digest of 64 hexadecimal digits"):
        Digest.parse(text)


# Trees.


paths = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
entries = st.lists(
    st.builds(TreeEntry, paths, st.binary(max_size=3).map(Digest.of), st.integers(0, 2**50), st.booleans()),
    max_size=4,
    unique_by=lambda entry: entry.path,
)


@given(entries)
def test_a_tree_is_read_back_as_it_was_written_whatever_its_files_are_called(files):
    tree = Tree(tuple(files), folder=True)
    assert Tree.from_bytes(tree.to_bytes()) == tree


def test_the_text_of_a_tree_is_one_line_for_its_kind_and_one_a_file():
    """Digests of trees are in every store: this text can never change without a migration."""
    tree = Tree((TreeEntry("b/ü", OTHER, 5, True), TreeEntry("a", ONE, 3)), folder=True)
    text = f'{{"tree":1,"folder":true}}\n["a","{ONE.hexadecimal}",3,0]\n["b/\\u00fc","{OTHER.hexadecimal}",5,1]\n'
    assert tree.to_bytes() == text.encode()
    assert tree.digest == Digest.of(text.encode())


def test_names_bytes_executable_bits_and_being_a_folder_count_and_the_order_does_not():
    file, more = TreeEntry("a", ONE, 3), TreeEntry("b", ONE, 3)
    trees = [
        Tree((file, more), folder=True),
        Tree((file, TreeEntry("c", ONE, 3)), folder=True),
        Tree((file, TreeEntry("b", OTHER, 3)), folder=True),
        Tree((file, TreeEntry("b", ONE, 3, executable=True)), folder=True),
        Tree((file,), folder=True),
        Tree((file,), folder=False),
    ]
    assert len({tree.digest for tree in trees}) == len(trees)
    assert Tree((more, file), folder=True).digest == trees[0].digest


def test_the_size_of_a_tree_is_that_of_all_its_files():
    assert Tree((TreeEntry("a", ONE, 3), TreeEntry("b", OTHER, 5)), folder=True).size == 8
    assert Tree((), folder=True).size == 0


@pytest.mark.parametrize(
    "files", [(), (TreeEntry("a", ONE, 3), TreeEntry("b", ONE, 3)), (TreeEntry("folder/a", ONE, 3),)]
)
def test_only_one_file_that_lies_in_no_folder_is_a_single_file(files):
    with pytest.raises(IntegrityError, match="cannot stand for a single file"):
        Tree(files, folder=False)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"{}",
        b"[]",
        b'{"folder":true}\n["a","' + b"0" * 63 + b'",1,0]\n',
        b'{"folder":true}\n["a"]\n',
        b'{"folder":true}\n7\n',
    ],
)
def test_what_is_no_list_of_files_is_refused(content):
    with pytest.raises(IntegrityError):
        Tree.from_bytes(content)


# Versions.


@pytest.mark.parametrize(
    ("text", "name", "selector", "number"),
    [
        ("housing", "housing", "latest", None),
        ("housing:", "housing", "latest", None),
        ("housing:v3", "housing", "v3", 3),
        ("housing:v0", "housing", "v0", 0),
        ("housing:champion", "housing", "champion", None),
        ("artifactflow:/housing", "housing", "latest", None),
        ("artifactflow:/housing/v12/", "housing", "v12", 12),
        ("artifactflow:/housing/champion", "housing", "champion", None),
    ],
)
def test_a_version_is_named_by_number_by_alias_or_as_the_latest(text, name, selector, number):
    ref = ArtifactRef.parse(text)
    assert (ref.name, ref.selector, ref.number) == (name, selector, number)
    assert str(ref) == f"{name}:{selector}"


@pytest.mark.parametrize("text", ["", ":v3", "a b:v3", "a:b:c", "a:-x", "artifactflow:/", "artifactflow:/a/b/c"])
def test_what_names_no_version_is_refused(text):
    with pytest.raises(UsageError, match="cannot be an"):
        ArtifactRef.parse(text)


def test_a_version_is_read_back_from_its_record():
    version = Version("housing", 3, "table", ONE, 12, 2, "Prices", {"rows": 7}, "2026-11-23T10:15:02.000Z", "run-1")
    assert version.ref == "housing:v3"
    record = json.loads(json.dumps(version.to_json()))
    assert Version.from_json(record) == version
    assert (record["version"], record["digest"], record["run"]) == (3, str(ONE), "run-1")
