"""Components that ask for the tiny wheels of the index that tests make themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from artifactflow.contract import Component
from artifactflow.read.mlproject import read_component

MakeComponent = Callable[..., Component]


@pytest.fixture
def component(tmp_path: Path) -> MakeComponent:
    """Writes a component with the given lines under `dependencies:` and under `pip:`."""

    def make(*pip: str, conda: tuple[str, ...] = (), name: str = "tiny") -> Component:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "MLproject").write_text(
            f"name: {name}\nconda_env: conda.yaml\nentry_points:\n  main:\n    command: python main.py\n"
        )
        lines = [f"  - {text}" for text in (*conda, "pip")]
        if pip:
            lines += ["  - pip:", *(f'    - "{text}"' for text in pip)]
        (folder / "conda.yaml").write_text("\n".join(["dependencies:", *lines, ""]))
        return read_component(folder)

    return make
