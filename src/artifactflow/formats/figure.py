"""matplotlib figures as pictures: written, never read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NoReturn

from artifactflow.errors import ContractError, StepFailedError

name = "figure"
ending = ".png"

# The dates and random ids that matplotlib writes by itself would make every picture a new version.
_metadata: Final[dict[str, dict[str, Any]]] = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


def read(path: Path) -> NoReturn:
    """A picture has no way back to the figure. Raises ContractError."""
    raise ContractError(
        f"{path} is a picture, and no figure can be read back from it", hint="annotate the input with Path"
    )


def write(value: Any, path: Path) -> None:
    """Draw a figure to a `.png`, `.svg` or `.pdf`, the same bytes for the same figure.

    Raises ContractError for another ending, StepFailedError for what is no figure.
    """
    kind = path.suffix.lower()
    if kind not in _metadata:
        raise ContractError(f"a figure cannot be written to {path.name}, expected one of {', '.join(_metadata)}")
    if not hasattr(value, "savefig"):
        raise StepFailedError(f"the step gave a {type(value).__name__}, expected a matplotlib.figure.Figure")
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "artifactflow"}):
        value.savefig(path, format=kind[1:], metadata=_metadata[kind])
