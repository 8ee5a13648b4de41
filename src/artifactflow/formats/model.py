"""Fitted scikit-learn estimators as skops files: nothing is ever unpickled.

A skops file is a zip of arrays and a description of objects, and it names every type that loading it would create.
skops vouches for most of scikit-learn; `reviewed_types` adds what else a fitted estimator is made of. A file with any
other type is refused unless the caller says `read(path, trust=True)`.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any, Final

from artifactflow.errors import ContractError, IntegrityError, StepFailedError
from artifactflow.formats import trees
from artifactflow.formats.folder import file_to_read

name = "model"
ending = ".skops"

reviewed_types: Final = frozenset(
    {
        "numpy.dtype",  # made from an empty array, which numpy reads without pickle
        trees.TREE,  # skops leaves these two to the user, because their nodes are followed
        trees.PREDICTOR,  # without bounds checks: `trees.check` makes up for that after loading
    }
)
"""Types that skops does not load by itself and that were found to be harmless."""

_pickle_endings: Final = frozenset({".pkl", ".pickle", ".joblib", ".cloudpickle", ".dill"})
_first_date: Final = (1980, 1, 1, 0, 0, 0)


def read(path: Path, trust: bool = False) -> Any:
    """The estimator in the file, or in the only file of the folder, `path`.

    Loading with `trust` creates whatever types the file names: only for files that you made yourself.

    Raises NotFoundError where there is none, IntegrityError for a pickle, for a file that is no skops file, and for
    one with types that nobody vouches for, which it lists.
    """
    file = file_to_read(path, "a model", lambda candidate: candidate.suffix.lower() == ending)
    # Read once: what is checked has to be what is loaded, whoever else can write to the file.
    content = file.read_bytes()
    if file.suffix.lower() in _pickle_endings or not zipfile.is_zipfile(io.BytesIO(content)):
        raise IntegrityError(
            f"{file} is not a skops file; pickle and joblib files are never loaded, because loading one runs its code",
            hint="save the estimator again: skops.io.dump(estimator, 'model.skops')",
        )
    import skops.io

    try:
        named = skops.io.get_untrusted_types(data=content)
    except Exception as error:  # a file made by anyone can break skops in any way
        raise _unreadable(file, error) from error
    unknown = sorted(set(named) - reviewed_types)
    if unknown and not trust:
        raise IntegrityError(
            f"{file} would create objects of types that are not known to be harmless: {', '.join(unknown)}",
            hint="if you made the file yourself, trust it: load(trust=True) on its version, or read(path, trust=True)",
        )
    try:
        estimator = skops.io.loads(content, trusted=named)
    except Exception as error:
        raise _unreadable(file, error) from error
    if not trust:
        trees.check(estimator, str(file))
    return estimator


def write(value: Any, path: Path) -> None:
    """Write an estimator; the same estimator gives the same bytes, in any process.

    Raises ContractError for a file name that promises a pickle, StepFailedError for what is no estimator or holds
    objects that skops cannot write.
    """
    if path.suffix.lower() in _pickle_endings:
        raise ContractError(
            f"a model is kept as a skops file, and {path.name} promises a pickle",
            hint=f"call the output's path {path.stem}{ending}",
        )
    import skops.io
    from sklearn.base import BaseEstimator

    if not isinstance(value, BaseEstimator):
        raise StepFailedError(f"the step gave a {type(value).__name__}, expected a scikit-learn estimator")
    try:
        content = skops.io.dumps(value)
    except (TypeError, ValueError, AttributeError) as error:
        raise StepFailedError(f"the {type(value).__name__} cannot be kept as a skops file: {error}") from error
    path.write_bytes(_canonical(content))


def _unreadable(file: Path, error: Exception) -> IntegrityError:
    return IntegrityError(f"{file} cannot be read as a skops file: {type(error).__name__}: {error}")


def _canonical(content: bytes) -> bytes:
    """The same skops file without dates, memory addresses and random names, all of which skops writes into it.

    Addresses say which mentions are one object; numbers in the order of mention say it as well. Texts and numbers
    lose theirs: whether two equal ones are one object is up to the interpreter.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as source:
        state = json.loads(source.read("schema.json"))
        numbers: dict[object, int] = {}
        names: dict[str, str] = {}
        _renumber(state, numbers, names)
        buffer = io.BytesIO()
        # Stored, not deflated: what a compressor gives differs between versions of zlib.
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as target:
            for old, new in names.items():
                member = source.read(old)
                target.writestr(zipfile.ZipInfo(new, _first_date), _undated(member) if new.endswith(".npz") else member)
            schema = json.dumps(state, separators=(",", ":"))
            target.writestr(zipfile.ZipInfo("schema.json", _first_date), schema)
    return buffer.getvalue()


def _renumber(state: Any, numbers: dict[object, int], names: dict[str, str]) -> None:
    """Replace the addresses and file names below `state`, in place, filling the two mappings from old to new."""
    if isinstance(state, list):
        for item in state:
            _renumber(item, numbers, names)
    elif isinstance(state, dict):
        # A node names its loader; the attributes and keys of a user's mapping are nodes, never texts.
        if isinstance(state.get("__loader__"), str):
            if state["__loader__"] == "JsonNode":
                state.pop("__id__", None)
            elif "__id__" in state:
                state["__id__"] = numbers.setdefault(state["__id__"], len(numbers) + 1)
            if isinstance(old := state.get("file"), str):
                state["file"] = names.setdefault(old, f"{len(names) + 1}{Path(old).suffix}")
        for item in state.values():
            _renumber(item, numbers, names)


def _undated(content: bytes) -> bytes:
    """A sparse matrix is a zip of its own, dated too."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as target:
        for member in source.namelist():
            target.writestr(zipfile.ZipInfo(member, _first_date), source.read(member))
    return buffer.getvalue()
