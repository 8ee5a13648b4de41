import pytest

from artifactflow.artifact import Digest
from artifactflow.errors import IntegrityError, NotFoundError


def test_a_missing_object_is_not_found_and_a_changed_one_is_found_out(store):
    digest = store.put_bytes(b"hello")
    path = store.object_path(digest)
    path.unlink()
    path.write_bytes(b"hellp")
    with pytest.raises(IntegrityError, match="expected sha256:2cf24dba"):
        store.tree(digest)
    with pytest.raises(NotFoundError, match="no object"):
        store.tree(Digest.of(b"never put"))
