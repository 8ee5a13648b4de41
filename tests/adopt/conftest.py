"""Scripts in folders of their own, and what they are adopted as."""

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from artifactflow.adopt import Adoption, adopt, write_adoption
from artifactflow.contract import Contract
from artifactflow.read.mlproject import read_component


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., Path]:
    """Write a script, `main.py` unless told otherwise, into the folder `component`."""

    def write(text: str, name: str = "component/main.py") -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))
        return file

    return write


@pytest.fixture
def adopted(script: Callable[..., Path]) -> Callable[..., tuple[Contract, list[str]]]:
    """Adopt the script of a text: the contract that its manifest reads back as, and the remarks."""

    def do(text: str, entry_point: str = "main") -> tuple[Contract, list[str]]:
        file = script(text)
        adoption: Adoption = adopt(file)
        write_adoption(adoption)
        return read_component(file.parent).contract(entry_point), [str(remark) for remark in adoption.remarks]

    return do
