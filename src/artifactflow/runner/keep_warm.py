"""How long warm servers stay when the run has ended: `--keep-warm`, or `keep_warm` under `[tool.artifactflow]`."""

from __future__ import annotations

from pathlib import Path

from artifactflow.errors import ContractError, UsageError
from artifactflow.read.duration import duration
from artifactflow.settings import project_settings

HINT = "write it as 90s, 10m or 2h; 0 for not at all"


def keep_warm_seconds(option: str | None, folder: Path) -> float:
    """Seconds since their last use; 0 where servers end with the run. The option goes before the project's setting.

    `folder` is the pipeline's: the setting stands in a pyproject.toml there or above. Raises UsageError for an option,
    ContractError for a setting that is no duration.
    """
    if option is not None:
        seconds = duration(option)
        if seconds is None:
            raise UsageError(f"--keep-warm takes a duration, got {option!r}", hint=HINT)
        return seconds
    settings = project_settings(folder)
    text = settings.text("keep_warm")
    if text is None:
        return 0.0
    seconds = duration(text)
    if seconds is None:
        raise ContractError(f"keep_warm must be a duration, got {text!r}", place=settings.place, hint=HINT)
    return seconds
