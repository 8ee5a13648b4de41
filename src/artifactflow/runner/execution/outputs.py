"""Where the outputs of a step are found when it has ended."""

from __future__ import annotations

import os
from pathlib import Path

from artifactflow.contract import Output
from artifactflow.errors import ContractError, StepFailedError
from artifactflow.runner.binding.bound import BoundStep


def matches(bound: BoundStep, output: Output) -> list[Path]:
    """What there is now at the place of an output in its component's folder, sorted.

    Raises ContractError for a place that is not in that folder.
    """
    folder = bound.component.folder
    if Path(output.path).is_absolute() or ".." in Path(output.path).parts or not output.path:
        raise ContractError(
            f"output {output.key!r} has the path {output.path!r}, expected one inside the component's folder",
            place=bound.contract.places.get(f"outputs.{output.key}"),
        )
    return sorted(folder.glob(output.path))


def written_output(bound: BoundStep, output: Output, place: Path | None) -> Path:
    """The file or folder that a step has written: at `place`, which it was given, or at that of the contract.

    Raises StepFailedError where there is none, or where there are several.
    """
    found = matches(bound, output) if place is None else [place] if os.path.lexists(place) else []
    if not found:
        raise StepFailedError(
            f"step {bound.name} ended well but wrote no output {output.key!r}, expected at "
            f"{place or bound.component.folder / output.path}",
            hint=f"write to the path given by --{output.key}, or correct the outputs in its MLproject",
        )
    if len(found) > 1:
        raise StepFailedError(
            f"step {bound.name}: {output.path!r} of output {output.key!r} matches {len(found)} files",
            hint="make the pattern match one file or folder; name the folder to keep all that is in it",
        )
    return _only_file_in(found[0]) if output.unwrap else found[0]


def _only_file_in(path: Path) -> Path:
    """A folder with nothing but one file stands for that file."""
    if path.is_dir() and not path.is_symlink():
        inside = list(path.iterdir())
        if len(inside) == 1 and inside[0].is_file() and not inside[0].is_symlink():
            return inside[0]
    return path
