"""Objects by fsspec: on its in-memory file system, which takes the place of each store's own."""

import subprocess
import sys
from typing import ClassVar

import pytest

from artifactflow.artifact import Digest
from artifactflow.errors import IntegrityError, MissingToolError, NotFoundError, OutsideError, UsageError
from artifactflow.fetch.download import fetch
from artifactflow.fetch.http import Validators
from artifactflow.fetch.object_store import OBJECT_SCHEMES

BODY = bytes(range(256)) * 9000


@pytest.fixture
def objects(monkeypatch):
    """A store whose objects are in memory, under every scheme; it counts bytes, and can fail or change on the way."""
    fsspec = pytest.importorskip("fsspec")
    from fsspec.implementations.memory import MemoryFileSystem

    class Objects(MemoryFileSystem):
        protocol = tuple(OBJECT_SCHEMES)
        store: ClassVar = {}
        pseudo_dirs: ClassVar = [""]
        read_bytes_from: ClassVar = []
        on_read = staticmethod(lambda reader: None)

        @classmethod
        def _strip_protocol(cls, path):
            _, separator, rest = path.partition("://")
            return super()._strip_protocol(rest if separator else path)

        def ukey(self, path):
            return str(hash(self.cat_file(path)))

        def _open(self, path, mode="rb", **options):
            reader = super()._open(path, mode, **options)
            if mode != "rb":
                return reader
            return Watched(reader, type(self))

    class Watched:
        def __init__(self, reader, owner):
            self.reader, self.owner = reader, owner

        def __enter__(self):
            self.reader.seek(0)
            return self

        def __exit__(self, *_):
            pass

        def seek(self, place):
            self.owner.read_bytes_from.append(place)
            self.reader.seek(place)

        def read(self, size):
            self.owner.on_read(self.reader)
            return self.reader.read(size)

        def close(self):
            pass

    registry = dict(fsspec.registry)
    for scheme in OBJECT_SCHEMES:
        fsspec.register_implementation(scheme, Objects, clobber=True)
    yield Objects()
    from fsspec.registry import _registry

    _registry.clear()
    _registry.update(registry)
    Objects.clear_instance_cache()


@pytest.fixture
def bring(tmp_path, patience):
    def call(address, **options):
        options.setdefault("partial_folder", tmp_path / "partial")
        return fetch(address, tmp_path / "out", patience=patience, **options)

    return call


@pytest.mark.parametrize("scheme", OBJECT_SCHEMES)
def test_an_object_arrives_as_a_file(objects, bring, tmp_path, scheme):
    objects.pipe("bucket/raw/data.csv", BODY)
    told = []
    fetched = bring(f"{scheme}://bucket/raw/data.csv", progress=lambda *now: told.append(now))
    assert (fetched.path, fetched.digest, fetched.size) == (tmp_path / "out" / "data.csv", Digest.of(BODY), len(BODY))
    assert fetched.path.read_bytes() == BODY
    assert fetched.length_verified
    assert told[-1] == (len(BODY), len(BODY))
    assert list((tmp_path / "partial").iterdir()) == []


def test_a_known_object_is_not_read_again(objects, bring):
    objects.pipe("bucket/a", BODY)
    known = Validators(bring("s3://bucket/a").etag, None)
    assert bring("s3://bucket/a", known=known) is None
    objects.pipe("bucket/a", BODY + b"more")
    assert bring("s3://bucket/a", known=known).size == len(BODY) + 4


def test_a_read_that_breaks_off_goes_on_where_it_stopped(objects, bring, slept):
    objects.pipe("bucket/a", BODY)
    calls = []

    def break_once(reader):
        calls.append(reader.tell())
        if len(calls) == 2:
            raise ConnectionResetError(104, "Connection reset by peer")

    type(objects).on_read = staticmethod(break_once)
    assert bring("s3://bucket/a").digest == Digest.of(BODY)
    assert objects.read_bytes_from == [1 << 20]
    assert len(slept) == 1


def test_an_object_that_changes_on_the_way_is_read_anew_and_never_mixed(objects, bring):
    objects.pipe("bucket/a", BODY)
    other = bytes(reversed(BODY))
    calls = []

    def change_once(reader):
        calls.append(reader)
        if len(calls) == 2:
            objects.pipe("bucket/a", other)

    type(objects).on_read = staticmethod(change_once)
    assert bring("s3://bucket/a").digest == Digest.of(other)


def test_what_a_store_refuses_is_named_without_its_own_words(objects, bring):
    objects.pipe("bucket/a", BODY)

    def refuse(_):
        raise RuntimeError("https://bucket/a?X-Amz-Signature=CANARY")

    type(objects).on_read = staticmethod(refuse)
    with pytest.raises(OutsideError, match=r"raised RuntimeError \(5 tries\)") as caught:
        bring("s3://bucket/a")
    assert "CANARY" not in repr(caught.value.__dict__)
    assert caught.value.__cause__ is None

    def forbid(_):
        raise PermissionError("CANARY")

    type(objects).on_read = staticmethod(forbid)
    with pytest.raises(OutsideError, match="may not be read"):
        bring("s3://bucket/a")


def test_a_missing_object_a_folder_and_a_wrong_digest_are_named(objects, bring):
    objects.pipe("bucket/folder/a", BODY)
    with pytest.raises(NotFoundError, match="no object s3://bucket/b"):
        bring("s3://bucket/b")
    with pytest.raises(UsageError, match="is a folder"):
        bring("s3://bucket/folder")
    with pytest.raises(IntegrityError, match="not the file that was expected"):
        bring("s3://bucket/folder/a", sha256="0" * 64)


@pytest.mark.parametrize("address", ["s3://", "s3://bucket", "gs://bucket/", "az://[x/a", "hf:///a", "s3://b/a\x1b"])
def test_what_names_no_object_is_a_usage_error(bring, address):
    with pytest.raises(UsageError, match="names no object"):
        bring(address)


def test_a_password_in_an_address_is_refused_and_not_repeated(bring):
    with pytest.raises(UsageError, match="has a password in it") as caught:
        bring("s3://key:CANARY@bucket/a")
    assert "CANARY" not in repr(caught.value.__dict__)


@pytest.mark.parametrize(("scheme", "extra"), OBJECT_SCHEMES.items())
def test_without_its_extra_the_command_that_installs_it_is_named(bring, monkeypatch, scheme, extra):
    for module in ("fsspec", "fsspec.core"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingToolError) as caught:
        bring(f"{scheme}://bucket/a")
    assert caught.value.exit_code == 7
    assert caught.value.hint == f"pip install 'artifactflow[{extra}]'"


def test_fsspec_is_not_imported_for_anything_else(tmp_path):
    (tmp_path / "a.csv").write_text("a\n1\n")
    code = (
        "import sys; from pathlib import Path; from artifactflow.fetch.download import fetch\n"
        f"fetch({str(tmp_path / 'a.csv')!r}, Path({str(tmp_path / 'out')!r}))\n"
        "print('fsspec' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
