import os
import threading
from pathlib import Path

import pytest

from artifactflow.artifact import Digest
from artifactflow.errors import IntegrityError
from artifactflow.store import batch as batch_module
from artifactflow.store.batch import Batch, place
from artifactflow.store.blobs import Blobs
from artifactflow.store.files import BLOCK


def objects(root):
    return sorted(path for path in (root / "objects").rglob("*") if path.is_file())


def test_an_object_is_its_bytes_under_their_digest_and_read_only(store):
    digest = store.put_bytes(b"hello")
    path = store.object_path(digest)
    assert path == store.root / "objects" / "sha256" / digest.hexadecimal[:2] / digest.hexadecimal[2:]
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"hello", 0o444)


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_files_of_every_size_get_the_digest_of_their_bytes(store, write, size):
    content = os.urandom(size)
    tree = store.put_tree(write("data.bin", content))
    assert (tree.entries[0].digest, tree.size) == (Digest.of(content), size)
    assert store.object_path(Digest.of(content)).read_bytes() == content


@pytest.mark.parametrize("size", [10, 2 * BLOCK])
def test_the_same_bytes_are_kept_once(store, root, write, size):
    content = os.urandom(size)
    store.put_tree(write("one.bin", content))
    before = {path: path.stat().st_ino for path in objects(root)}
    store.put_tree(write("one.bin", content))
    assert {path: path.stat().st_ino for path in objects(root)} == before


def test_the_same_bytes_twice_in_one_folder_are_kept_once(store, root, write):
    write("folder/a", b"same")
    tree = store.put_tree(write("folder/b", b"same").parent)
    assert [path.read_bytes() for path in objects(root)].count(b"same") == 1
    assert [entry.path for entry in tree.entries] == ["a", "b"]


def test_an_object_that_has_become_shorter_is_put_right_by_the_next_put(store):
    digest = store.put_bytes(b"whole")
    store.object_path(digest).unlink()
    store.object_path(digest).write_bytes(b"who")
    store.put_bytes(b"whole")
    assert store.object_path(digest).read_bytes() == b"whole"


def test_everything_is_durable_before_it_has_a_name(tmp_path, monkeypatch):
    """Bytes first, then the name, then the folder: in this order only does a power cut leave no hollow object."""
    happened = []
    monkeypatch.setattr(
        batch_module, "_sync_all", lambda paths, folder: happened.append(sorted(Path(path).name for path in paths))
    )
    monkeypatch.setattr(batch_module, "_rename", lambda aside, target: happened.append(Path(target).parent.name))
    batch = Batch(Blobs(tmp_path), tmp_path)
    digest = batch.add_bytes(b"x")
    (aside,) = [path.name for path in tmp_path.iterdir()]
    place([batch])
    assert happened == [[aside], digest.hexadecimal[:2], sorted([digest.hexadecimal[:2], tmp_path.name])]


def test_the_folder_of_an_object_that_stood_already_is_made_durable_too(store, monkeypatch, tmp_path):
    digest = store.put_bytes(b"x")
    synced = []
    monkeypatch.setattr(batch_module, "_sync_all", lambda paths, folder: synced.extend(paths))
    batch = Batch(Blobs(store.root / "objects" / "sha256"), tmp_path)
    batch.add_bytes(b"x")
    place([batch])
    folder = store.object_path(digest).parent
    assert {*synced} == {str(folder), str(folder.parent)}


def test_a_tree_of_many_files_is_made_durable_by_two_syncs_of_the_file_system(store, write, monkeypatch):
    calls = []
    monkeypatch.setattr(batch_module, "sync_file_system", lambda folder: calls.append("all") or True)
    monkeypatch.setattr(batch_module, "sync", lambda path: calls.append("one"))
    for number in range(200):
        path = write(f"folder/{number}", str(number))
    store.put_tree(path.parent)
    assert calls == ["all", "all"]


def test_a_file_that_is_written_while_it_is_read_is_refused(store, root, write):
    """The writer never rests, so whichever moment the reader picks, the file is another one at its end."""
    path = write("growing.bin", os.urandom(8 * BLOCK))
    stop = threading.Event()

    def grow():
        with path.open("ab", buffering=0) as stream:
            while not stop.is_set():
                stream.write(b"more")

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        with pytest.raises(IntegrityError, match="changed while it was read"):
            store.put_tree(path)
    finally:
        stop.set()
        thread.join()
    assert objects(root) == []
    assert list((root / "tmp").iterdir()) == []


@pytest.fixture
def strict_umask():
    """A user whose new files nobody else may read."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def test_an_object_is_for_all_to_read_and_for_none_to_write_whatever_the_umask(store, strict_umask):
    path = store.object_path(store.put_bytes(b"hello"))
    assert path.stat().st_mode & 0o777 == 0o444


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o777])
def test_a_file_that_is_moved_in_is_read_only_from_then_on(store, write, mode):
    path = write("data.csv")
    path.chmod(mode)
    (entry,) = store.put_tree(path, move=True).entries
    assert store.object_path(entry.digest).stat().st_mode & 0o777 == 0o444
    assert entry.executable == bool(mode & 0o100)
