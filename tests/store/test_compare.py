from artifactflow.artifact import Digest, Tree, TreeEntry
from artifactflow.store.compare import compare_trees


def entry(path, content=b"", *, executable=False):
    return TreeEntry(path, Digest.of(content), len(content), executable)


def test_files_are_added_removed_and_changed_by_path():
    before = Tree((entry("a", b"1"), entry("b", b"1"), entry("c", b"1")), folder=True)
    after = Tree((entry("a", b"1"), entry("b", b"2"), entry("d", b"1")), folder=True)
    found = compare_trees(before, after)
    assert [one.path for one in found.added] == ["d"]
    assert [one.path for one in found.removed] == ["c"]
    assert [(old.path, new.path) for old, new in found.changed] == [("b", "b")]


def test_equal_trees_do_not_differ_and_an_executable_bit_does():
    tree = Tree((entry("a", b"1"),), folder=True)
    assert not compare_trees(tree, tree)
    assert compare_trees(tree, Tree((entry("a", b"1", executable=True),), folder=True))


def test_two_single_files_are_one_file_whatever_they_are_called():
    found = compare_trees(Tree((entry("a.csv", b"1"),), folder=False), Tree((entry("b.csv", b"1"),), folder=False))
    assert [(old.path, new.path) for old, new in found.changed] == [("a.csv", "b.csv")]
