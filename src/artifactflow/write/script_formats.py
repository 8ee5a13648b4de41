"""How a script holds an artifact in its hands: as a table, a model, a dict, a figure, a file or a folder.

A contract does not say it, only the script does, by an annotation or by how it reads and writes. Where nobody chooses,
the artifact's type does, see `format_of_type`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ScriptFormat:
    """What a script needs for one way to hold an artifact.

    `annotation` with its `imports` is the type of the object, `ending` that of its files. `reading` and `writing` are
    how a script without artifactflow does it, with `input_imports` and `output_imports`: `{path}` stands for a Path,
    `{value}` for the object. A format without `writing` is a path, which the step function is given and writes to
    itself.
    """

    annotation: str
    imports: tuple[str, ...]
    ending: str
    reading: str = "{path}"
    input_imports: tuple[str, ...] = ()
    writing: str = ""
    output_imports: tuple[str, ...] = ()

    @property
    def by_path(self) -> bool:
        """Whether the step function is given the place of an output, and does not return it."""
        return not self.writing


FORMATS: Final[dict[str, ScriptFormat]] = {
    "table": ScriptFormat(
        annotation="pd.DataFrame",
        imports=("import pandas as pd",),
        ending=".csv",
        reading="pd.read_csv({path})",
        writing="{value}.to_csv({path}, index=False)",
    ),
    "model": ScriptFormat(
        annotation="BaseEstimator",
        imports=("from sklearn.base import BaseEstimator",),
        ending=".skops",
        reading="skops.io.load({path})",
        input_imports=("import skops.io",),
        writing="skops.io.dump({value}, {path})",
        output_imports=("import skops.io",),
    ),
    "json": ScriptFormat(
        annotation="dict[str, Any]",
        imports=("from typing import Any",),
        ending=".json",
        reading='json.loads({path}.read_text(encoding="utf-8"))',
        input_imports=("import json",),
        writing='{path}.write_text(json.dumps({value}, indent=2) + "\\n", encoding="utf-8")',
        output_imports=("import json",),
    ),
    "figure": ScriptFormat(
        annotation="Figure",
        imports=("from matplotlib.figure import Figure",),
        ending=".png",
        writing="{value}.savefig({path})",
    ),
    "file": ScriptFormat(annotation="Path", imports=("from pathlib import Path",), ending=".txt"),
    "folder": ScriptFormat(annotation="Path", imports=("from pathlib import Path",), ending=""),
}
"""Every format by its name."""

_BY_LAST_WORD: Final = {
    **dict.fromkeys(("model", "estimator", "classifier", "regressor"), "model"),
    **dict.fromkeys(("json", "metrics", "report", "config", "scores"), "json"),
    **dict.fromkeys(("figure", "plot", "chart"), "figure"),
    **dict.fromkeys(("file", "text", "log"), "file"),
    **dict.fromkeys(("folder", "directory", "images"), "folder"),
}

DEFAULT_FORMAT: Final = "table"


def format_of_type(artifact_type: str) -> str:
    """The name of the format that an artifact's type suggests, by the last word of the type; a table otherwise.

    >>> [format_of_type(name) for name in ("raw_data", "model", "test-metrics", "loss_plot", "")]
    ['table', 'model', 'json', 'figure', 'table']
    """
    return _BY_LAST_WORD.get(re.split(r"[-_.]", artifact_type.lower())[-1], DEFAULT_FORMAT)


def type_words(data_format: str) -> list[str]:
    """The last words of artifacts' types that suggest a format; none for the one that the others are left to.

    >>> type_words("figure")
    ['figure', 'plot', 'chart']
    """
    return [word for word, suggested in _BY_LAST_WORD.items() if suggested == data_format]
