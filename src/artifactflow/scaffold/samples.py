"""Something to try a new component with: a small file for each input, and a value for what has no default."""

from __future__ import annotations

from typing import Final

from artifactflow.contract import Contract
from artifactflow.parameters import Parameter, ParameterType, Value, format_value

README: Final = "README.md"
"""The file that every component has: what a required path is tried with."""

_SAMPLES: Final = {
    "table": (".csv", "id,value\n1,0.5\n2,1.5\n3,2.5\n"),
    "json": (".json", '{\n  "accuracy": 0.93,\n  "rows": 150\n}\n'),
    "file": (".txt", "A sample of one line.\n"),
    "folder": ("/sample.txt", "A sample of one line.\n"),
}
"""The ending and the text of a sample, by format. A model has none: what cannot be read does not belong into git."""


def sample_path(name: str, data_format: str) -> str | None:
    """The sample of an input, a file or a folder, relative to the component; None for a model.

    >>> sample_path("raw", "table"), sample_path("images", "folder"), sample_path("model", "model")
    ('sample_raw.csv', 'sample_images', None)
    """
    if data_format not in _SAMPLES:
        return None
    ending, _ = _SAMPLES[data_format]
    return f"sample_{name}{ending}".partition("/")[0]


def sample_texts(contract: Contract, formats: dict[str, str]) -> dict[str, str]:
    """The text of every sample file, by its path relative to the component."""
    found = ((item.name, *_SAMPLES[formats[item.name]]) for item in contract.inputs if formats[item.name] in _SAMPLES)
    return {f"sample_{name}{ending}": text for name, ending, text in found}


def example_value(parameter: Parameter) -> str:
    """A value that a required parameter takes, as text; a path is relative to the component."""
    return format_value(_example(parameter))


def _example(parameter: Parameter) -> Value:
    if parameter.choices:
        return parameter.choices[0]
    match parameter.type:
        case ParameterType.INT | ParameterType.FLOAT:
            bounds = [bound for bound in (parameter.minimum, parameter.maximum) if bound is not None]
            return parameter.check(bounds[0] if bounds else 1)
        case ParameterType.BOOL:
            return True
        case ParameterType.PATH:
            return README
        case ParameterType.URI:
            return "https://example.org/data.csv"
    return "example"
