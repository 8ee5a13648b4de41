"""A store that came with a checkout or an archive may hold links: nothing is read or written through them."""

import pytest

from artifactflow.errors import ArtifactflowError, IntegrityError, OutsideError
from artifactflow.store import Store
from artifactflow.store.files import remove, write_durably


@pytest.fixture
def precious(tmp_path):
    folder = tmp_path / "precious"
    folder.mkdir()
    (folder / "file").write_text("precious")
    yield folder
    assert (folder / "file").read_text() == "precious"
    assert [path.name for path in folder.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "name",
    ["objects", "objects/sha256", "objects/sha256/ab", "journal", "runs", "tmp", "locks", "loaded", "quarantine"],
)
def test_a_link_in_the_place_of_a_folder_is_refused(store, root, log, precious, name):
    log("a")
    store.close()
    path = root / name
    remove(path)
    path.symlink_to(precious, target_is_directory=True)
    with pytest.raises(IntegrityError, match=f"{name} is a symbolic link"):
        Store.open(root)


@pytest.mark.parametrize(
    "name",
    [
        "format",
        "catalog.db",
        "catalog.db-journal",
        "catalog.sum",
        ".gitignore",
        "journal/000001.log",
        "journal/000002.new",
    ],
)
def test_a_link_in_the_place_of_a_file_is_refused(store, root, log, precious, name):
    log("a")
    store.close()
    path = root / name
    path.unlink(missing_ok=True)
    path.symlink_to(precious / "file")
    with pytest.raises(IntegrityError, match=f"{name} is a symbolic link"):
        Store.open(root)


def test_a_half_made_store_is_not_completed_through_a_link(root, precious):
    root.mkdir()
    (root / ".gitignore").symlink_to(precious / "file")
    with pytest.raises(IntegrityError, match="symbolic link"):
        Store.open(root)


@pytest.mark.parametrize("name", ["gate", "gc", "journal"])
def test_a_link_in_the_place_of_a_lock_is_not_followed(store, root, log, precious, name):
    log("a")
    (root / "locks" / name).unlink()
    (root / "locks" / name).symlink_to(precious / "new")
    with pytest.raises(OutsideError, match="take the lock"):
        log("b")


def test_a_segment_that_becomes_a_link_under_an_open_store_is_not_written_through(store, root, log, precious):
    log("a")
    path = root / "journal" / "000001.log"
    path.rename(root.parent / "moved")
    path.symlink_to(root.parent / "moved")
    before = (root.parent / "moved").read_bytes()
    with pytest.raises(OutsideError):
        log("b")
    assert (root.parent / "moved").read_bytes() == before


def test_what_is_written_aside_is_not_written_through_a_link(tmp_path, precious):
    (tmp_path / "aside").symlink_to(precious / "file")
    assert write_durably(tmp_path / "new", b"content", aside=tmp_path / "aside")
    assert (tmp_path / "new").read_bytes() == b"content"


@pytest.mark.parametrize("use", ["read", "materialise", "hand_out"])
def test_a_link_in_the_place_of_an_object_is_not_read(store, log, tmp_path, use):
    version = log("a")
    tree = store.tree(version.digest)
    path = store.object_path(version.digest if use == "read" else tree.entries[0].digest)
    path.rename(tmp_path / "moved")
    path.symlink_to(tmp_path / "moved")
    with pytest.raises(ArtifactflowError) as caught:
        match use:
            case "read":
                store.tree(version.digest)
            case "materialise":
                store.materialise(tree, tmp_path / "out")
            case "hand_out":
                store.hand_out(tree, tmp_path / "out")
    assert isinstance(caught.value, IntegrityError)
    assert not (tmp_path / "out" / "data.csv").exists()


def test_the_stores_own_folder_may_be_a_link_that_its_owner_made(tmp_path):
    (tmp_path / "large disk").mkdir()
    (tmp_path / ".artifactflow").symlink_to(tmp_path / "large disk")
    with Store.open(tmp_path / ".artifactflow") as store:
        assert store.versions() == []


def test_temporary_folders_are_private_even_where_their_parent_is_not(store, root):
    (root / "tmp").chmod(0o755)
    with store.temporary_folder("x-") as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
    (root / "tmp").rmdir()
    with store.temporary_folder("x-"):
        assert (root / "tmp").stat().st_mode & 0o777 == 0o700
