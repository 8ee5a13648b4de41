"""Between Python objects and files: a format is chosen by annotation, by type name or by a file's ending.

The formats are the modules of this package: `table` (pandas.DataFrame), `model` (scikit-learn estimators), `structured`
(JSON), `figure` (matplotlib) and `file` (a Path, handed through). Each has the four members of `Format`. Choosing one
imports no library: a class is known by the names in its method resolution order, and whoever annotates with
`pandas.DataFrame` has imported pandas already.
"""

from __future__ import annotations

import types
import typing
from pathlib import Path
from typing import Any, Final, Protocol

from artifactflow.errors import ContractError
from artifactflow.formats import figure, file, model, structured, table
from artifactflow.formats.folder import single_file

__all__ = [
    "FORMATS",
    "Format",
    "format_of_annotation",
    "format_of_file",
    "format_of_type_name",
    "read_any",
]


class Format(Protocol):
    """One way to keep objects in files. `ending` is that of what it writes by default, empty for a plain file."""

    @property
    def name(self) -> str:
        """What it is called in messages."""

    @property
    def ending(self) -> str:
        """The ending of the file, with its dot."""

    def read(self, path: Path) -> Any:
        """The object in the file, or in the only file of the folder, `path`."""

    def write(self, value: Any, path: Path) -> None:
        """Write `value` to the file `path`."""


FORMATS: Final[dict[str, Format]] = {module.name: module for module in (table, model, structured, figure, file)}
"""Every format by its name."""

# (top-level package, class name): the modules between them are private and move, as pandas.core.frame did.
_by_class: Final[dict[tuple[str, str], Format]] = {
    ("pandas", "DataFrame"): table,
    ("matplotlib", "Figure"): figure,
    **{
        (package, name): structured
        for package, names in {
            "builtins": ("dict", "list"),
            "typing": ("Dict", "List", "Mapping", "MutableMapping", "Sequence"),
            "collections": ("Mapping", "MutableMapping", "Sequence", "OrderedDict"),
        }.items()
        for name in names
    },
}
_by_package: Final[dict[str, Format]] = {"sklearn": model, "pathlib": file}

_understood: Final = "Path, pandas.DataFrame, a scikit-learn estimator, dict, list or matplotlib.figure.Figure"


def format_of_annotation(annotation: object) -> Format:
    """The format of what a step function's parameter or result is annotated with.

    Subclasses count as what they derive from; `Annotated`, type arguments and `| None` are looked through.

    >>> [format_of_annotation(annotation).name for annotation in (Path | None, dict[str, float])]
    ['file', 'structured']

    Raises ContractError for anything else, naming what is understood.
    """
    found = {id(known): known for known in (_format_of_class(kind) for kind in _alternatives(annotation)) if known}
    unknown = [kind for kind in _alternatives(annotation) if _format_of_class(kind) is None]
    if len(found) == 1 and not unknown:
        return next(iter(found.values()))
    shown = annotation.__qualname__ if isinstance(annotation, type) else str(annotation)
    raise ContractError(
        f"an input or output is annotated with {shown}, which has no format",
        hint=f"annotate it with {_understood}; with Path the step reads and writes the file itself",
    )


def format_of_type_name(dotted: str) -> Format | None:
    """The format of a class known by its full name only, as read from source text; None where it has none.

    >>> format_of_type_name("sklearn.linear_model.LogisticRegression").name
    'model'
    """
    package, _, rest = dotted.rpartition(".") if "." not in dotted else dotted.partition(".")
    return _format_of_name(package or "builtins", rest.rpartition(".")[2])


def format_of_file(path: Path) -> Format:
    """The format that a file's ending tells; of a folder with one file in it, that file's. Others are plain files.

    `.json` is structured data, though `table.read` takes a list of records too.

    >>> [format_of_file(Path(name)).name for name in ("raw.csv.gz", "model.skops", "scores.json", "notes.txt")]
    ['table', 'model', 'structured', 'file']
    """
    path = single_file(path) or path
    if path.is_dir():
        return file
    if table.is_table(path):
        return table
    return {model.ending: model, structured.ending: structured}.get(path.suffix.lower(), file)


def read_any(path: Path, *, trust: bool = False) -> Any:
    """The object that a stored file or folder is, by its ending: a DataFrame, an estimator, a dict, else the path.

    `trust` is for models only, see `model.read`.
    """
    found = format_of_file(path)
    return model.read(path, trust=trust) if found is model else found.read(path)


def _alternatives(annotation: object) -> list[object]:
    """The classes of an annotation, without None."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _alternatives(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return [
            kind for member in typing.get_args(annotation) if member is not type(None) for kind in _alternatives(member)
        ]
    return [origin or annotation]


def _format_of_class(kind: object) -> Format | None:
    if not isinstance(kind, type):
        return None
    for base in kind.__mro__:
        found = _format_of_name(base.__module__.partition(".")[0], base.__qualname__)
        if found is not None:
            return found
    return None


def _format_of_name(package: str, name: str) -> Format | None:
    return _by_class.get((package, name)) or _by_package.get(package)
