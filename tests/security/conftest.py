"""What the tests of this folder share: components that say what they were given, and a search through every byte."""

import textwrap
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from artifactflow.store import Store

DUMP = "import json, sys\njson.dump(sys.argv[1:-1], open(sys.argv[-1], 'w'))\n"
"""Writes what it was given, without the last argument, into the file that is named by the last."""


class Files:
    """A folder with components and a pipeline."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.opened = ExitStack()

    def store(self) -> Store:
        """The store beside the pipeline; it is closed with the test."""
        return self.opened.enter_context(Store.open(self.folder / ".artifactflow"))

    def component(self, name: str, manifest: str, main: str = DUMP) -> Path:
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "MLproject").write_text(textwrap.dedent(manifest))
        (folder / "main.py").write_text(textwrap.dedent(main))
        return folder

    def one_value(
        self,
        name: str,
        given: str = "text: {type: str}",
        main: str = DUMP,
        *,
        output: str = "made",
        kind: str = "facts",
        path: str = "made.json",
    ) -> Path:
        """A component that takes one value, declared as in MLproject, and has one output, a file of some kind."""
        manifest = f"""
            name: {name}
            entry_points:
              main:
                parameters:
                  {given}
                  {output}: {{type: str, default: {path}}}
                outputs:
                  {output}: {{type: {kind}, path: {path}}}
                command: python main.py {{{given.partition(":")[0]}}} {{{output}}}
        """
        return self.component(name, manifest, main)

    def pipeline(self, text: str) -> Path:
        file = self.folder / "pipeline.yaml"
        file.write_text(textwrap.dedent(text))
        return file


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    """An empty project."""
    folder = tmp_path / "project"
    folder.mkdir()
    made = Files(folder)
    with made.opened:
        yield made


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
