"""An index of tiny wheels that tests make themselves, and components that ask for them; uv sees nothing else."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from artifactflow.contract import Component
from artifactflow.read.mlproject import read_component

MakeWheel = Callable[..., Path]
MakeComponent = Callable[..., Component]


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeWheel:
    """Puts a wheel into the only index there is: its name, version, requirements and files."""
    if not shutil.which("uv") and not importlib.util.find_spec("uv"):
        pytest.skip("uv is not installed: pip install uv")
    folder = tmp_path / "index"
    folder.mkdir()
    for name in ("UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_INDEX", "PYTHONDONTWRITEBYTECODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))

    def make(name: str, version: str, *requires: str, files: Mapping[str, str] | None = None) -> Path:
        information = f"{name.replace('-', '_')}-{version}.dist-info"
        needed = "".join(f"Requires-Dist: {text}\n" for text in requires)
        content = {
            f"{name.replace('-', '_')}/__init__.py": f"version = {version!r}\n",
            **(files or {}),
            f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needed}",
            f"{information}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        rows = [f"{path},{_hash(text)},{len(text)}" for path, text in content.items()]
        content[f"{information}/RECORD"] = "\n".join([*rows, f"{information}/RECORD,,", ""])
        target = folder / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
        with zipfile.ZipFile(target, "w") as archive:
            for path, text in content.items():
                archive.writestr(path, text)
        return target

    return make


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


def _hash(text: str) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
