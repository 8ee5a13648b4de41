"""How two files of the same kind differ: tables by rows, columns and their values, JSON by its keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from artifactflow.formats import format_of_file, structured, table

if TYPE_CHECKING:
    import pandas

TOP_VALUES: Final = 3
"""How many of a column's most frequent values are told, where it has no mean."""


def difference(before: Path, after: Path) -> dict[str, Any] | None:
    """What differs between two files; None where they are not both tables, or both JSON.

    A table gives `rows`, `columns` that were `added`, `removed` or changed their type, and a summary of each column,
    each as a pair of before and after. JSON gives the keys that were `added`, `removed` and `changed`, nested ones
    as `a.b`. Raises IntegrityError where a file cannot be read as what its ending says.
    """
    kinds = {format_of_file(before).name, format_of_file(after).name}
    if kinds == {table.name}:
        return {"kind": "table", **_table_difference(table.read(before), table.read(after))}
    if kinds == {structured.name}:
        return {"kind": "json", **_json_difference(structured.read(before), structured.read(after))}
    return None


def _table_difference(before: pandas.DataFrame, after: pandas.DataFrame) -> dict[str, Any]:
    old, new = [str(name) for name in before.columns], [str(name) for name in after.columns]
    summaries = {}
    for name in dict.fromkeys([*old, *new]):
        pair = [
            summary(frame.iloc[:, names.index(name)]) if name in names else None
            for frame, names in ((before, old), (after, new))
        ]
        summaries[name] = pair
    return {
        "rows": [len(before), len(after)],
        "columns": {
            "added": [name for name in new if name not in old],
            "removed": [name for name in old if name not in new],
            "retyped": [name for name, (a, b) in summaries.items() if a and b and a["type"] != b["type"]],
        },
        "summary": summaries,
    }


def summary(column: pandas.Series) -> dict[str, Any]:
    """A column in a few values: its type, how many it has and misses, and mean, standard deviation and bounds.

    A column that is no number has its most frequent values with their counts in place of these.
    """
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    known = column.dropna()
    found: dict[str, Any] = {"type": str(column.dtype), "count": len(known), "missing": len(column) - len(known)}
    if is_numeric_dtype(column) and not is_bool_dtype(column):
        values = {"mean": known.mean(), "std": known.std(), "min": known.min(), "max": known.max()}
        return {**found, **structured.to_json(values if len(known) else dict.fromkeys(values))}
    counts = known.astype(str).value_counts()
    # Of values that are as frequent, the first by name, so that the answer is the same every time.
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:TOP_VALUES]
    return {**found, "distinct": len(counts), "top": {str(value): int(count) for value, count in most}}


def _json_difference(before: Any, after: Any) -> dict[str, Any]:
    old, new = dict(_leaves(before)), dict(_leaves(after))
    return {
        "added": {key: new[key] for key in new if key not in old},
        "removed": {key: old[key] for key in old if key not in new},
        "changed": {key: [old[key], new[key]] for key in old if key in new and old[key] != new[key]},
    }


def _leaves(value: Any, key: str = "") -> list[tuple[str, Any]]:
    """Every value with its key, `a.b` or `a[0]`; an empty mapping or list is a value."""
    if isinstance(value, dict) and value:
        return [leaf for name, item in value.items() for leaf in _leaves(item, f"{key}.{name}" if key else name)]
    if isinstance(value, list) and value:
        return [leaf for number, item in enumerate(value) for leaf in _leaves(item, f"{key}[{number}]")]
    return [(key, value)]
