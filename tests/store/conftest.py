"""A store of its own for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from artifactflow.store import Store


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / ".artifactflow"


@pytest.fixture
def store(root: Path) -> Iterator[Store]:
    with Store.open(root) as opened:
        yield opened


@pytest.fixture
def write(tmp_path: Path):
    """Write a file below a work folder and return its path."""

    def write_file(name: str, content: bytes | str = b"content") -> Path:
        path = tmp_path / "work" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


@pytest.fixture
def log(store: Store, write):
    """Put one file and register it; the version is the answer."""

    def log_content(content: bytes | str, name: str = "data", **options):
        tree = store.put_tree(write("data.csv", content))
        with store.transaction() as transaction:
            return transaction.register(name, "table", "some data", tree, **options).version

    return log_content
