"""Environments as folders: built where they stay, used only when their marker says that they are whole."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from artifactflow.environments.bytecode import compile_environment
from artifactflow.environments.guard import guarded
from artifactflow.environments.lock import Lock
from artifactflow.environments.uv import run_uv
from artifactflow.store.files import os_errors, remove, sync_file_system

MARKER: Final = "artifactflow-environment.json"
"""Written last. A folder without it is what an interrupted build left: it is deleted and built again, never mended."""

Fill = Callable[[Path, Sequence[int]], None]


def python_of(folder: Path) -> Path:
    """The interpreter of an environment."""
    return folder / "bin" / "python"


def facts_of(folder: Path) -> dict[str, Any] | None:
    """What the marker says; None where there is none, or where the interpreter below the environment has gone."""
    try:
        facts = json.loads((folder / MARKER).read_bytes())
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) and python_of(folder).exists() else None


def build_once(root: Path, key: str, fill: Fill, facts: Callable[[Path], Mapping[str, Any]]) -> Path:
    """The environment `root`/`key`, which `fill` builds unless it is whole already; `facts` go into its marker.

    Of several processes one builds and the others wait. `fill` is given the folder, which does not exist, and the
    descriptors of the locks, for the programs that it starts.
    """
    folder = root / key
    if facts_of(folder) is not None:
        return folder
    with guarded(root / "guards" / key) as descriptor:
        if facts_of(folder) is None:
            with os_errors(f"build the environment {folder}"):
                # First of all the marker: were the removal itself interrupted, what is left would look whole.
                (folder / MARKER).unlink(missing_ok=True)
                remove(folder)
                fill(folder, [descriptor])
                _mark(folder, {"created": datetime.now(UTC).isoformat(timespec="seconds"), **facts(folder)})
    return folder


def build_uv(lock: Lock, root: Path) -> Path:
    """The folder of a lock's environment, built with uv where it is not there yet."""

    def fill(folder: Path, keep: Sequence[int]) -> None:
        directory = lock.wanted.file.parent
        run_uv(
            "venv", "--quiet", "--no-project", "--relocatable", "--python", lock.interpreter.path, folder,
            folder=directory, keep=keep,
        )  # fmt: skip
        python = python_of(folder)
        if lock.packages:
            text = "".join(f"{option}\n" for option in lock.wanted.options) + lock.text
            run_uv(
                "pip", "sync", "--quiet", "--allow-empty-requirements", "--python", python, "-",
                folder=directory, text=text, keep=keep,
            )  # fmt: skip
        site_packages = folder / "lib" / f"python{lock.interpreter.minor}" / "site-packages"
        compile_environment(python, site_packages, lock.interpreter, root / "bytecode", keep)

    def facts(_folder: Path) -> Mapping[str, Any]:
        return {"kind": "uv", "python": lock.interpreter.version, "lock": lock.digest, "packages": lock.packages}

    return build_once(root, lock.key, fill, facts)


def _mark(folder: Path, facts: Mapping[str, Any]) -> None:
    aside = folder / f"{MARKER}.new"
    aside.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    # Everything before the marker: after a power cut it must not stand beside files that have gone.
    if not sync_file_system(folder):
        os.sync()
    aside.replace(folder / MARKER)
