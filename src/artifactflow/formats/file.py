"""A plain file or folder: the step gets its path, and writes what it likes."""

from __future__ import annotations

import shutil
from pathlib import Path, PurePath

from artifactflow.errors import NotFoundError, StepFailedError, UsageError

name = "file"
ending = ""


def read(path: Path) -> Path:
    """The path itself. Raises NotFoundError where nothing is there."""
    if not path.exists():
        raise NotFoundError(f"{path} does not exist")
    return path


def write(value: object, path: Path) -> None:
    """Move the file or folder that a step says it wrote to `path`.

    Raises StepFailedError where the step gave no path or a path to nothing, UsageError where `path` is a folder
    with something in it.
    """
    if not isinstance(value, (str, PurePath)):
        raise StepFailedError(f"the step gave a {type(value).__name__}, expected the path of what it wrote")
    written = Path(value)
    if not written.exists():
        raise StepFailedError(f"the step says that it wrote {written}, but nothing is there")
    if path.exists():
        if path.samefile(written):
            return
        if path.is_dir():
            if any(path.iterdir()):
                raise UsageError(f"{path} stands in the way of what the step wrote, and it is not empty")
            path.rmdir()  # shutil.move would move into the folder, not to its place
        elif written.is_dir():
            raise UsageError(f"the file {path} stands in the way of the folder that the step wrote")
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(written, path)
