"""What the tests of this folder share: components that say what they were given, and a search through every byte."""

import textwrap
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest


class Files:
    """A folder with components and a pipeline."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def component(self, name: str, manifest: str, main: str) -> Path:
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "MLproject").write_text(textwrap.dedent(manifest))
        (folder / "main.py").write_text(textwrap.dedent(main))
        return folder

    def pipeline(self, text: str) -> Path:
        file = self.folder / "pipeline.yaml"
        file.write_text(textwrap.dedent(text))
        return file


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """An empty project."""
    folder = tmp_path / "project"
    folder.mkdir()
    return Files(folder)


def bytes_below(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield str(path), path.read_bytes()


@pytest.fixture
def leaks() -> Callable[[dict[str, str], Iterable[tuple[str, bytes]]], list[str]]:
    """Where a secret is found, in which spelling does not matter."""

    def find(secrets: dict[str, str], places: Iterable[tuple[str, bytes]]) -> list[str]:
        wanted = {secret.encode().lower(): name for name, secret in secrets.items()}
        found = []
        for place, content in places:
            lower = content.lower()
            found += [f"{name} in {place}" for secret, name in wanted.items() if secret in lower]
        return found

    return find


@pytest.fixture
def below() -> Callable[[Path], Iterator[tuple[str, bytes]]]:
    """Every file below a folder with its bytes."""
    return bytes_below
