"""Which environment each step was asked to run in, and by whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from artifactflow.errors import ContractError, UsageError
from artifactflow.pipeline import EnvironmentMode, Step
from artifactflow.selection import named
from artifactflow.settings import FILE, TABLE, project_settings

VARIABLE: Final = "ARTIFACTFLOW_ENV"


@dataclass(frozen=True, slots=True)
class AskedMode:
    """A mode, and the words for where it was stated: `--env train=uv`, `env: of the step`."""

    mode: EnvironmentMode = EnvironmentMode.AUTO
    source: str = "default"


@dataclass(frozen=True, slots=True)
class EnvironmentModes:
    """What was asked for, strongest first: `steps` by name, `everywhere`, the step's own `env:`, and the `rest`."""

    steps: Mapping[str, AskedMode] | None = None
    everywhere: AskedMode | None = None
    rest: AskedMode = AskedMode()

    def of(self, step: Step) -> AskedMode:
        """The mode of a step."""
        if self.steps and step.name in self.steps:
            return self.steps[step.name]
        if self.everywhere:
            return self.everywhere
        return AskedMode(step.env, "env: of the step") if step.env else self.rest


def environment_modes(
    options: Sequence[str], variables: Mapping[str, str], steps: Sequence[Step], folder: Path
) -> EnvironmentModes:
    """The modes from the texts of `--env` (`uv`, `STEP=uv`), from ARTIFACTFLOW_ENV among `variables`, and from the
    `env` of the `[tool.artifactflow]` at or above `folder`.

    STEP may be a tag and hold wildcards; of several texts that mean a step the last counts. Raises UsageError for a
    text or variable that is no mode, ContractError for such a setting, NotFoundError for a word that means no step.
    """
    by_step: dict[str, AskedMode] = {}
    everywhere = None
    for text in options:
        word, equals, mode = text.rpartition("=")
        asked = AskedMode(_mode(mode, f"--env {text}"), f"--env {text}")
        if equals:
            by_step |= dict.fromkeys(named([word], steps), asked)
        else:
            everywhere = asked
    return EnvironmentModes(by_step, everywhere, _rest(variables, folder))


def _rest(variables: Mapping[str, str], folder: Path) -> AskedMode:
    if text := variables.get(VARIABLE):
        return AskedMode(_mode(text, f"{VARIABLE}={text}"), VARIABLE)
    settings = project_settings(folder)
    text = settings.text("env")
    if text is None:
        return AskedMode()
    try:
        return AskedMode(EnvironmentMode(text), f"env of {FILE}")
    except ValueError:
        raise ContractError(f"{TABLE} env must be one of {_words()}, got {text!r}", place=settings.place) from None


def _mode(text: str, stated: str) -> EnvironmentMode:
    try:
        return EnvironmentMode(text)
    except ValueError:
        raise UsageError(
            f"{stated}: there is no environment {text!r}, expected one of {_words()}",
            hint="for example: --env uv, or for one step --env train=uv",
        ) from None


def _words() -> str:
    return ", ".join(EnvironmentMode)
