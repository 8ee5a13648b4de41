"""pandas.DataFrame in a file, by its ending; the index is never written.

Text formats forget types: dates in a `.csv` come back as text. Parquet and Feather keep them. The same table gives
the same bytes, except in `.xlsx`, which carries the time of writing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from artifactflow.errors import ContractError, IntegrityError, MissingToolError, StepFailedError
from artifactflow.formats.folder import file_to_read

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas

name = "table"
ending = ".csv"

_readers: Final[dict[str, Callable[[Any, Path], pandas.DataFrame]]] = {
    # The whole column decides its type, not one chunk after the other.
    ".csv": lambda pandas, path: pandas.read_csv(path, low_memory=False),
    ".tsv": lambda pandas, path: pandas.read_csv(path, sep="\t", low_memory=False),
    ".jsonl": lambda pandas, path: pandas.read_json(path, lines=True),
    ".ndjson": lambda pandas, path: pandas.read_json(path, lines=True),
    ".json": lambda pandas, path: pandas.read_json(path, orient="records"),
    ".parquet": lambda pandas, path: pandas.read_parquet(path),
    ".feather": lambda pandas, path: pandas.read_feather(path),
    ".xlsx": lambda pandas, path: pandas.read_excel(path),
}

_writers: Final[dict[str, Callable[[pandas.DataFrame, Path, Any], None]]] = {
    ".csv": lambda frame, path, compression: frame.to_csv(path, index=False, compression=compression),
    ".tsv": lambda frame, path, compression: frame.to_csv(path, index=False, sep="\t", compression=compression),
    ".jsonl": lambda frame, path, compression: frame.to_json(
        path, orient="records", lines=True, compression=compression
    ),
    ".json": lambda frame, path, compression: frame.to_json(path, orient="records", compression=compression),
    ".parquet": lambda frame, path, _: frame.to_parquet(path, index=False),
    ".feather": lambda frame, path, _: frame.reset_index(drop=True).to_feather(path),
    ".xlsx": lambda frame, path, _: frame.to_excel(path, index=False),
}
_writers[".ndjson"] = _writers[".jsonl"]

# gzip keeps the time of writing unless it is given one.
_compressions: Final[dict[str, object]] = {
    ".gz": {"method": "gzip", "mtime": 1},
    ".bz2": "bz2",
    ".xz": "xz",
    ".zst": "zstd",
}
_compressible: Final = frozenset({".csv", ".tsv", ".jsonl", ".ndjson", ".json"})
_packages: Final = {".parquet": "pyarrow", ".feather": "pyarrow", ".xlsx": "openpyxl", ".zst": "zstandard"}


@dataclass(frozen=True, slots=True)
class TableSummary:
    """What a table looks like: the number of rows, each column's type by its name, and its first rows as texts."""

    rows: int
    columns: dict[str, str]
    first_rows: tuple[tuple[str, ...], ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows, len(self.columns)

    def to_json(self) -> dict[str, Any]:
        """Rows and column types, for an artifact's metadata. The rows themselves stay in the artifact."""
        return {"rows": self.rows, "columns": dict(self.columns)}


def is_table(path: Path) -> bool:
    """Whether a file's ending says that it is a table. `.json` does not: it can be anything.

    >>> is_table(Path("housing.csv.gz")), is_table(Path("scores.json"))
    (True, False)
    """
    kind, _ = _endings(path)
    return kind in _readers and kind != ".json"


def read(path: Path) -> pandas.DataFrame:
    """The table in the file, or in the only table file of the folder, `path`.

    Raises NotFoundError where there is none, ContractError for an ending that is no table's and for a folder with
    several, IntegrityError for content that cannot be read, MissingToolError for a library that is not installed.
    """
    import pandas

    file = file_to_read(path, "a table", is_table)
    kind, compression = _endings(file)
    if kind not in _readers:
        raise ContractError(f"{file.name} is no table that can be read, expected one of {_known()}")
    with _library(kind, compression):
        try:
            return _readers[kind](pandas, file)
        except (ImportError, MemoryError):
            raise
        except Exception as error:  # every parser and decompressor has errors of its own
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise IntegrityError(f"{file} cannot be read as {kind}: {_first_line(error)}") from error


def write(value: Any, path: Path) -> None:
    """Write a table in the format of the file's ending.

    Raises ContractError for an ending that is no table's, StepFailedError for what is no table or has values that
    the format cannot hold, MissingToolError for a library that is not installed.
    """
    import pandas

    kind, compression = _endings(path)
    if kind not in _writers:
        raise ContractError(f"a table cannot be written to {path.name}, expected one of {_known()}")
    if not isinstance(value, pandas.DataFrame):
        raise StepFailedError(f"the step gave a {type(value).__name__}, expected a pandas.DataFrame")
    with _library(kind, compression):
        try:
            _writers[kind](value, path, _compressions.get(compression))
        except (ValueError, TypeError) as error:
            path.unlink(missing_ok=True)
            raise StepFailedError(f"the table cannot be written as {kind}: {_first_line(error)}") from error


def summary(path: Path, rows: int = 5) -> TableSummary:
    """What the table in a file looks like, with its first `rows`. Raises what `read` raises."""
    frame = read(path)
    return TableSummary(
        rows=len(frame),
        columns={str(column): str(kind) for column, kind in frame.dtypes.items()},
        first_rows=tuple(tuple(str(value) for value in row) for row in frame.head(rows).itertuples(index=False)),
    )


def _endings(path: Path) -> tuple[str, str]:
    """The ending of the table and of its compression: `.csv` and `.gz`."""
    *_, before, last = ["", "", *(suffix.lower() for suffix in path.suffixes)]
    if last in _compressions and before in _compressible:
        return before, last
    return last, ""


def _known() -> str:
    return f"{', '.join(_readers)} (text formats also with {', '.join(_compressions)})"


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


@contextmanager
def _library(kind: str, compression: str) -> Iterator[None]:
    """Name the package where pandas finds an optional one missing."""
    try:
        yield
    except ImportError as error:
        ending = compression or kind
        package = _packages.get(ending, str(error.name))
        raise MissingToolError(
            f"{ending} files need the package {package}, which is not installed", hint=f"pip install {package}"
        ) from error
