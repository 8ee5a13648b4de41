"""Disks that are full, read-only, somebody else's, or without what we are used to: an error in words, nothing lost."""

import contextlib
import os
import resource
import shutil
import subprocess
import sys

import pytest

from artifactflow.errors import IntegrityError, OutsideError
from artifactflow.store import Store
from processes import REFUSED, Child
from workload import check_collected


def put(root, file, *, name="data"):
    with Store.open(root) as store:
        tree = store.put_tree(file)
        with store.transaction() as transaction:
            return transaction.register(name, "table", "", tree).version.ref


def folders_that_differ_in_case(folder):
    for name in ("A/x", "a/y"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(name)
    return folder


def fill_and_put(disk, file, free):
    """Leave that many bytes free on a disk that has a store, put a file, and hold that it is all there or not at all.

    Says whether there was room.
    """
    root = disk / "store"
    with Store.open(root) as store:
        before = [version.ref for version in store.versions()]
    ballast = disk / "ballast"
    found = os.statvfs(disk)
    room = found.f_bavail * found.f_frsize
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as stream:
        os.posix_fallocate(stream.fileno(), 0, max(room - free, 1))
    try:
        ref = put(root, file)
    except OutsideError as error:
        assert "No space left" in str(error) or "full" in str(error), error
        assert error.hint
        ref = None
    finally:
        ballast.unlink()
    with Store.open(root) as store:
        store.versions()
        assert not store.verify().faults
        assert [version.ref for version in store.versions()] == [*before, *([ref] if ref else [])]
        if ref:
            store.remove(ref, force=True)
        check_collected(store)
    return ref is not None


def fill_to_levels(mount, folder, levels, size=600_000):
    disk = mount.tmpfs("size=8m")
    file = folder / "file"
    file.write_bytes(os.urandom(size))
    old = folder / "old"
    old.write_text("old")
    put(disk / "store", old)
    return [fill_and_put(disk, file, 4096 * round(level * 300 / levels)) for level in range(levels)]


@pytest.mark.torture
def test_a_disk_filled_to_any_level_takes_all_or_nothing(mount, tmp_path):
    taken = fill_to_levels(mount, tmp_path, 100)
    assert set(taken) == {True, False}


@pytest.mark.torture
def test_a_read_only_disk_is_an_error_in_words(mount, tmp_path):
    disk = mount.tmpfs("size=8m")
    file = tmp_path / "file"
    file.write_text("content")
    put(disk / "store", file)
    mount.read_only(disk, on=True)
    for attempt in (lambda: put(disk / "store", file), lambda: Store.open(disk / "another")):
        with pytest.raises(OutsideError, match=r"Read-only file system|cannot be read and written"):
            attempt()
    mount.read_only(disk, on=False)
    with Store.open(disk / "store") as store:
        assert not store.verify().faults


@pytest.mark.torture
def test_the_store_of_somebody_else_is_refused(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to somebody else")
    file = tmp_path / "file"
    file.write_text("content")
    root = tmp_path / "store"
    put(root, file)
    os.chown(root, 12345, 12345)
    with pytest.raises(IntegrityError, match="belongs to user 12345"):
        Store.open(root)


@pytest.mark.torture
def test_a_disk_without_hard_links_permissions_and_case_holds_a_store(mount, tmp_path):
    if not shutil.which("mount.exfat-fuse"):
        pytest.skip("exFAT by FUSE is not installed: apt-get install exfat-fuse exfatprogs")
    disk = mount.loop("exfat", 64)
    file = tmp_path / "file"
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.csv").write_text("lower")
    (folder / "A.csv").write_text("upper")
    root = disk / "store"
    file.write_text("content")
    children = [Child(lambda say: put(root, file)) for _ in range(4)]
    assert [(child.wait(), child.code) for child in children] == [([], 0)] * 4
    put(root, folder, name="cased")
    put(root, folders_that_differ_in_case(tmp_path / "folders"), name="folders")
    with Store.open(root) as store:
        assert [version.ref for version in store.versions()] == ["cased:v1", "data:v1", "folders:v1"]
        assert not store.verify().faults
        tree = store.tree(store.version("data").digest)
        assert store.materialise(tree, tmp_path / "copy").read_text() == "content"
        with store.hand_out(tree, disk / "handed") as handed:
            assert handed.path.read_text() == "content"
        for name in ("cased", "folders"):
            with pytest.raises(OutsideError):
                # There the two names are one, and nothing may be written over.
                store.materialise(store.tree(store.version(name).digest), disk / "out")
            assert not (disk / "out").exists()
        check_collected(store)


@pytest.mark.torture
@pytest.mark.parametrize("kind", ["xfs", "ext4", "ntfs"])
def test_a_disk_with_hard_links_and_without_case_holds_a_store_and_writes_no_file_over_another(mount, tmp_path, kind):
    """Linux has to be built for it (CONFIG_XFS_SUPPORT_ASCII_CI, CONFIG_UNICODE); lowntfs-3g does without."""
    disk = mount.without_case(kind)
    (disk / "Probe").write_text("")
    assert (disk / "probe").exists() and (disk / "link").hardlink_to(disk / "Probe") is None
    folder, plain = tmp_path / "folder", tmp_path / "file"
    (folder / "sub").mkdir(parents=True)
    for name in ("Data.csv", "data.csv", "sub/a", "sub/A"):
        (folder / name).write_text(name)
    root = disk / "store"
    for name in ("Data", "data"):
        plain.write_text(name)
        put(root, plain, name=name)
    put(root, folder, name="cased")
    put(root, folders_that_differ_in_case(tmp_path / "folders"), name="folders")
    with Store.open(root) as store:
        assert [version.ref for version in store.versions()] == ["Data:v1", "cased:v1", "data:v1", "folders:v1"]
        for name in ("Data", "data"):
            tree = store.tree(store.version(name).digest)
            assert store.materialise(tree, tmp_path / f"out-{name}").read_text() == name
            assert store.materialise(tree, disk / f"out-{ord(name[0])}").read_text() == name
            with store.hand_out(tree, disk / f"in-{ord(name[0])}") as handed:
                assert handed.path.read_text() == name
                assert handed.changed() == []
        cased = store.tree(store.version("cased").digest)
        for write in (store.materialise, store.hand_out):
            with pytest.raises(OutsideError, match="File exists"):
                write(cased, disk / "out")
            assert not (disk / "out").exists()
        folders = store.tree(store.version("folders").digest)
        for write in (store.materialise, store.hand_out):
            with pytest.raises(OutsideError, match="File exists"):
                write(folders, disk / "out")
            assert not (disk / "out").exists()
        copy = store.materialise(cased, tmp_path / "copy")  # where there is case, it is whole
        assert {file.relative_to(copy).as_posix(): file.read_text() for file in copy.rglob("*") if file.is_file()} == {
            name: name for name in ("Data.csv", "data.csv", "sub/a", "sub/A")
        }
        assert not store.verify().faults
        check_collected(store)


@pytest.mark.torture
@pytest.mark.parametrize("limit", [0, 100, 1_000, 4_096, 20_000, 65_536, 500_000])
def test_a_limit_on_the_size_of_files_is_an_error_in_words(tmp_path, limit):
    root = tmp_path / "store"
    old, file = tmp_path / "old", tmp_path / "file"
    old.write_text("old")
    file.write_bytes(os.urandom(600_000))
    put(root, old)

    def limited(say):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        put(root, file)

    child = Child(limited)
    child.wait()
    assert child.code == REFUSED
    with Store.open(root) as store:
        assert [version.ref for version in store.versions()] == ["data:v1"]
        assert not store.verify().faults
        check_collected(store)
    assert put(root, file) == "data:v2"


@pytest.mark.torture
def test_the_command_line_says_so_under_prlimit(tmp_path):
    if not shutil.which("prlimit"):
        pytest.skip("prlimit is not installed")
    file = tmp_path / "file"
    file.write_bytes(os.urandom(600_000))
    command = ["prlimit", "--fsize=300000", sys.executable, "-m", "artifactflow", "artifacts", "put", str(file)]
    done = subprocess.run([*command, "--store", str(tmp_path / "store")], capture_output=True, text=True)
    assert done.returncode == 9
    assert done.stderr.startswith("error: cannot store")
    assert "Traceback" not in done.stderr
