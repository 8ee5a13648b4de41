"""`[tool.artifactflow]` of a pyproject.toml: what a project says once for every command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from artifactflow.errors import ContractError, Place

FILE = "pyproject.toml"
TABLE = "[tool.artifactflow]"


@dataclass(frozen=True, slots=True)
class ProjectSettings:
    """The table of one file; without a `file` there is none, and nothing is set."""

    file: Path | None = None
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> Place | None:
        """Where it stands, for messages."""
        return Place(str(self.file)) if self.file else None

    def text(self, key: str) -> str | None:
        """A text, None where the key is absent. Raises ContractError for anything else."""
        value = self.values.get(key)
        if value is None or isinstance(value, str):
            return value
        raise ContractError(f"{TABLE} {key} must be a text, got {value!r}", place=self.place)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, empty where the key is absent. Raises ContractError for anything else."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            raise ContractError(f"{TABLE} {key} must be a list of texts, got {value!r}", place=self.place)
        return tuple(value)


def project_settings(start: Path) -> ProjectSettings:
    """The settings of the nearest pyproject.toml at or above the folder `start` that has `[tool.artifactflow]`.

    Raises ContractError for a file that speaks of artifactflow and is not TOML.
    """
    folder = start.resolve()
    for candidate in (folder, *folder.parents):
        found = _settings_in(candidate / FILE)
        if found is not None:
            return found
    return ProjectSettings()


def _settings_in(file: Path) -> ProjectSettings | None:
    if not file.is_file():
        return None
    content = file.read_bytes()
    if b"artifactflow" not in content:
        return None  # most files: no parser has to be loaded to know
    import tomllib

    try:
        tools = tomllib.loads(content.decode()).get("tool")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ContractError(f"{FILE} is not TOML: {error}", place=Place(str(file))) from error
    table = tools.get("artifactflow") if isinstance(tools, dict) else None
    if table is None:
        return None
    if not isinstance(table, dict):
        raise ContractError(f"{TABLE} must be a table, got {table!r}", place=Place(str(file)))
    return ProjectSettings(file, table)
