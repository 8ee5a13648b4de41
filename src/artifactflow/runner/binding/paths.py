"""What a path means that somebody wrote or typed: a relative one starts from the folder of whoever gave it."""

from __future__ import annotations

from pathlib import Path

from artifactflow.artifact import URI_PREFIX
from artifactflow.fetch.addresses import local_path
from artifactflow.parameters import Parameter, ParameterType, Source, SourceKind, Value


def base_of(source: Source, folder: Path, caller: Path) -> Path:
    """What a value's path is relative to: `caller` where it came from a terminal, else the `folder` of its file."""
    return caller if source.kind in (SourceKind.OPTION, SourceKind.VARIABLE) else folder


def absolute_value(parameter: Parameter, value: Value, base: Path) -> Value:
    """The value, made absolute where it is a path, or the address of a local file: here it is still known from where.

    Raises UsageError as `local_path` does.
    """
    if not isinstance(value, str) or not value or value.startswith(URI_PREFIX):
        return value
    is_path = parameter.type is ParameterType.PATH
    if is_path or (parameter.type is ParameterType.URI and is_local_address(value)):
        return str(base / local_path(value))
    return value


def is_local_address(address: str) -> bool:
    """Whether a `uri` parameter names a file of this machine: no scheme, or `file:`.

    >>> is_local_address("data/iris.csv"), is_local_address("https://host/iris.csv"), is_local_address("pkg:a/b")
    (True, False, False)
    """
    scheme, colon, _ = address.partition(":")
    return not colon or scheme == "file" or not scheme.isalnum() or len(scheme) == 1
