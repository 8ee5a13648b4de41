import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artifactflow.artifact import Digest, Tree, TreeEntry
from artifactflow.errors import IntegrityError, NotFoundError, UsageError
from artifactflow.store.trees import check_path

names = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="/\\"), min_size=1, max_size=12
).filter(lambda name: name not in (".", ".."))
folders = st.dictionaries(
    st.tuples(st.sampled_from(["", "a/", "a/b/", "x y/"]), names).map("".join),
    st.tuples(st.binary(max_size=40), st.booleans()),
    max_size=8,
).filter(lambda files: not {"a", "x y", "a/b"} & files.keys())


def contents(folder: Path) -> dict[str, tuple[bytes, bool]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), bool(path.stat().st_mode & 0o100)) for path in files
    }


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=folders, move=st.booleans())
def test_what_is_put_is_got_back_to_the_byte(store, files, move):
    with tempfile.TemporaryDirectory(dir=store.root.parent) as work:
        source = Path(work, "source")
        source.mkdir()
        for name, (content, executable) in files.items():
            path = source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(0o755 if executable else 0o644)
        tree = store.put_tree(source, move=move)
        assert source.exists() is not move
        assert store.tree(tree.digest) == tree
        got = store.materialise(tree, Path(work, "got"))
        assert contents(got) == files
        shutil.rmtree(got)


def test_a_file_comes_back_under_its_own_name_and_can_be_written(store, write, tmp_path):
    tree = store.put_tree(write("table.csv", "a,b"))
    got = store.materialise(tree, tmp_path / "got")
    assert got == tmp_path / "got" / "table.csv"
    got.write_text("mine now")
    assert store.intact(tree.digest)
    assert store.object_path(tree.entries[0].digest).read_text() == "a,b"


def test_a_folder_of_one_file_is_not_that_file(store, write):
    path = write("folder/table.csv", "a,b")
    assert store.put_tree(path).digest != store.put_tree(path.parent).digest


def test_an_empty_folder_is_an_artifact_too(store, tmp_path):
    (tmp_path / "empty").mkdir()
    tree = store.put_tree(tmp_path / "empty")
    assert tree == Tree((), folder=True)
    assert list(store.materialise(tree, tmp_path / "got").iterdir()) == []


def test_what_stands_in_the_way_is_not_overwritten(store, write, tmp_path):
    tree = store.put_tree(write("table.csv", "new"))
    folder = store.put_tree(write("folder/table.csv", "new").parent)
    (tmp_path / "table.csv").write_text("old")
    with pytest.raises(UsageError, match="exists already"):
        store.materialise(tree, tmp_path)
    with pytest.raises(UsageError, match="exists already"):
        store.materialise(folder, tmp_path)
    assert (tmp_path / "table.csv").read_text() == "old"


def test_a_changed_object_is_found_when_it_is_got_and_nothing_is_left(store, write, tmp_path):
    write("folder/a", "intact")
    tree = store.put_tree(write("folder/b", "0123").parent)
    path = store.object_path(Digest.of(b"0123"))
    path.chmod(0o644)
    path.write_bytes(b"0124")
    (tmp_path / "out").mkdir()
    with pytest.raises(IntegrityError, match="has changed"):
        store.materialise(tree, tmp_path / "out" / "got")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_lost_object_is_named_with_its_file(store, write, tmp_path):
    tree = store.put_tree(write("table.csv", "0123"))
    store.object_path(Digest.of(b"0123")).unlink()
    assert not store.intact(tree.digest)
    with pytest.raises(IntegrityError, match=r"lost table\.csv"):
        store.materialise(tree, tmp_path / "got")


HOSTILE = [
    "",
    "/etc/passwd",
    "../up",
    "a/../../b",
    "a//b",
    "a/",
    "./a",
    ".",
    "..",
    "a\\..\\b",
    "a\nb",
    "a\0b",
    "\udcff",
]


@pytest.mark.parametrize("path", HOSTILE)
def test_a_path_that_leads_elsewhere_is_refused_even_from_our_own_store(store, tmp_path, path):
    digest = store.put_bytes(b"evil")
    tree = Tree((TreeEntry(path, digest, 4),), folder=True)
    for use in (store.materialise, store.hand_out):
        with pytest.raises(IntegrityError):
            use(tree, tmp_path / "got" / "deep")
    assert not (tmp_path / "got").exists()
    with pytest.raises(IntegrityError):
        store.tree(store.put_bytes(tree.to_bytes()))


@pytest.mark.parametrize("paths", [("a", "a"), ("a", "a/b"), ("a/b", "a/b/c/d")])
def test_a_tree_whose_files_collide_is_refused(store, tmp_path, paths):
    digest = store.put_bytes(b"evil")
    tree = Tree(tuple(TreeEntry(path, digest, 4) for path in paths), folder=True)
    with pytest.raises(IntegrityError, match="list of files"):
        store.materialise(tree, tmp_path / "got")


def test_dots_in_ordinary_names_are_harmless():
    assert [check_path(path) for path in ("..a", "a..b/c", "...", ".hidden")] == ["..a", "a..b/c", "...", ".hidden"]


@pytest.mark.parametrize("move", [False, True])
@pytest.mark.parametrize("kind", ["link inside", "link outside", "broken link", "folder link", "pipe", "not UTF-8"])
def test_only_regular_files_and_folders_are_stored_and_a_refused_folder_stays_as_it_was(store, write, kind, move):
    source = write("folder/a", "a").parent
    match kind:
        case "link inside":
            (source / "link").symlink_to("a")
        case "link outside":
            (source / "link").symlink_to("/etc/passwd")
        case "broken link":
            (source / "link").symlink_to("nowhere")
        case "folder link":
            (source / "link").symlink_to(".")
        case "pipe":
            os.mkfifo(source / "pipe")
        case _:
            Path(os.fsdecode(os.fsencode(source) + b"/\xff")).touch()
    before = sorted(path.name for path in source.iterdir())
    with pytest.raises(IntegrityError):
        store.put_tree(source, move=move)
    assert sorted(path.name for path in source.iterdir()) == before
    assert (source / "a").read_text() == "a"
    assert list((store.root / "tmp").iterdir()) == []


def test_a_source_that_is_a_link_or_is_not_there_is_refused(store, write, tmp_path):
    (tmp_path / "link").symlink_to(write("a"))
    with pytest.raises(IntegrityError, match="symbolic link") as caught:
        store.put_tree(tmp_path / "link")
    assert caught.value.hint == "put what it points to in its place"
    with pytest.raises(NotFoundError, match="nowhere"):
        store.put_tree(tmp_path / "nowhere")


def test_what_is_neither_a_file_nor_a_folder_is_to_be_left_out(store, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(IntegrityError, match="pipe is neither a file nor a folder") as caught:
        store.put_tree(tmp_path / "pipe")
    assert caught.value.hint == "leave it out"


def test_a_folder_that_holds_the_store_is_refused(store, root):
    with pytest.raises(UsageError, match="holds the store"):
        store.put_tree(root.parent)


def test_a_moved_file_is_the_object(store, write):
    path = write("model.bin", "bytes")
    inode = path.stat().st_ino
    tree = store.put_tree(path, move=True)
    assert store.object_path(tree.entries[0].digest).stat().st_ino == inode
    assert (path.exists(), tree.entries[0].path) == (False, "model.bin")


def test_a_moved_file_that_has_another_name_is_copied_because_that_name_can_be_written(store, write, tmp_path):
    path = write("model.bin", "bytes")
    (tmp_path / "other name").hardlink_to(path)
    tree = store.put_tree(path, move=True)
    (tmp_path / "other name").write_text("BYTES")
    assert store.object_path(tree.entries[0].digest).read_text() == "bytes"


@pytest.mark.skipif(
    not os.access("/dev/shm", os.W_OK) or Path("/dev/shm").stat().st_dev == Path(tempfile.gettempdir()).stat().st_dev,
    reason="needs a second file system",
)
def test_a_move_across_file_systems_copies_and_removes(store, tmp_path):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        source = Path(other, "folder")
        source.mkdir()
        (source / "a").write_text("a")
        tree = store.put_tree(source, move=True)
        assert not source.exists()
    assert contents(store.materialise(tree, tmp_path / "got")) == {"a": (b"a", False)}


def test_a_tree_of_many_files_is_taken_in_by_several_processes_as_by_one(store, write, root, artifactflow):
    for number in range(2100):
        write(f"many/{number % 7}/{number}", f"content {number % 1000}")
    folder = write("many/last").parent
    (folder / "last").chmod(0o755)
    put = artifactflow("artifacts", "put", folder, "--name", "many", "--store", root)
    assert put.returncode == 0, put.stderr
    # In this process, whose other threads keep it from forking, the same content is the same tree.
    assert store.put_tree(folder) == store.tree(store.version("many").digest)
    assert len([path for path in (root / "objects").rglob("*") if path.is_file()]) == 1000 + 2
    assert not store.verify().faults
    assert list((root / "tmp").iterdir()) == []


def test_what_one_of_several_processes_refuses_is_refused_with_nothing_kept(store, write, root, artifactflow):
    for number in range(2100):
        write(f"many/{number}", f"content {number}")
    folder = write("many/bad\\name").parent
    put = artifactflow("artifacts", "put", folder, "--name", "many", "--store", root)
    assert (put.returncode, "cannot be a file of an artifact" in put.stderr) == (5, True), put.stderr
    assert "Traceback" not in put.stderr
    assert store.list_artifacts() == []
    assert [path for path in (root / "objects").rglob("*") if path.is_file()] == []
    assert list((root / "tmp").iterdir()) == []
