import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from artifactflow.errors import IntegrityError, NotFoundError, OutsideError
from artifactflow.store import Store, find_store
from artifactflow.store.files import write_durably


@pytest.fixture(autouse=True)
def no_variable(monkeypatch):
    monkeypatch.delenv("ARTIFACTFLOW_STORE", raising=False)


def test_an_explicit_store_wins_over_everything(tmp_path, monkeypatch):
    monkeypatch.setenv("ARTIFACTFLOW_STORE", str(tmp_path / "variable"))
    (tmp_path / ".artifactflow").mkdir()
    assert find_store(tmp_path, tmp_path / "explicit") == tmp_path / "explicit"


def test_a_folder_that_holds_a_store_may_be_named_for_it(tmp_path):
    (tmp_path / "project" / ".artifactflow").mkdir(parents=True)
    assert find_store(tmp_path, tmp_path / "project") == tmp_path / "project" / ".artifactflow"


def test_the_variable_wins_over_a_store_that_is_near(tmp_path, monkeypatch):
    monkeypatch.setenv("ARTIFACTFLOW_STORE", str(tmp_path / "variable"))
    (tmp_path / ".artifactflow").mkdir()
    assert find_store(tmp_path) == tmp_path / "variable"


def test_a_store_is_found_upwards_even_past_a_pipeline_file_and_a_git_root(tmp_path):
    inner = tmp_path / "repository" / "pipelines"
    inner.mkdir(parents=True)
    (inner / "pipeline.yaml").touch()
    (tmp_path / "repository" / ".git").mkdir()
    (tmp_path / ".artifactflow").mkdir()
    assert find_store(inner) == tmp_path / ".artifactflow"


def test_a_new_store_goes_beside_the_pipeline_file_then_to_the_git_root_then_here(tmp_path):
    inner = tmp_path / "repository" / "pipelines"
    inner.mkdir(parents=True)
    assert find_store(inner) == inner / ".artifactflow"
    (tmp_path / "repository" / ".git").write_text("gitdir: elsewhere")
    assert find_store(inner) == tmp_path / "repository" / ".artifactflow"
    (inner / "pipeline.yaml").touch()
    assert find_store(inner) == inner / ".artifactflow"


def test_a_new_store_is_ignored_by_git_and_has_a_format_and_a_private_temporary_folder(store, root):
    assert "*" in (root / ".gitignore").read_text().splitlines()
    assert json.loads((root / "format").read_text()) == {"version": 1, "hash": "sha256", "id": store.id}
    assert (root / "tmp").stat().st_mode & 0o777 == 0o700
    assert list((root / "tmp").iterdir()) == []


def test_opening_again_gives_the_same_store(store, root):
    with Store.open(root, create=False) as again:
        assert again.id == store.id


def test_processes_that_create_one_store_at_once_agree_on_its_id(root):
    with ThreadPoolExecutor(8) as threads:
        stores = list(threads.map(lambda _: Store.open(root), range(8)))
    for store in stores:
        store.close()
    assert len({store.id for store in stores}) == 1


def test_a_missing_store_is_not_made_when_it_must_not_be(root):
    with pytest.raises(NotFoundError, match="no store"):
        Store.open(root, create=False)
    assert not root.exists()


def test_a_creation_that_was_interrupted_is_completed(root):
    (root / "objects").mkdir(parents=True)
    with Store.open(root) as store:
        assert store.versions() == []


def test_a_folder_with_other_things_in_it_is_not_taken_for_a_store(root):
    root.mkdir()
    (root / "thesis.tex").touch()
    with pytest.raises(IntegrityError, match=r"not a store.*thesis\.tex"):
        Store.open(root)
    assert [path.name for path in root.iterdir()] == ["thesis.tex"]


def test_a_used_store_without_its_format_file_is_not_started_anew(store, root, log):
    log("a")
    (root / "format").unlink()
    with pytest.raises(IntegrityError, match="format file is missing"):
        Store.open(root)


def test_a_newer_format_is_refused(store, root):
    (root / "format").write_text(json.dumps({"version": 2, "hash": "sha256", "id": "x"}))
    with pytest.raises(IntegrityError, match="format 2") as caught:
        Store.open(root)
    assert "upgrade" in caught.value.hint


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"version": 1}'])
def test_a_damaged_format_file_is_an_integrity_error_with_its_place(store, root, content):
    (root / "format").write_bytes(content)
    with pytest.raises(IntegrityError) as caught:
        Store.open(root)
    assert caught.value.place.file == str(root / "format")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_store_of_another_user_is_refused(store, root):
    os.chown(root, 12345, -1)
    with pytest.raises(IntegrityError, match="belongs to user 12345"):
        Store.open(root)


def test_a_place_where_no_folder_can_be_made_is_an_outside_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutsideError, match="Not a directory"):
        Store.open(tmp_path / "file" / ".artifactflow")


def test_a_file_appears_once_where_there_are_no_hard_links(tmp_path, monkeypatch):
    def no_links(*_, **__):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", no_links)
    path = tmp_path / "file"
    assert write_durably(path, b"first", aside=tmp_path / "aside")
    assert not write_durably(path, b"second", aside=tmp_path / "aside")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]
    with Store.open(tmp_path / "store") as store, Store.open(tmp_path / "store") as again:
        assert store.id == again.id
