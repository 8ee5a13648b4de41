"""Finds what there is to check below some paths."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from artifactflow.check.subjects import ComponentSubject, OrchestratorSubject, PipelineSubject
from artifactflow.errors import NotFoundError
from artifactflow.read.mlproject import MANIFEST_NAME
from artifactflow.read.pipeline import PIPELINE_FILES

LEFT_OUT = frozenset({"__pycache__", "node_modules", "mlruns", "wandb", "site-packages", "build", "dist"})
"""Folders that hold nothing of the project's own; those whose name begins with a dot are left out too."""

MANIFEST_LIKE = frozenset({"mlproject.yaml", "mlproject.yml", "mlproject.txt", "ml_project", "mlproj", "ml-project"})
"""File names that mean to be a manifest and that MLflow does not look at, in lower case."""


@dataclass
class Tree:
    """The subjects below some paths, each once."""

    components: list[ComponentSubject] = field(default_factory=list)
    pipelines: list[PipelineSubject] = field(default_factory=list)
    orchestrators: list[OrchestratorSubject] = field(default_factory=list)
    misnamed: list[Path] = field(default_factory=list)

    def component_at(self, folder: Path) -> ComponentSubject | None:
        """The component in a folder, also where it lies outside the checked paths."""
        found = self._by_folder.get(folder.resolve())
        if found is not None:
            return found
        manifest = _manifest_in(folder)
        return ComponentSubject(folder, manifest) if manifest else None

    @cached_property
    def _by_folder(self) -> dict[Path, ComponentSubject]:
        """The components by folder, made when the tree is complete: one resolve each, not one for every question."""
        return {component.folder.resolve(): component for component in reversed(self.components)}


def read_tree(paths: Iterable[Path], exclude: Iterable[str] = ()) -> Tree:
    """Everything below `paths` that rules are about. `exclude` holds globs of paths to leave out.

    Raises NotFoundError for a path that does not exist.
    """
    tree = Tree()
    seen: set[Path] = set()
    patterns = tuple(exclude)
    for path in paths:
        if not path.exists():
            raise NotFoundError(f"there is no {path}", hint="give a file or folder to check")
        for file in _files(path, patterns):
            if file.resolve() not in seen:
                seen.add(file.resolve())
                _sort(file, tree)
    return tree


def _files(path: Path, exclude: tuple[str, ...]) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for folder, folders, names in os.walk(path):
        here = Path(folder)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and name not in LEFT_OUT and not _matches(here / name, path, exclude)
        )
        yield from (here / name for name in sorted(names) if not _matches(here / name, path, exclude))


def _matches(path: Path, root: Path, patterns: tuple[str, ...]) -> bool:
    relative = path.relative_to(root)
    return any(relative.match(pattern) or path.match(pattern) for pattern in patterns)


def _sort(file: Path, tree: Tree) -> None:
    name = file.name.lower()
    if name == MANIFEST_NAME:
        tree.components.append(ComponentSubject(file.parent, file))
    elif name in MANIFEST_LIKE:
        tree.misnamed.append(file)
    elif file.name in PIPELINE_FILES:
        tree.pipelines.append(PipelineSubject(file))
    elif (file.suffix in (".py", ".sh") or file.name == "Makefile") and _mentions_mlflow_run(file):
        tree.orchestrators.append(OrchestratorSubject(file))


def _mentions_mlflow_run(file: Path) -> bool:
    """A quick look, so that a thousand scripts which orchestrate nothing are not parsed."""
    try:
        content = file.read_bytes()
    except OSError:
        return False
    return b"mlflow" in content and any(words in content for words in _RUN_WORDS)


_RUN_WORDS = (b"mlflow.run", b"mlflow run", b"mlflow.projects", b"import run", b"import projects", b'"mlflow"')


def _manifest_in(folder: Path) -> Path | None:
    if not folder.is_dir():
        return None
    return next((path for path in sorted(folder.iterdir()) if path.name.lower() == MANIFEST_NAME), None)
