import os
import tempfile
from pathlib import Path

import pytest

from artifactflow.artifact import Digest
from artifactflow.errors import IntegrityError, UsageError
from artifactflow.store import Store


@pytest.fixture
def folder_tree(store, write):
    write("folder/a.csv", "0123456789")
    write("folder/tool.sh", "#!/bin/sh").chmod(0o755)
    return store.put_tree(write("folder/deep/b.csv", "b").parents[1])


def test_a_file_arrives_as_a_read_only_file_with_its_own_name(store, write, tmp_path):
    tree = store.put_tree(write("table.csv", "a,b"))
    with store.hand_out(tree, tmp_path / "in") as handed:
        assert handed.path == tmp_path / "in" / "table.csv"
        assert handed.path.read_text() == "a,b"
        assert handed.path.stat().st_mode & 0o777 == 0o444
        assert handed.changed() == []
    assert not handed.path.exists()


def test_a_folder_arrives_as_a_folder_under_the_name_asked_for(store, folder_tree, tmp_path):
    with store.hand_out(folder_tree, tmp_path / "in", "raw") as handed:
        assert handed.path == tmp_path / "in" / "raw"
        assert (handed.path / "deep" / "b.csv").read_text() == "b"
        assert os.access(handed.path / "tool.sh", os.X_OK)
        assert handed.path.stat().st_mode & 0o777 == 0o555
        assert handed.changed() == []
    assert not handed.path.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="others get hard links, which permissions protect")
def test_root_gets_copies_because_no_permission_stops_root(store, write, tmp_path):
    tree = store.put_tree(write("table.csv", "a,b"))
    with store.hand_out(tree, tmp_path / "in") as handed:
        handed.path.write_text("x,y")
        assert store.object_path(tree.entries[0].digest).read_text() == "a,b"
        assert handed.changed() == ["table.csv"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become somebody else")
def test_other_users_get_the_objects_themselves_which_they_cannot_write():
    """In a child that has given up being root: what it found is its exit code."""
    with tempfile.TemporaryDirectory() as work:
        os.chown(work, 12345, 12345)
        child = os.fork()
        if child == 0:
            os._exit(_try_to_write_as_somebody_else(Path(work)))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _try_to_write_as_somebody_else(work: Path) -> int:
    os.setgid(12345)
    os.setuid(12345)
    (work / "a.csv").write_text("abc")
    with Store.open(work / ".artifactflow") as store:
        tree = store.put_tree(work / "a.csv")
        with store.hand_out(tree, work / "in") as handed:
            shared = handed.path.samefile(store.object_path(tree.entries[0].digest))
            try:
                handed.path.write_text("xyz")
            except PermissionError:
                return 0 if shared and handed.changed() == [] else 2
    return 1


def rewrite(path, content):
    path.chmod(0o644)
    path.write_text(content)


def test_every_kind_of_change_is_found(store, folder_tree, tmp_path):
    with store.hand_out(folder_tree, tmp_path / "in") as handed:
        handed.path.chmod(0o755)
        (handed.path / "deep").chmod(0o755)
        rewrite(handed.path / "a.csv", "0123456780")  # the same size
        (handed.path / "deep" / "b.csv").unlink()
        (handed.path / "new.csv").write_text("new")
        (handed.path / "link").symlink_to("a.csv")
        assert handed.changed() == ["a.csv", "deep/b.csv", "link", "new.csv"]


def test_a_change_that_hides_behind_the_old_time_is_found(store, folder_tree, tmp_path):
    with store.hand_out(folder_tree, tmp_path / "in") as handed:
        path = handed.path / "a.csv"
        before = path.stat()
        replacement = tmp_path / "replacement"
        replacement.write_text("0123456780")
        os.utime(replacement, ns=(before.st_atime_ns, before.st_mtime_ns))
        handed.path.chmod(0o755)
        replacement.rename(path)
        assert handed.changed() == ["a.csv"]


def test_a_file_that_was_written_with_the_same_bytes_has_not_changed(store, folder_tree, tmp_path):
    with store.hand_out(folder_tree, tmp_path / "in") as handed:
        rewrite(handed.path / "a.csv", "0123456789")
        assert handed.changed() == []


def test_a_file_that_was_removed_has_changed(store, write, tmp_path):
    with store.hand_out(store.put_tree(write("table.csv", "a,b")), tmp_path / "in") as handed:
        handed.path.unlink()
        assert handed.changed() == ["table.csv"]


def test_nothing_in_the_way_is_overwritten(store, write, tmp_path):
    tree = store.put_tree(write("table.csv", "a,b"))
    (tmp_path / "table.csv").write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        store.hand_out(tree, tmp_path)
    with pytest.raises(IntegrityError):
        store.hand_out(tree, tmp_path, "../out.csv")
    assert (tmp_path / "table.csv").read_text() == "mine"


def test_a_version_with_a_lost_object_is_not_handed_out_in_part(store: Store, folder_tree, tmp_path):
    store.object_path(Digest.of(b"b")).unlink()
    with pytest.raises(IntegrityError, match=r"lost deep/b\.csv"):
        store.hand_out(folder_tree, tmp_path / "in")
    assert not (tmp_path / "in").exists()
